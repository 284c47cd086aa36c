package locktest

import (
	"errors"

	"example.com/holdfast/locker"
)

// breakCases are about backends that are a [locker.Breaker].
func breakCases() []testCase {
	return []testCase{
		{"Break", "A holder that was broken loses its lease at its next renewal at the latest, and can't release it.", breaking, breakLive},
		{"BreakRenewed", "A break is of an acquisition: a renewal after the look does not spoil it.", breaking, breakRenewed},
		{"BreakLate", "A copy of a renewal that arrives after a break is refused.", breaking, breakLate},
		{"BreakKeeps", "A name that was broken is not had by others while the broken holder may still believe.", breaking, breakKeeps},
		{"BreakEnds", "A name that was broken can be had when the lease would have ended.", breaking, breakEnds},
		{"BreakOther", "A break of an acquisition that has ended leaves the present holder alone, and is a *HeldError that names him.", breaking, breakOther},
		{"BreakAgain", "To break again, after an answer that got lost too, is no error; nor is it to break what is free.", breaking, breakAgain},
		{"BreakMinHold", "A break does not end a minimum hold after a release, and is no error.", breaking, breakMinHold},
		{"BreakTokens", "Tokens rise over a break.", breaking, breakTokens},
		{"BreakFreeNow", "FreeNow makes the name free at once, also after a break without it.", breaking, breakFreeNow},
	}
}

// breaker returns p's method Break, or skips the case.
func (e *env) breaker(p *process) locker.Breaker {
	b, ok := p.Locker.(locker.Breaker)
	if _, breaks := e.raw().(locker.Breaker); !ok || !breaks || e.b.NoInspect {
		e.Skip("the backend is no Breaker and Inspector")
	}
	return b
}

func (e *env) breakErr(p *process, info locker.Info, opts ...locker.BreakOption) (err error) {
	b := e.breaker(p)
	e.call("Break", func() { err = b.Break(e.ctx, info, opts...) })
	return err
}

// broken checks that p can break what info shows.
func (e *env) broken(p *process, info locker.Info, opts ...locker.BreakOption) {
	e.Helper()
	if err := e.breakErr(p, info, opts...); err != nil {
		e.Fatalf("%s: Break of acquisition %q = %v, want no error", p.owner, info.AcquisitionID, err)
	}
}

func breakLive(e *env) {
	p, operator := e.open(), e.open()
	e.breaker(operator)
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	e.broken(operator, e.inspect(operator, e.name))
	if lost := e.lost(lease, e.ttl); lost.Reason != locker.LossTaken {
		e.Errorf("the lease was lost by %v, want by a renewal that finds that it was broken: %v", lost.Reason, locker.LossTaken)
	}
	e.lostError("Release", e.releaseErr(lease))

	second := e.granted(e.wait(p), e.soon)
	e.broken(operator, e.inspect(operator, e.name))
	e.lostError("Release before anything was noticed", e.releaseErr(second))
}

func breakRenewed(e *env) {
	p, operator := e.open(), e.open()
	e.breaker(operator)
	lease := e.acquire(p, locker.WithoutRenewal())
	seen := e.inspect(operator, e.name)
	if err := e.renewErr(lease); err != nil {
		e.Fatalf("Renew = %v, want no error", err)
	}
	e.broken(operator, seen)
	e.lostError("Renew", e.renewErr(lease))
}

func breakLate(e *env) {
	p, operator := e.open(), e.open()
	e.breaker(operator)
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	copies := make(chan func() error, 1)
	p.faults.Inject(OpRenew, 1, Repeat(copies))
	if err := e.renewErr(lease); err != nil {
		e.Fatalf("Renew = %v, want no error", err)
	}
	e.broken(operator, e.inspect(operator, e.name))
	before := e.inspect(operator, e.name)
	var err error
	e.call("a copy of a renewal", func() { err = (<-copies)() })
	if err == nil {
		e.Errorf("a copy of a renewal after a break = nil, want it refused")
	}
	if after := e.inspect(operator, e.name); after.Revision != before.Revision || after.AcquisitionID == lease.ID() {
		e.Errorf("a copy of a renewal after a break changed the record from %+v to %+v", before, after)
	}
}

func breakKeeps(e *env) {
	p, operator, other := e.open(), e.open(), e.open()
	e.breaker(operator)
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.broken(operator, e.inspect(operator, e.name))
	for _, who := range []*process{operator, other} {
		w := e.waitThen(who, e.name, func() {
			if err := lease.Err(); err == nil {
				e.Errorf("%s was granted the lock while the broken holder believes in it", who.owner)
			}
		})
		e.release(e.granted(w, e.soon))
	}
	e.lostError("Lease.Err()", lease.Err())
}

