package locktest

import (
	"context"
	"errors"
	"slices"
	"time"

	"example.com/holdfast/locker"
)

// options returns the options of a lease that lasts for long, with opts after
// them.
func (e *env) options(opts []locker.Option) []locker.Option {
	return slices.Concat([]locker.Option{locker.WithTTL(e.long)}, opts)
}

// acquire takes the case's lock, which has to be free, for long unless opts say
// otherwise.
func (e *env) acquire(p *process, opts ...locker.Option) *locker.Lease {
	e.Helper()
	return e.acquireName(p, e.name, opts...)
}

func (e *env) acquireName(p *process, name string, opts ...locker.Option) *locker.Lease {
	e.Helper()
	w := e.waitFor(p, name, opts...)
	e.call("Acquire of a free lock", func() { <-w.done })
	if w.err != nil {
		e.Fatalf("%s: Acquire(%q) of a free lock = %v, want no error", p.owner, name, w.err)
	}
	return w.lease
}

// try is TryAcquire.
func (e *env) try(p *process, name string, opts ...locker.Option) (lease *locker.Lease, err error) {
	e.Helper()
	e.call("TryAcquire", func() { lease, err = locker.TryAcquire(e.ctx, p, name, e.options(opts)...) })
	return lease, err
}

// refused checks that p does not get the lock because another holds it.
func (e *env) refused(p *process, name string) *locker.HeldError {
	e.Helper()
	lease, err := e.try(p, name)
	var held *locker.HeldError
	switch {
	case err == nil:
		e.Fatalf("%s: TryAcquire(%q) = a lease with token %v, want a *HeldError: another holds it", p.owner, name, lease.Token())
	case !errors.As(err, &held) || !errors.Is(err, locker.ErrHeld):
		e.Fatalf("%s: TryAcquire(%q) = %v, want a *HeldError that matches ErrHeld", p.owner, name, err)
	}
	return held
}

// free checks that p gets the lock at once, and gives it back.
func (e *env) free(p *process, name string) {
	e.Helper()
	lease, err := e.try(p, name)
	if err != nil {
		e.Fatalf("%s: TryAcquire(%q) = %v, want a lease: nobody holds it", p.owner, name, err)
	}
	e.release(lease)
}

// freeSoon checks that p gets the lock, if need be by waiting until a record that
// nobody renews has run out, and gives it back.
func (e *env) freeSoon(p *process, name string) {
	e.Helper()
	e.release(e.granted(e.waitFor(p, name), e.soon))
}

// release checks that a release succeeds.
func (e *env) release(lease *locker.Lease) {
	e.Helper()
	if err := e.releaseErr(lease); err != nil {
		e.Fatalf("Release of the lease with token %v = %v, want no error", lease.Token(), err)
	}
}

func (e *env) releaseErr(lease *locker.Lease) (err error) {
	e.Helper()
	e.call("Release", func() { err = lease.Release(e.ctx) })
	return err
}

// held checks that the lease is held.
func (e *env) held(lease *locker.Lease) {
	e.Helper()
	if err := lease.Err(); err != nil {
		e.Fatalf("Lease.Err() = %v, want nil: the lease is held", err)
	}
	if closed(lease.Done()) {
		e.Fatalf("Lease.Done() is closed, want it open: the lease is held")
	}
}

// lost checks that the lease is lost within limit, by itself, and returns how.
func (e *env) lost(lease *locker.Lease, limit time.Duration) *locker.LostError {
	e.Helper()
	if !e.pass(lease.Done(), limit) {
		e.Fatalf("Lease.Done() is not closed within %v, want the lease lost; Err() = %v", limit, lease.Err())
	}
	return e.lostError("Lease.Err()", lease.Err())
}

// lostError checks that err is the loss of the case's lock.
func (e *env) lostError(what string, err error) *locker.LostError {
	e.Helper()
	var lost *locker.LostError
	if !errors.As(err, &lost) || !errors.Is(err, locker.ErrLost) {
		e.Fatalf("%s = %v, want a *LostError that matches ErrLost", what, err)
	}
	if lost.Name != e.name {
		e.Fatalf("%s: LostError.Name = %q, want %q", what, lost.Name, e.name)
	}
	return lost
}

// closed reports whether a channel is closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// waiter is a call of Acquire in a goroutine of its own. The fields below done
// may be read once it is closed.
type waiter struct {
	name   string
	owner  string
	begun  time.Time
	cancel context.CancelFunc // of the call's ctx
	done   chan struct{}

	lease *locker.Lease
	err   error
	ended time.Time     // when Acquire had returned
	left  time.Duration // the lease's remaining time then
}

// wait starts a call of Acquire of the case's lock.
func (e *env) wait(p *process, opts ...locker.Option) *waiter { return e.waitFor(p, e.name, opts...) }

func (e *env) waitFor(p *process, name string, opts ...locker.Option) *waiter {
	return e.waitThen(p, name, nil, opts...)
}

// waitThen is waitFor that calls then, if it is not nil, as soon as the lock is
// granted.
func (e *env) waitThen(p *process, name string, then func(), opts ...locker.Option) *waiter {
	ctx, cancel := context.WithCancel(e.ctx)
	w := &waiter{name: name, owner: p.owner, begun: e.now(), cancel: cancel, done: make(chan struct{})}
	e.spawn(func() {
		defer close(w.done)
		w.lease, w.err = p.Acquire(ctx, name, e.options(opts)...)
		w.ended = e.now()
		if w.err != nil {
			return
		}
		w.left = w.lease.Remaining()
		if then != nil {
			then()
		}
	})
	return w
}

// asleep lets a call get so far that it waits for the holder, and checks that it
// goes on waiting.
func (e *env) asleep(w *waiter) {
	e.Helper()
	if e.pass(w.done, e.ttl/8) {
		e.Fatalf("%s: Acquire(%q) = %v, %v, want it to wait: another holds the lock", w.owner, w.name, w.lease, w.err)
	}
}

// granted checks that a call gets the lock within limit from now.
func (e *env) granted(w *waiter, limit time.Duration) *locker.Lease {
	e.Helper()
	if !e.pass(w.done, limit) {
		e.Fatalf("%s: Acquire(%q) has not returned within %v, want a lease", w.owner, w.name, limit)
	}
	if w.err != nil {
		e.Fatalf("%s: Acquire(%q) = %v, want a lease", w.owner, w.name, w.err)
	}
	return w.lease
}

// failed checks that a call returns an error within limit from now.
func (e *env) failed(w *waiter, limit time.Duration) error {
	e.Helper()
	if !e.pass(w.done, limit) {
		e.Fatalf("%s: Acquire(%q) has not returned within %v, want an error", w.owner, w.name, limit)
	}
	if w.err == nil {
		e.Fatalf("%s: Acquire(%q) = a lease, want an error", w.owner, w.name)
	}
	return w.err
}
