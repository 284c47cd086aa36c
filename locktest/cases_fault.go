package locktest

import (
	"context"
	"errors"
	"fmt"

	"example.com/holdfast/locker"
)

// faultCases are about single requests that go wrong.
func faultCases() []testCase {
	return []testCase{
		{"AcquireAnswerLost", "An acquire whose answer is lost ends up held, as one grant, without waiting for a TTL.", nothing, acquireAnswerLost},
		{"AcquireRequestLost", "An acquire whose request is lost is tried again, also with NoWait.", nothing, acquireRequestLost},
		{"AcquireFinal", "An error that does not wrap ErrUnavailable is final: Acquire returns it and does not try again.", nothing, acquireFinal},
		{"AcquireTooSlow", "An answer slower than the TTL never becomes a lease, and leaves the name free.", nothing, acquireTooSlow},
		{"AcquireCancelledInFlight", "A ctx that ends with a try under way returns at once; the try is resolved and released in the background.", nothing, acquireCancelledInFlight},
		{"AcquireLate", "An attempt that lands after it was given up is not held for longer than its TTL.", nothing, acquireLate},
		{"RenewAnswerLost", "A renewal whose answer is lost does not lose the lease.", nothing, renewAnswerLost},
		{"RenewFinal", "A renewal that the store refuses for another reason than a holder is tried again: the lease goes on.", nothing, renewFinal},
		{"RenewCopy", "A copy of a renewal that arrives after the release does not take the name again.", nothing, renewCopy},
		{"RenewLate", "A renewal that is held up until after the release does not take the name again.", nothing, renewLate},
		{"RenewHangs", "Renew, Ensure and SetData return when the lease is over, also while the store keeps them waiting.", nothing, renewHangs},
		{"ReleaseAnswerLost", "A release whose answer is lost returns nil, and the name is free.", nothing, releaseAnswerLost},
		{"ReleaseRequestLost", "A release whose request is lost is sent again.", nothing, releaseRequestLost},
		{"ReleaseFails", "A release that the store does not confirm is a *ReleaseError, and may be called again.", nothing, releaseFails},
	}
}

func acquireAnswerLost(e *env) {
	for _, opt := range []locker.Option{nil, locker.NoWait()} {
		p, other := e.open(), e.open()
		p.faults.Inject(OpAcquire, 1, Lose())
		w := e.wait(p, opt)
		lease := e.granted(w, e.soon)
		if got := w.ended.Sub(w.begun); got > e.ttl+e.slop {
			e.Errorf("Acquire of which one answer was lost took %v", got)
		}
		if n := p.faults.Calls(OpAcquire); n != 2 {
			e.Errorf("%d requests were sent, want 2: the second finds what the first has done", n)
		}
		if got := e.refused(other, e.name).Holder.AcquisitionID; got != lease.ID() {
			e.Errorf("the holder is %q, want the lease's, %q", got, lease.ID())
		}
		e.release(lease)
		e.sleep(e.ttl / 8)
		e.free(other, e.name)
	}
}

func acquireRequestLost(e *env) {
	for _, opt := range []locker.Option{nil, locker.NoWait()} {
		p := e.open()
		p.faults.Inject(OpAcquire, 2, Drop())
		w := e.wait(p, opt)
		lease := e.granted(w, e.soon)
		if n := p.faults.Calls(OpAcquire); n != 3 {
			e.Errorf("%d requests were sent, want 3: two were lost", n)
		}
		e.release(lease)
	}
}

func acquireFinal(e *env) {
	p := e.open()
	failure := errors.New("access denied")
	for _, opt := range []locker.Option{nil, locker.NoWait()} {
		before := p.faults.Calls(OpAcquire)
		p.faults.Inject(OpAcquire, 1, Fail(failure))
		if err := e.failed(e.wait(p, opt), e.ttl); !errors.Is(err, failure) || errors.Is(err, locker.ErrHeld) {
			e.Errorf("Acquire = %v, want the store's error, %v", err, failure)
		}
		if n := p.faults.Calls(OpAcquire) - before; n != 1 {
			e.Errorf("%d requests were sent, want 1", n)
		}
	}
	e.free(p, e.name)
}

func acquireTooSlow(e *env) {
	p := e.open(remote)
	p.faults.Inject(OpAcquire, -1, Delay(e.clock, e.ttl*6/5))
	w := e.wait(p, locker.WithTTL(e.ttl), locker.WithWait(2*e.ttl))
	if err := e.failed(w, 2*e.ttl+e.soon); !errors.Is(err, locker.ErrUnavailable) && !errors.Is(err, locker.ErrHeld) {
		e.Errorf("Acquire on a store that is slower than the TTL = %v, want an error that matches %v", err, locker.ErrUnavailable)
	}
	p.faults.Clear()
	e.freeSoon(e.open(), e.name)
}

func acquireCancelledInFlight(e *env) {
	p := e.open(remote)
	p.faults.Inject(OpAcquire, 1, func(ctx context.Context, send func(context.Context) error) error {
		if err := send(ctx); err != nil {
			return err
		}
		<-ctx.Done()
		return fmt.Errorf("%w: %w", unavailable("the answer was awaited in vain"), ctx.Err())
	})
	w := e.wait(p)
	e.eventually(e.soon, "the request is under way", func() bool { return p.faults.Calls(OpAcquire) == 1 })
	e.asleep(w)
	before := e.now()
	w.cancel()
	if err := e.failed(w, e.ttl/2); !errors.Is(err, context.Canceled) {
		e.Errorf("Acquire whose ctx was cancelled = %v, want %v", err, context.Canceled)
	}
	if got := w.ended.Sub(before); got > e.ttl/2 {
		e.Errorf("Acquire returned %v after its ctx was cancelled, want at once", got)
	}
	e.eventually(e.soon, "the try is released", func() bool { return p.faults.Sent(OpRelease) > 0 })
	e.free(e.open(), e.name)
}

