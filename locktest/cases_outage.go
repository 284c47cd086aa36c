package locktest

import (
	"context"
	"errors"
	"time"

	"example.com/holdfast/locker"
)

// outageCases are about a store that can't be reached for a while.
func outageCases() []testCase {
	return []testCase{
		{"OutageOfHalfATTL", "A store that does not answer for half a TTL costs nobody a lease.", nothing, outageOfHalfATTL},
		{"OutageLoses", "A lease that can't be renewed is held until its time runs out, and lost then, with the last failure as the cause.", nothing, outageLoses},
		{"OutageOfRelease", "A release that the store does not answer is a *ReleaseError; called again after the outage it frees the name.", nothing, outageOfRelease},
		{"OutageOfAcquire", "Acquire on a store that does not answer returns ErrUnavailable once its limit is over, and holds nothing.", nothing, outageOfAcquire},
		{"OutageCancelled", "A call that ctx ends before any holder was seen returns ctx's error joined with the store's.", nothing, outageCancelled},
		{"OutageOfWaiter", "A call that waits outlasts an outage, and its error tells of the holder and of the outage.", nothing, outageOfWaiter},
		{"CrashedHolder", "The lock of a process that is cut off goes to a waiter once its lease is over, and no sooner; the holder knows by then.", nothing, crashedHolder},
	}
}

func outageOfHalfATTL(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	e.sleep(e.ttl / 8)
	if err := e.renewErr(lease); err != nil {
		e.Fatalf("Renew = %v, want no error", err)
	}
	p.faults.InjectAll(Drop())
	for from := e.now(); e.since(from) < e.ttl/2; e.sleep(e.tick()) {
		e.held(lease)
	}
	p.faults.Clear()
	e.sleep(2 * e.ttl)
	e.held(lease)
	e.refused(e.open(), e.name)
}

func outageLoses(e *env) {
	p := e.open()
	failure := errors.New("connection refused")
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	p.faults.Inject(OpRenew, -1, Fail(failure))
	end := e.now().Add(lease.Remaining())
	lost := e.lost(lease, 2*e.ttl)
	if early := end.Sub(e.now()); early > e.slop+e.tick() {
		e.Errorf("the lease was lost %v before its end", early)
	}
	if lost.Reason != locker.LossExpired || !errors.Is(lost.Cause, failure) {
		e.Errorf("the LostError is %v, want %v, because of %v", lost, locker.LossExpired, failure)
	}
	p.faults.Clear()
	e.sleep(e.ttl)
	if err := lease.Err(); !errors.Is(err, locker.ErrLost) {
		e.Errorf("Lease.Err() = %v after the outage, want it to stay lost", err)
	}
	e.freeSoon(p, e.name)
}

func outageOfRelease(e *env) {
	p := e.open(remote)
	lease := e.acquire(p, locker.WithTTL(2*e.ttl), locker.WithoutRenewal())
	p.faults.InjectAll(Drop())
	var err error
	e.within(2*e.ttl+e.soon, "Release", func() { err = lease.Release(e.ctx) })
	var failed *locker.ReleaseError
	if !errors.As(err, &failed) || !errors.Is(failed.Cause, locker.ErrUnavailable) {
		e.Errorf("Release during an outage = %v, want a *ReleaseError with the cause %v", err, locker.ErrUnavailable)
	}
	if n := p.faults.Calls(OpRelease); n < 2 {
		e.Errorf("%d releases were sent, want more: the store does not answer", n)
	}
	p.faults.Clear()
	e.release(lease)
	e.free(e.open(), e.name)
}

func outageOfAcquire(e *env) {
	p := e.open()
	p.faults.InjectAll(Drop())
	for _, opt := range []locker.Option{locker.NoWait(), locker.WithWait(e.ttl)} {
		w := e.wait(p, locker.WithTTL(e.ttl), opt)
		err := e.failed(w, e.ttl+e.soon)
		if !errors.Is(err, locker.ErrUnavailable) || errors.Is(err, locker.ErrHeld) {
			e.Errorf("Acquire during an outage = %v, want an error that matches %v, and not %v", err, locker.ErrUnavailable, locker.ErrHeld)
		}
	}
	p.faults.Clear()
	e.freeSoon(e.open(), e.name)
}

func outageCancelled(e *env) {
	p := e.open()
	p.faults.InjectAll(Drop())
	w := e.wait(p)
	e.asleep(w)
	w.cancel()
	err := e.failed(w, e.soon)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, locker.ErrUnavailable) || errors.Is(err, locker.ErrHeld) {
		e.Errorf("Acquire whose ctx was cancelled during an outage = %v, want an error that matches %v and %v", err, context.Canceled, locker.ErrUnavailable)
	}
	p.faults.Clear()
	e.freeSoon(e.open(), e.name)
}

func outageOfWaiter(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithOwner("the holder"))
	w, limited := e.wait(other), e.wait(e.open(), locker.WithWait(2*e.ttl))
	e.asleep(w)
	e.asleep(limited)
	for _, p := range e.processes[1:] {
		p.faults.InjectAll(Drop())
	}
	err := e.failed(limited, 2*e.ttl+e.soon)
	var held *locker.HeldError
	if !errors.As(err, &held) || held.Holder.Owner != "the holder" {
		e.Errorf("Acquire WithWait of which the store went away = %v, want a *HeldError that names the holder", err)
	}
	other.faults.Clear()
	e.release(lease)
	e.granted(w, e.soon+10*time.Second)
}

func crashedHolder(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	e.sleep(2 * e.ttl)
	var belief error
	w := e.waitThen(other, e.name, func() { belief = lease.Err() })
	e.asleep(w)
	p.faults.InjectAll(Drop())
	e.granted(w, e.ttl+e.soon)
	if belief == nil {
		e.Errorf("the lock was granted while its holder still believed in it")
	}
	e.lost(lease, e.ttl)
	e.lostError("Release after a loss", e.releaseErr(lease))
	e.held(w.lease)
}
