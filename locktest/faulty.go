package locktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// Faulty stands between a client and a [locker.Backend], as the network does, and
// lets go wrong what a test orders. It also counts. Its methods are safe for use
// by several goroutines at once, and none of them blocks.
//
//	faults := locktest.NewFaulty(backend)
//	l := locker.New(faults.Backend())
//	faults.Inject(locktest.OpAcquire, 1, locktest.Lose())
//	lease, err := l.Acquire(ctx, "reports/daily") // held, although an answer got lost
type Faulty struct {
	inner locker.Backend

	mu     sync.Mutex
	orders map[Op][]order
	calls  map[Op]int
	sent   map[Op]int
}

// order is a fault and how many calls it is still for; below 0: all.
type order struct {
	n     int
	fault Fault
}

// NewFaulty returns a Faulty before b, without any faults yet.
func NewFaulty(b locker.Backend) *Faulty {
	return &Faulty{inner: b, orders: make(map[Op][]order), calls: make(map[Op]int), sent: make(map[Op]int)}
}

// Backend returns what a client is given in place of the backend behind f. It is
// a [locker.Poller] and a [locker.Notifier] where that one is, since a client
// behaves differently where they are missing. It always is a [locker.Inspector],
// a [locker.Lister], a [locker.Breaker] and a [locker.Grouper], which return
// [errors.ErrUnsupported] where the one behind is none.
func (f *Faulty) Backend() locker.Backend {
	b := &faultyBackend{f}
	poller, polls := f.inner.(locker.Poller)
	notifier, notifies := f.inner.(locker.Notifier)
	switch {
	case polls && notifies:
		return struct {
			*faultyBackend
			faultyPoller
			faultyNotifier
		}{b, faultyPoller{f, poller}, faultyNotifier{f, notifier}}
	case polls:
		return struct {
			*faultyBackend
			faultyPoller
		}{b, faultyPoller{f, poller}}
	case notifies:
		return struct {
			*faultyBackend
			faultyNotifier
		}{b, faultyNotifier{f, notifier}}
	}
	return b
}

// Inject orders fault for the next n calls of op, or for all of them if n is
// below 0. Orders for one op are carried out one after the other, in the order
// in which they were given; one for all calls is never done. A nil fault lets
// calls pass.
func (f *Faulty) Inject(op Op, n int, fault Fault) {
	if n == 0 {
		return
	}
	if fault == nil {
		fault = func(ctx context.Context, send func(context.Context) error) error { return send(ctx) }
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orders[op] = append(f.orders[op], order{n, fault})
}

// InjectAll orders fault for all calls of all operations: a store that is cut off.
// It comes after what was ordered before.
func (f *Faulty) InjectAll(fault Fault) {
	for op := OpAcquire; op <= OpBreak; op++ {
		f.Inject(op, -1, fault)
	}
}

// Clear forgets what was ordered. Calls that a fault has in its hands already are
// left to it.
func (f *Faulty) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.orders)
}

// Calls returns how many calls of op the client has made, faulty or not.
func (f *Faulty) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// Sent returns how many requests of op the store has answered. It differs from
// [Faulty.Calls] by those that were dropped or repeated or are on their way.
func (f *Faulty) Sent(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent[op]
}

// call counts a call of op and passes it through the fault that is due.
func (f *Faulty) call(ctx context.Context, op Op, send func(context.Context) error) error {
	f.mu.Lock()
	f.calls[op]++
	fault := f.nextLocked(op)
	f.mu.Unlock()
	counted := func(ctx context.Context) error {
		err := send(ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.sent[op]++
		return err
	}
	if fault == nil {
		return counted(ctx)
	}
	return fault(ctx, counted)
}

// nextLocked returns the fault for the next call of op; nil: none.
func (f *Faulty) nextLocked(op Op) Fault {
	orders := f.orders[op]
	if len(orders) == 0 {
		return nil
	}
	fault := orders[0].fault
	if orders[0].n > 0 {
		orders[0].n--
	}
	if orders[0].n == 0 {
		f.orders[op] = orders[1:]
	}
	return fault
}

// answer is what the first send of a request has brought.
type answer[T any] struct {
	mu    sync.Mutex
	known bool
	value T
}

func (a *answer[T]) set(v T) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known {
		a.known, a.value = true, v
	}
}

// or returns the answer, or otherwise if there is none.
func (a *answer[T]) or(otherwise T) T {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known {
		return a.value
	}
	return otherwise
}

// faultyBackend is the part of a backend behind a Faulty that is always there.
type faultyBackend struct{ f *Faulty }

func (b *faultyBackend) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	var got answer[locker.Grant]
	err := b.f.call(ctx, OpAcquire, func(ctx context.Context) error {
		g, err := b.f.inner.Acquire(ctx, a)
		got.set(g)
		return err
	})
	if err != nil {
		return locker.Grant{}, err
	}
	return got.or(locker.Grant{}), nil
}

// Renew returns the backend's own grant beside an error, as long as the request
// has got so far.
func (b *faultyBackend) Renew(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
	var got answer[locker.Grant]
	err := b.f.call(ctx, OpRenew, func(ctx context.Context) error {
		next, err := b.f.inner.Renew(ctx, g, r)
		got.set(next)
		return err
	})
	return got.or(g), err
}

func (b *faultyBackend) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	return b.f.call(ctx, OpRelease, func(ctx context.Context) error { return b.f.inner.Release(ctx, g, hold) })
}

func (b *faultyBackend) Inspect(ctx context.Context, name string) (locker.Info, error) {
	inspector, ok := b.f.inner.(locker.Inspector)
	if !ok {
		return locker.Info{}, fmt.Errorf("locktest: inspect %q: %w", name, errors.ErrUnsupported)
	}
	return b.f.look(ctx, OpInspect, name, inspector.Inspect)
}

type faultyPoller struct {
	f     *Faulty
	inner locker.Poller
}

func (p faultyPoller) Poll(ctx context.Context, name string) (locker.Info, error) {
	return p.f.look(ctx, OpPoll, name, p.inner.Poll)
}

type faultyNotifier struct {
	f     *Faulty
	inner locker.Notifier
}

func (n faultyNotifier) Await(ctx context.Context, name, revision string) error {
	return n.f.call(ctx, OpAwait, func(ctx context.Context) error { return n.inner.Await(ctx, name, revision) })
}

// look is a read by either of the two methods that read.
func (f *Faulty) look(ctx context.Context, op Op, name string, read func(context.Context, string) (locker.Info, error)) (locker.Info, error) {
	var got answer[locker.Info]
	err := f.call(ctx, op, func(ctx context.Context) error {
		info, err := read(ctx, name)
		got.set(info)
		return err
	})
	if err != nil {
		return locker.Info{}, err
	}
	return got.or(locker.Info{}), nil
}
