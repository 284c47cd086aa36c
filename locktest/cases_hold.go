package locktest

import (
	"errors"
	"runtime"

	"example.com/holdfast/locker"
)

// holdCases are about how long a name is held at least and at most.
func holdCases() []testCase {
	return []testCase{
		{"MinHold", "A name released early stays taken until its minimum hold, counted from the acquisition, has passed.", nothing, minHold},
		{"MinHoldEnds", "A name released early is free once its minimum hold has passed, long before the lease would have ended.", nothing, minHoldEnds},
		{"MinHoldOver", "A lease held for longer than its minimum hold frees the name at its release.", nothing, minHoldOver},
		{"MaxHold", "WithMaxHold ends the renewal: the lease is held for so long, and lost at the latest one TTL later, as LossMaxHold.", nothing, maxHold},
		{"WithoutRenewal", "WithoutRenewal gives a lease that ends one TTL after it was acquired, not much sooner and never later.", nothing, withoutRenewal},
		{"RenewedByDefault", "A lease is renewed by itself: it is held for much longer than its TTL, as far as others can see, too.", nothing, renewedByDefault},
		{"DroppedHandle", "A lease whose handle nobody has any more goes on being renewed: somebody may rely on the lock.", nothing, droppedHandle},
		{"RenewalEndsWithLease", "After its release a lease is no longer renewed: nothing is sent.", nothing, renewalEndsWithLease},
	}
}

// minHold looks for a grant that comes too early. How late it may come is for
// minHoldEnds.
func minHold(e *env) {
	p, other := e.open(), e.open()
	before := e.now()
	lease := e.acquire(p, locker.WithMinHold(2*e.ttl))
	e.sleep(e.ttl / 2)
	e.release(lease)
	if err := lease.Err(); !errors.Is(err, locker.ErrReleased) {
		e.Errorf("Lease.Err() = %v, want %v: the holder is done, only the name stays taken", err, locker.ErrReleased)
	}
	e.refused(other, e.name)
	for _, who := range []*process{other, p} {
		w := e.wait(who)
		e.granted(w, 2*e.ttl+e.soon)
		if got := w.ended.Sub(before); got < 2*e.ttl {
			e.Errorf("%s got the name %v after the acquisition, want it to stay taken for the minimum hold, %v", who.owner, got, 2*e.ttl)
		}
		e.release(w.lease)
	}
}

func minHoldEnds(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithMinHold(e.ttl))
	e.release(lease)
	e.granted(e.wait(other), e.ttl+e.soon)
}

func minHoldOver(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithMinHold(e.ttl/4))
	e.sleep(e.ttl / 2)
	e.release(lease)
	e.free(other, e.name)
}

func maxHold(e *env) {
	before := e.now()
	limit := 2 * e.ttl
	lease := e.acquire(e.open(), locker.WithTTL(e.ttl), locker.WithMaxHold(limit))
	after := e.now()
	for e.since(before) < limit-e.tick() {
		if err := lease.Err(); err != nil && e.since(before) < limit {
			e.Fatalf("Lease.Err() = %v after %v, want it renewed for the maximum hold, %v", err, e.since(before), limit)
		}
		e.sleep(e.tick())
	}
	e.eventually(limit+e.soon, "the lease is lost", func() bool {
		at := e.now()
		if lease.Err() == nil && at.Sub(after) > limit+e.ttl {
			e.Fatalf("Lease.Err() = nil %v after the acquisition, want it lost at the latest after %v", at.Sub(after), limit+e.ttl)
		}
		return lease.Err() != nil
	})
	if lost := e.lostError("Lease.Err()", lease.Err()); lost.Reason != locker.LossMaxHold {
		e.Errorf("LostError.Reason = %v, want %v", lost.Reason, locker.LossMaxHold)
	}
	e.freeSoon(e.open(), e.name)
}

func withoutRenewal(e *env) {
	p := e.open()
	before := e.now()
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	acquired := e.since(before)
	e.sleep(e.ttl / 2)
	if got := e.since(before); got < e.ttl*3/4 {
		e.held(lease)
	}
	e.eventually(2*e.ttl, "the lease is lost", func() bool {
		passed := e.since(before) - acquired
		if lease.Err() == nil && passed > e.ttl {
			e.Fatalf("Lease.Err() = nil %v after the acquisition, want it lost after the TTL, %v", passed, e.ttl)
		}
		return lease.Err() != nil
	})
	if n := p.faults.Calls(OpRenew); n != 0 {
		e.Errorf("%d renewals were sent, want none", n)
	}
	e.lost(lease, e.ttl)
}

func renewedByDefault(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	for range 3 {
		e.sleep(e.ttl)
		e.held(lease)
		if got := lease.Remaining(); got <= 0 || got > e.ttl {
			e.Errorf("Lease.Remaining() = %v, want above 0 and at most the TTL, %v", got, e.ttl)
		}
		e.refused(e.open(), e.name)
	}
	e.release(lease)
}

func droppedHandle(e *env) {
	p := e.open()
	e.held(e.acquire(p, locker.WithTTL(e.ttl)))
	for range 3 {
		runtime.GC()
		e.sleep(e.ttl)
	}
	e.refused(e.open(), e.name)
}

func renewalEndsWithLease(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	e.eventually(e.ttl, "a renewal is sent", func() bool { return p.faults.Sent(OpRenew) > 0 })
	e.release(lease)
	e.sleep(e.ttl / 8) // for one that was under way
	sent := p.faults.Calls(OpRenew)
	e.sleep(2 * e.ttl)
	if n := p.faults.Calls(OpRenew) - sent; n != 0 {
		e.Errorf("%d renewals were sent after the release, want none", n)
	}
	e.free(p, e.name)
}
