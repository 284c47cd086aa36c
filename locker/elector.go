package locker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Elector is one candidate for the leadership that a lock's name stands for: of all
// Electors on the name, in all processes, one leads at a time, in the sense in which
// one holds a lock at a time. [Elector.Run] campaigns and leads; the other methods tell
// what has come of it. An Elector is a gocron.Elector as it is.
//
// Create it with [NewElector]. Its methods are safe for use by several goroutines at
// once.
type Elector struct {
	l    Locker
	name string
	opts []Option

	mu      sync.Mutex
	running bool   // a Run is under way
	lease   *Lease // from when lead is called until it has returned; nil else
	leader  Info   // another, for whom the campaign waits; zero if none was seen
	changed latch  // opened, and made anew, when what IsLeader returns changes
}

// NewElector returns an Elector that acquires name from l with opts: [WithTTL] is how
// soon another may lead after a crash, [WithOwner] what the others are told about this
// one, [WithMaxHold] limits a term. A campaign always waits as with [Forever], whatever
// opts say of that. NewElector starts nothing and sends nothing.
func NewElector(l Locker, name string, opts ...Option) *Elector {
	return &Elector{l: l, name: name, opts: append(slices.Clone(opts), WithWait(Forever))}
}

// Run campaigns until this Elector leads, and calls lead in the calling goroutine. lead
// leads until it returns, and should return when its ctx is done: that is when ctx is,
// or when the lease is over, with the reason as its cause; [FromContext] finds the lease
// in it. Run waits for lead to return before it releases the lease, so that the next
// leader begins after this one has ended, unless the lease was lost.
//
// What Run does when lead has returned depends on why it did:
//   - The lease was lost: whatever lead returned, Run campaigns again, and calls lead
//     again when it leads again. An error that must not get lost is for lead to keep;
//     to end Run, lead cancels ctx.
//   - Otherwise lead has stepped down, or ctx was done: Run releases and returns what
//     lead returned, nil for nil. To lead again call Run again.
//   - lead panics, or ends its goroutine: the lease is released, and the panic goes on.
//
// To resign from outside of lead, cancel ctx. Whoever wants to lead for a part of the
// time only releases the lease by returning.
//
// Errors, beside lead's own: ctx's when it was done during a campaign, in a [*HeldError]
// that names the leader if one was seen; those of [Locker].Acquire that are final; those
// that [Do] joins, such as a [*LostError] that came with the end of ctx, a
// [*ReleaseError], or [ErrClosed] if the client was closed. A store that does not
// answer is asked again until ctx is done. An [*InvalidError], before anything is sent,
// for a nil lead or Locker, or if a Run of this Elector is under way: it is one
// candidate, and lead never runs twice at once.
func (e *Elector) Run(ctx context.Context, lead func(ctx context.Context, lease *Lease) error) error {
	if lead == nil {
		return &InvalidError{What: "lead", Value: "nil", Want: "a function"}
	}
	if !e.enter() {
		return &InvalidError{What: "Run of the Elector on", Value: strconv.Quote(e.name), Want: "one at a time"}
	}
	defer e.leave()
	candidate := LockerFunc(func(ctx context.Context, name string, opts ...Option) (*Lease, error) {
		return acquireFrom(withHolder(ctx, e.saw), e.l, name, opts...)
	})
	for failures := 0; ; {
		var lease *Lease
		err := Do(ctx, candidate, e.name, func(ctx context.Context, granted *Lease) error {
			lease = granted
			e.begin(lease)
			defer e.end()
			return lead(ctx, lease)
		}, e.opts...)
		switch {
		case ctx.Err() != nil:
			return err
		case lease != nil && errors.Is(lease.Err(), ErrLost):
			failures = 0
		case lease == nil && (errors.Is(err, ErrHeld) || errors.Is(err, ErrUnavailable)):
			failures++ // of a Locker that does not wait for as long as it was told to
			pause(ctx, min(25*time.Millisecond<<min(failures-1, 10), time.Second))
		default:
			return err
		}
	}
}

// pause waits until d has passed or ctx is done.
func pause(ctx context.Context, d time.Duration) {
	over := make(chan struct{})
	defer (&systemClock{}).AfterFunc(d, func() { close(over) }).Stop()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// IsLeader returns nil while this Elector leads: from before lead is called until it
// has returned or the lease is over, whichever comes first. Otherwise, before and after
// Run too, it returns a [*NotLeaderError]. It asks the lease's own clock, so it tells of
// a loss that nothing else has noticed yet; it sends nothing, does not block and does
// not look at ctx.
//
// As with [Lease.Err], a process can be paused between asking and acting: what must not
// happen late has to be guarded by the lease's token.
func (e *Elector) IsLeader(context.Context) error {
	e.mu.Lock()
	lease, leader := e.lease, e.leader
	e.mu.Unlock()
	if lease == nil {
		return &NotLeaderError{Name: e.name, Leader: leader}
	}
	if err := lease.Err(); err != nil { // not under the mutex: it may end the lease, which calls notify
		return &NotLeaderError{Name: e.name, Leader: leader, Cause: err}
	}
	return nil
}

// Changed returns a channel that is closed when what [Elector.IsLeader] returns has
// changed since the call of Changed: this Elector leads now, or no longer, or waits for
// another leader. Take the channel first, then look; any number of goroutines may:
//
//	for {
//		changed := e.Changed()
//		show(e.IsLeader(ctx))
//		<-changed
//	}
//
// Whoever is slow misses what was in between, never the latest, and keeps nobody
// waiting. On a machine that was suspended the close may come late, as that of
// [Lease.Done]; IsLeader does not. Changed does not block.
func (e *Elector) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed.wait()
}

// Leader asks the store who leads, this Elector or another: its State is [StateFree] if
// nobody does. It does not need a Run, and costs a request. Errors are those of
// [Inspector].Inspect; [errors.ErrUnsupported] when the Locker is no Inspector, as one
// that [Prefix] or [Chain] has wrapped.
func (e *Elector) Leader(ctx context.Context) (Info, error) {
	if e.l == nil {
		return Info{}, noLocker()
	}
	inspector, ok := e.l.(Inspector)
	if !ok {
		return Info{}, fmt.Errorf("locker: leader of %q: %w", e.name, errors.ErrUnsupported)
	}
	return inspector.Inspect(ctx, e.name)
}

// enter begins a Run, and reports false if there is one.
func (e *Elector) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		return false
	}
	e.running = true
	return true
}

// leave ends a Run. Nobody looks for a leader any more.
func (e *Elector) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = false
	if e.leader.State != StateUnknown {
		e.leader = Info{}
		e.notifyLocked()
	}
}

// saw is told for whom the campaign waits.
func (e *Elector) saw(leader Info) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leader = leader
	e.notifyLocked()
}

// begin makes lease the one that is led by.
func (e *Elector) begin(lease *Lease) {
	e.mu.Lock()
	e.lease, e.leader = lease, Info{}
	e.notifyLocked()
	e.mu.Unlock()
	lease.h.onEnd(func(error) { // after the one that ends lead's ctx
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.lease == lease {
			e.notifyLocked()
		}
	})
}

// end is called when lead has returned, before the lease is released.
func (e *Elector) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lease = nil
	e.notifyLocked()
}

func (e *Elector) notifyLocked() {
	e.changed.release()
	e.changed = latch{}
}
