package locktest

import (
	"time"

	"example.com/holdfast/locker"
)

// lossCases are about leases that another has taken.
func lossCases() []testCase {
	return []testCase{
		{"TakenByAnother", "A lease is lost when the store names another holder: the next renewal finds it, long before the lease would have ended.", nothing, takenByAnother},
		{"TakenRenew", "Renew, Ensure and SetData of a lease that another has taken return a *LostError with LossTaken, and change nothing.", nothing, takenRenew},
		{"TakenContext", "The context of a lease that another has taken is cancelled with the *LostError.", nothing, takenContext},
		{"StaleData", "Data of a lease that another has taken never overwrites that one's.", inspect, staleData},
	}
}

func takenByAnother(e *env) {
	lease := e.acquire(e.open(), locker.WithTTL(2*e.ttl))
	end := e.now().Add(lease.Remaining())
	thief := e.steal()
	lost := e.lost(lease, 2*e.ttl)
	if lost.Reason != locker.LossTaken {
		e.Errorf("LostError.Reason = %v, want %v", lost.Reason, locker.LossTaken)
	}
	if lost.Token != lease.Token() {
		e.Errorf("LostError.Token = %v, want the lease's, %v", lost.Token, lease.Token())
	}
	if left := end.Sub(e.now()); left < -e.slop {
		e.Errorf("the loss was noticed %v after the lease's end", -left)
	}
	e.heldBy(thief)
}

// heldBy checks that the store names g as the holder of the case's lock.
func (e *env) heldBy(g locker.Grant) {
	e.Helper()
	if got := e.refused(e.open(), e.name).Holder; got.AcquisitionID != g.ID {
		e.Errorf("the holder is %q with token %v, want %q with token %v", got.AcquisitionID, got.Token, g.ID, g.Token)
	}
}

func takenRenew(e *env) {
	for what, f := range map[string]func(*locker.Lease) error{
		"Renew":   e.renewErr,
		"Ensure":  func(lease *locker.Lease) error { return e.ensureErr(lease, e.long+time.Second) },
		"SetData": func(lease *locker.Lease) error { return e.setDataErr(lease, []byte("stale")) },
	} {
		lease := e.acquire(e.open(), locker.WithoutRenewal())
		thief := e.steal()
		lost := e.lostError(what+" of a lease that was taken", f(lease))
		if lost.Reason != locker.LossTaken {
			e.Errorf("%s: LostError.Reason = %v, want %v", what, lost.Reason, locker.LossTaken)
		}
		e.lostError("Lease.Err() after "+what, lease.Err())
		e.heldBy(thief)
		if err := e.raw().Release(e.ctx, thief, 0); err != nil {
			e.Errorf("%s: Release by the new holder = %v, want no error", what, err)
		}
	}
}

func takenContext(e *env) {
	lease := e.acquire(e.open(), locker.WithTTL(e.ttl))
	ctx, cancel := lease.Context(e.ctx)
	defer cancel()
	e.steal()
	e.lost(lease, e.ttl)
	e.doneWith(ctx, locker.ErrLost)
}

func staleData(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithoutRenewal(), locker.WithData([]byte("old")))
	thief := e.steal()
	thief, err := e.raw().Renew(e.ctx, thief, locker.Renewal{TTL: e.long, Data: []byte("new")})
	if err != nil {
		e.Fatalf("Renew by the new holder = %v, want no error", err)
	}
	e.lostError("SetData of a lease that was taken", e.setDataErr(lease, []byte("stale")))
	e.heldBy(thief)
	if got := e.inspect(p, e.name); string(got.Data) != "new" || got.Owner != "the thief" {
		e.Errorf("the store shows data %q of %q, want %q of %q", got.Data, got.Owner, "new", "the thief")
	}
}
