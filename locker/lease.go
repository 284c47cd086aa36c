package locker

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// Lease is a lock that was acquired. It lasts until it is released or lost; it
// is lost when its time runs out before a renewal was confirmed, or when the
// store names another holder. A renewal that fails is neither: it is repeated
// until the time runs out.
//
// A Lease is made by [Locker].Acquire; methods of the zero Lease panic. Its methods
// are safe for use by several goroutines at once. A Lease that nobody refers to
// any more goes on being renewed, since somebody may rely on the lock; an
// [Observer] hears of it.
type Lease struct{ h *hold }

// handle returns the Lease of h. With an observer, it watches for the Lease
// being dropped.
func (h *hold) handle() *Lease {
	l := &Lease{h}
	if h.acq.c.opts.Observer == nil {
		return l
	}
	h.acq.mu.Lock()
	defer h.acq.mu.Unlock()
	if h.err == nil {
		h.watch = runtime.AddCleanup(l, drop, droppedLease{h.acq.c.dropped, h.acq.name, h.id})
	}
	return l
}

// Name returns the name of the lock, with every prefix. Like ID and Token it does
// not block and is the same after the lease is over.
func (l *Lease) Name() string { return l.h.acq.name }

// ID returns what identifies the lease: 26 characters of [0-9a-z], random, and
// never used again.
func (l *Lease) ID() string { return l.h.id }

// Token returns the fencing token of the lease. It stays the same for as long as
// the lease lasts, and may be used after it: that is what it is for.
func (l *Lease) Token() Token { return l.h.token }

// Remaining returns how long the lease lasts unless it is renewed; 0 once it is
// over. It reads the clock and does not block.
func (l *Lease) Remaining() time.Duration {
	if l.Err() != nil {
		return 0
	}
	acq := l.h.acq
	now := acq.c.now()
	acq.mu.Lock()
	defer acq.mu.Unlock()
	return max(0, acq.leftLocked(now))
}

// Done returns a channel that is closed when the lease is over, by release or
// by loss. The close may come late on a machine that was suspended; [Lease.Err]
// does not.
func (l *Lease) Done() <-chan struct{} { return l.h.whenDone() }

// Wanted returns a channel that is closed when somebody else is known to wait for
// the lock: at once if the call is in this process; where the backend lets processes
// tell each other, some time after another one began to wait, at the latest with
// the next renewal. Nothing has to be done about it: a holder may heed it, and
// release between two parts of its work. Wanted does not block.
func (l *Lease) Wanted() <-chan struct{} {
	l.h.acq.mu.Lock()
	defer l.h.acq.mu.Unlock()
	return l.h.wanted.wait()
}

// Err returns nil while the lease is held, then an error that is [ErrReleased] (and
// [ErrClosed], if [Client.Close] has released it) or a [*LostError] that says how it
// was lost. It reads the clock itself, so it tells of a loss
// even when the process was paused and nothing else has noticed yet. A loss once
// seen stays. Err does not block.
//
// Between looking at Err and acting on it a process can be paused for any time.
// What must not happen late has to be guarded by the [Token].
func (l *Lease) Err() error { return l.h.check() }

// Context returns a copy of parent that is cancelled when the lease is over, with
// [Lease.Err] as its cause. Calling cancel releases what the context holds, and
// leaves the lease as it is. Of a lease that is over the context is done already.
func (l *Lease) Context(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(parent)
	l.Err() // a lease whose time is over ends here, before the context starts
	stop := l.h.onEnd(cancelCause)
	return ctx, func() {
		stop()
		cancelCause(context.Canceled)
	}
}

// AfterFunc calls f in a goroutine of its own, with [Lease.Err], when the lease
// is over: at once if it is over already. stop keeps f from being called and
// reports whether it did; it does not wait for f.
func (l *Lease) AfterFunc(f func(error)) (stop func() bool) {
	return l.h.onEnd(func(err error) { go f(err) })
}

// Renew extends the lease so that it lasts a TTL from now, and returns when the
// store has confirmed that. A lease that [Lease.Ensure] made longer is shortened by
// it. Where the store does not answer it tries again until ctx is done or the lease
// is over. A renewal under way is awaited first.
//
// Errors: [ErrReleased] or a [*LostError] when the lease is over, ctx's error,
// or the store's final one. Except in the first two cases the lease goes on
// until its time runs out, or a later renewal extends it: whether this one took
// effect is not known.
func (l *Lease) Renew(ctx context.Context) error {
	return l.h.renewNow(ctx, func(time.Duration) (Renewal, bool) { return Renewal{TTL: l.h.acq.ttl}, true })
}

// Ensure makes sure that the lease lasts d or longer from now, and renews it if
// it does not, for at least its TTL. When d is longer than the TTL the lease is
// renewed once for so long, at the price that a crash is noticed later. Ensure
// returns at once, without a request, when enough is left.
//
// Errors are those of [Lease.Renew], and an [*InvalidError] when d is negative or
// longer than 98 % of 24 h.
func (l *Lease) Ensure(ctx context.Context, d time.Duration) error {
	if d < 0 || d > MaxTTL/100*98 {
		return &InvalidError{What: "time to ensure", Value: d.String(), Want: fmt.Sprintf("from 0s to %v", MaxTTL/100*98)}
	}
	const answer = 20 * time.Millisecond // or a hundredth of d: for the time that the answer takes
	ttl := l.h.acq.c.ttlFor(d) + max(d/100, answer)
	for range 3 {
		err := l.h.renewNow(ctx, func(left time.Duration) (Renewal, bool) {
			return Renewal{TTL: max(ttl, l.h.acq.atLeast(left))}, left < d
		})
		if err != nil || l.Remaining() >= d {
			return err
		}
	}
	return fmt.Errorf("locker: ensure %v of %q: the store's answers take too long: %w", d, l.Name(), ErrUnavailable)
}

// SetData replaces the data that others see, and renews the lease; it never
// shortens it. The caller must not change b meanwhile. It can't overwrite the
// data of a later holder.
//
// Errors are those of [Lease.Renew], and an [*InvalidError] when b has more than
// 4,096 bytes. After ctx's or the store's error it is not known whether the data
// was replaced.
func (l *Lease) SetData(ctx context.Context, b []byte) error {
	if err := checkData(b); err != nil {
		return err
	}
	if b == nil {
		b = []byte{}
	}
	return l.h.renewNow(ctx, func(left time.Duration) (Renewal, bool) {
		return Renewal{TTL: l.h.acq.atLeast(left), Data: b}, true
	})
}

// Release gives the lock back. For this process the lease is over at once; then
// Release hands the lock to the next call that waits in this process or tells the store, and tries again for up to min(what remained of the
// lease, 5 s) while the outcome is not known. ctx lends its values only: a ctx
// that is done does not keep Release from releasing. A renewal under way is not
// waited for.
//
// Releasing twice returns nil; of two calls at once the second waits for the
// first. After a loss Release returns the [*LostError], without a request. It
// also returns one, then and ever after, when it finds that the store names
// another holder. A
// [*ReleaseError] says that the store has not confirmed; Release may be called
// again then.
func (l *Lease) Release(ctx context.Context) error { return l.h.releaseNow(ctx, ErrReleased) }