func breakEnds(e *env) {
	p, operator, other := e.open(), e.open(), e.open()
	e.breaker(operator)
	e.acquire(p, locker.WithTTL(e.ttl))
	e.broken(operator, e.inspect(operator, e.name))
	w := e.wait(other)
	e.asleep(w)
	e.granted(w, e.soon)
}

func breakOther(e *env) {
	p, operator := e.open(), e.open()
	e.breaker(operator)
	e.release(e.acquire(p, locker.WithoutRenewal()))
	seen := locker.Info{Name: e.name, AcquisitionID: e.id(), State: locker.StateHeld}
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	for i, opts := range [][]locker.BreakOption{nil, {locker.FreeNow()}, nil, {locker.FreeNow()}} {
		err := e.breakErr([]*process{operator, p}[i/2], seen, opts...)
		var held *locker.HeldError
		if !errors.As(err, &held) || held.Name != e.name || held.Holder.AcquisitionID != lease.ID() || held.Holder.Owner != p.owner {
			e.Fatalf("Break of another acquisition = %v, want a *HeldError that describes the holder, %q with %q", err, p.owner, lease.ID())
		}
	}
	if err := e.renewErr(lease); err != nil {
		e.Errorf("Renew after a break of another acquisition = %v, want no error", err)
	}
}

func breakAgain(e *env) {
	p, operator, third := e.open(), e.open(), e.open()
	e.breaker(operator)
	lease := e.acquire(p, locker.WithoutRenewal())
	seen := e.inspect(operator, e.name)
	operator.faults.Inject(OpBreak, 1, Lose())
	if err := e.breakErr(operator, seen); !errors.Is(err, locker.ErrUnavailable) {
		e.Fatalf("Break whose answer got lost = %v, want an error that wraps ErrUnavailable", err)
	}
	e.lostError("Renew", e.renewErr(lease))
	broken := e.inspect(operator, e.name)
	if broken.AcquisitionID == lease.ID() || broken.State == locker.StateFree {
		e.Fatalf("Inspect after a break: acquisition %q, %v, want another, and not free", broken.AcquisitionID, broken.State)
	}
	for _, info := range []locker.Info{seen, broken} {
		for _, who := range []*process{operator, third} {
			e.broken(who, info)
		}
	}
	if again := e.inspect(operator, e.name); again.Revision != broken.Revision {
		e.Errorf("the revision is %q after another break, want it as before, %q: whoever waits for the name would begin anew", again.Revision, broken.Revision)
	}

	other := e.name + "/free"
	lease = e.acquireName(p, other)
	seen = e.inspect(operator, other)
	e.release(lease)
	e.broken(operator, seen)
	e.free(p, other)
	e.broken(operator, e.inspect(operator, e.name+"/never"))
}

func breakMinHold(e *env) {
	p, operator := e.open(), e.open()
	e.breaker(operator)
	e.release(e.acquire(p, locker.WithMinHold(e.long)))
	e.broken(operator, e.inspect(operator, e.name))
	e.refused(p, e.name)
	e.broken(operator, e.inspect(operator, e.name), locker.FreeNow())
	e.free(p, e.name)
}

func breakTokens(e *env) {
	operator := e.open()
	e.breaker(operator)
	if e.b.NoFencing {
		e.Skip("no fencing tokens")
	}
	var last locker.Token
	for range 3 {
		lease := e.acquire(e.open(), locker.WithoutRenewal())
		if lease.Token() <= last {
			e.Fatalf("token %v after %v, want a higher one", lease.Token(), last)
		}
		last = lease.Token()
		e.broken(operator, e.inspect(operator, e.name), locker.FreeNow())
	}
}

func breakFreeNow(e *env) {
	p, operator, other := e.open(), e.open(), e.open()
	e.breaker(operator)
	first := e.acquire(p, locker.WithoutRenewal())
	seen := e.inspect(operator, e.name)
	e.broken(operator, seen, locker.FreeNow())
	e.broken(operator, seen, locker.FreeNow())
	second := e.acquire(other, locker.WithoutRenewal())
	e.lostError("Renew", e.renewErr(first))

	seen = e.inspect(operator, e.name)
	e.broken(operator, seen)
	e.refused(p, e.name)
	e.broken(operator, seen, locker.FreeNow())
	e.free(p, e.name)
	e.lostError("Renew", e.renewErr(second))
}