func acquireLate(e *env) {
	p := e.open(remote)
	late := make(chan func() error, 1)
	p.faults.Inject(OpAcquire, 1, Late(late))
	p.faults.Inject(OpAcquire, -1, Drop())
	w := e.wait(p, locker.WithTTL(e.ttl), locker.NoWait())
	if err := e.failed(w, e.soon); !errors.Is(err, locker.ErrUnavailable) {
		e.Errorf("Acquire on a store that does not answer = %v, want an error that matches %v", err, locker.ErrUnavailable)
	}
	p.faults.Clear()
	e.eventually(e.soon, "the attempt is released", func() bool { return p.faults.Calls(OpRelease) > 0 })
	if err := (<-late)(); err != nil && !errors.Is(err, locker.ErrHeld) {
		e.Errorf("Acquire of an ID after its release = %v, want a grant or a *HeldError", err)
	}
	e.freeSoon(e.open(), e.name)
}

func renewAnswerLost(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	for range 3 {
		p.faults.Inject(OpRenew, 1, Lose())
		p.faults.Inject(OpRenew, 1, nil)
	}
	e.sleep(3 * e.ttl)
	e.held(lease)
	e.refused(other, e.name)
	p.faults.Clear()
	p.faults.Inject(OpRenew, 1, Lose())
	if err := e.renewErr(lease); err != nil {
		e.Errorf("Renew of which one answer was lost = %v, want no error", err)
	}
	e.held(lease)
	e.release(lease)
	e.free(other, e.name)
}

func renewFinal(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	failure := errors.New("access denied")
	p.faults.Inject(OpRenew, 1, Fail(failure))
	if err := e.renewErr(lease); !errors.Is(err, failure) || errors.Is(err, locker.ErrLost) {
		e.Errorf("Renew = %v, want the store's error, %v, which is no loss", err, failure)
	}
	e.held(lease)
	p.faults.Inject(OpRenew, 2, Fail(failure))
	e.sleep(2 * e.ttl)
	e.held(lease)
	e.refused(e.open(), e.name)
}

func renewCopy(e *env) {
	p := e.open()
	lease := e.acquire(p)
	again := make(chan func() error, 2)
	p.faults.Inject(OpRenew, 2, Repeat(again))
	for range 2 {
		if err := e.renewErr(lease); err != nil {
			e.Fatalf("Renew = %v, want no error", err)
		}
	}
	first, second := <-again, <-again
	if first() == nil {
		e.Errorf("a copy of the first renewal was taken after the second")
	}
	e.held(lease)
	e.release(lease)
	if second() == nil {
		e.Errorf("a copy of a renewal was taken after the release")
	}
	e.free(e.open(), e.name)
}

func renewLate(e *env) {
	p := e.open()
	lease := e.acquire(p)
	late := make(chan func() error, 1)
	p.faults.Inject(OpRenew, 1, Late(late))
	p.faults.Inject(OpRenew, -1, Drop())
	e.spawn(func() { lease.Renew(e.ctx) })
	e.eventually(e.soon, "a renewal is held up", func() bool { return len(late) > 0 })
	e.release(lease)
	if err := (<-late)(); err == nil {
		e.Errorf("a renewal that was held up was taken after the release")
	}
	e.free(e.open(), e.name)
}

func renewHangs(e *env) {
	for _, f := range []func(*locker.Lease) error{
		func(lease *locker.Lease) error { return lease.Renew(e.ctx) },
		func(lease *locker.Lease) error { return lease.Ensure(e.ctx, e.long) },
		func(lease *locker.Lease) error { return lease.SetData(e.ctx, nil) },
	} {
		p := e.open(remote)
		lease := e.granted(e.wait(p, locker.WithTTL(e.ttl), locker.WithoutRenewal()), e.ttl+e.soon)
		p.faults.Inject(OpRenew, -1, Stall(e.opened))
		var err error
		if !e.pass(e.spawn(func() { err = f(lease) }), e.ttl+e.soon) {
			e.Fatalf("it has not returned although the lease is over: Lease.Err() = %v", lease.Err())
		}
		e.lostError("what returns when the lease is lost", err)
	}
}

func releaseAnswerLost(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p)
	p.faults.Inject(OpRelease, 1, Lose())
	e.release(lease)
	e.free(other, e.name)

	// Another has taken the name before the release is sent again.
	lease = e.acquire(p)
	w := e.wait(other)
	e.asleep(w)
	p.faults.Inject(OpRelease, 1, Lose())
	e.release(lease)
	e.held(e.granted(w, e.soon))
}

func releaseRequestLost(e *env) {
	p := e.open()
	lease := e.acquire(p)
	p.faults.Inject(OpRelease, 2, Drop())
	e.release(lease)
	e.free(e.open(), e.name)
}

func releaseFails(e *env) {
	p := e.open()
	lease := e.acquire(p)
	failure := errors.New("access denied")
	p.faults.Inject(OpRelease, 1, Fail(failure))
	err := e.releaseErr(lease)
	var failed *locker.ReleaseError
	if !errors.As(err, &failed) || !errors.Is(failed.Cause, failure) || errors.Is(err, locker.ErrLost) {
		e.Errorf("Release = %v, want a *ReleaseError with the store's error, %v, as its cause", err, failure)
	}
	if err := lease.Err(); !errors.Is(err, locker.ErrReleased) {
		e.Errorf("Lease.Err() = %v, want %v: locally the lease is over", err, locker.ErrReleased)
	}
	e.release(lease)
	e.free(e.open(), e.name)
}
