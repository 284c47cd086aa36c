package locktest

import (
	"context"
	"fmt"
	"time"

	"example.com/holdfast/locker"
)

// Op is a method of a [locker.Backend] or of one of its optional interfaces.
type Op int

// The operations.
const (
	OpAcquire Op = iota + 1 // locker.Backend's Acquire, and locker.Grouper's AcquireGroup
	OpRenew                 // locker.Backend's Renew
	OpRelease               // locker.Backend's Release
	OpInspect               // locker.Inspector's Inspect
	OpPoll                  // locker.Poller's Poll
	OpAwait                 // locker.Notifier's Await
	OpList                  // locker.Lister's List, once for each iteration: the fault comes before it
	OpBreak                 // locker.Breaker's Break
)

var opNames = [...]string{"", "acquire", "renew", "release", "inspect", "poll", "await", "list", "break"}

// String returns the operation in a word.
func (op Op) String() string {
	if op <= 0 || int(op) >= len(opNames) {
		return fmt.Sprintf("Op(%d)", int(op))
	}
	return opNames[op]
}

// Fault is what happens to one call on its way to the store and back. send sends
// the request, each time it is called, and returns the store's error. What the
// Fault returns is the error that the caller sees; the rest of the caller's
// answer is that of the first send. A Fault that returns nil must have sent.
//
// The functions of this package that return a Fault cover what a network does;
// write another for what they don't cover. A Fault may block, but like a Backend
// it has to return soon after ctx is done. It may be used for several calls at
// once.
type Fault func(ctx context.Context, send func(context.Context) error) error

// Drop is a request that gets lost: nothing is sent, and the caller sees an
// error that wraps [locker.ErrUnavailable].
func Drop() Fault {
	return func(context.Context, func(context.Context) error) error {
		return unavailable("the request was dropped")
	}
}

// Lose is an answer that gets lost: the request takes effect, or is refused, and
// the caller sees an error that wraps [locker.ErrUnavailable].
func Lose() Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		if err := send(ctx); err != nil {
			return fmt.Errorf("%w: it was: %v", unavailable("the answer was lost"), err)
		}
		return unavailable("the answer was lost")
	}
}

// Fail answers with err and sends nothing. What kind of error it is decides what
// the caller makes of it: one that wraps [locker.ErrUnavailable] is tried again.
func Fail(err error) Fault {
	return func(context.Context, func(context.Context) error) error { return err }
}

// Stall is a request that hangs: it is sent once until is closed. A caller whose
// ctx is done before gets an error that wraps [locker.ErrUnavailable], and
// nothing is sent.
func Stall(until <-chan struct{}) Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		select {
		case <-until:
			return send(ctx)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", unavailable("the request was stalled"), ctx.Err())
		}
	}
}

// Delay is an answer that takes its time: the request takes effect at once, and
// the caller hears of it d later by the clock. A caller whose ctx is done before
// gets an error that wraps [locker.ErrUnavailable].
func Delay(clock locker.Clock, d time.Duration) Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		err := send(ctx)
		over := make(chan struct{})
		defer clock.AfterFunc(d, func() { close(over) }).Stop()
		select {
		case <-over:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", unavailable("the answer was delayed"), ctx.Err())
		}
	}
}

// Repeat is a request of which the network keeps a copy. It is sent and answered
// as usual; besides, again receives a function that sends the copy, whenever the
// test calls it, and returns the store's error. again needs room for one value
// for each call that is to be repeated: Repeat does not wait for a receiver, and
// drops the copy of which nobody wants to know.
func Repeat(again chan<- func() error) Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		err := send(ctx)
		pass(again, ctx, send)
		return err
	}
}

// Late is a request that is held up: the caller sees an error that wraps
// [locker.ErrUnavailable], at once, and the request arrives when the test calls
// the function that later receives. later needs room, as with [Repeat].
func Late(later chan<- func() error) Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		pass(later, ctx, send)
		return unavailable("the request was held up")
	}
}

// pass hands a request to the test. It no longer depends on the caller.
func pass(to chan<- func() error, ctx context.Context, send func(context.Context) error) {
	ctx = context.WithoutCancel(ctx)
	select {
	case to <- func() error { return send(ctx) }:
	default:
	}
}

func unavailable(why string) error { return fmt.Errorf("locktest: %s: %w", why, locker.ErrUnavailable) }
