package locktest

import (
	"errors"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// attemptCases are about a backend's Acquire and Release, asked directly.
func attemptCases() []testCase {
	return []testCase{
		{"RawRefused", "Acquire of a held name is a *HeldError that describes the holder; a try that was refused has changed nothing.", nothing, rawRefused},
		{"RawOneOfMany", "Of many attempts at once exactly one succeeds.", nothing, rawOneOfMany},
		{"RawIdempotent", "Acquire is idempotent in the ID: an attempt that is sent again succeeds again, with the same token, and stays one grant.", nothing, rawIdempotent},
		{"RawReleaseByID", "Release works for a Grant of which only Name, ID and TTL are set: an attempt whose outcome nobody knows.", nothing, rawReleaseByID},
		{"RawReleaseUnlanded", "Release of an ID that never landed is no failure, leaves a holder alone, and a late landing frees the name within a TTL.", nothing, rawReleaseUnlanded},
		{"RawReleaseTwice", "Release of what was released before is success.", nothing, rawReleaseTwice},
		{"RawReleaseOther", "Release of an acquisition that another has taken over from is a *LostError, and leaves that one alone.", nothing, rawReleaseOther},
		{"RawHold", "Release with a hold keeps the name taken for so long, and no longer than that.", nothing, rawHold},
		{"RawTakeOver", "Acquire takes over the revision given as Stale, with a higher token.", nothing, rawTakeOver},
		{"RawPinned", "A take-over is pinned: a Stale that is not the holder's revision any more, because of a renewal, is refused.", nothing, rawPinned},
		{"RawStaleFree", "Acquire of a free name succeeds whatever Stale says.", nothing, rawStaleFree},
	}
}

// attempt returns a new attempt at the case's lock.
func (e *env) attempt() locker.Attempt {
	id := e.id()
	return locker.Attempt{Name: e.name, ID: id, Owner: "owner of " + id, TTL: e.long, Data: []byte("data of " + id)}
}

// grant sends an attempt that has to succeed.
func (e *env) grant(b locker.Backend, a locker.Attempt) locker.Grant {
	e.Helper()
	g, err := b.Acquire(e.ctx, a)
	if err != nil {
		e.Fatalf("Acquire(%+v) = %v, want a grant", a, err)
	}
	if g.Name != a.Name || g.ID != a.ID || g.TTL != a.TTL || g.Token <= 0 && !e.b.NoFencing {
		e.Fatalf("Acquire(%+v) = %+v, want its name, ID and TTL and a positive token", a, g)
	}
	return g
}

// rawHeld checks that an attempt is refused because of g.
func (e *env) rawHeld(b locker.Backend, a locker.Attempt, g locker.Grant) *locker.HeldError {
	e.Helper()
	got, err := b.Acquire(e.ctx, a)
	var held *locker.HeldError
	if !errors.As(err, &held) {
		e.Fatalf("Acquire(%+v) = %+v, %v, want a *HeldError: %q holds the name", a, got, err, g.ID)
	}
	if h := held.Holder; held.Name != g.Name || h.AcquisitionID != g.ID || h.Owner != "owner of "+g.ID || h.State != locker.StateHeld || h.TTL != g.TTL || h.Revision == "" {
		e.Fatalf("Acquire(%+v) = the *HeldError %+v, want it to describe the grant %+v", a, *held, g)
	}
	return held
}

// rawRelease checks that a release succeeds.
func (e *env) rawRelease(b locker.Backend, g locker.Grant, hold time.Duration) {
	e.Helper()
	if err := b.Release(e.ctx, g, hold); err != nil {
		e.Fatalf("Release(%+v, %v) = %v, want no error", g, hold, err)
	}
}

func rawRefused(e *env) {
	b, other := e.raw(), e.raw()
	g := e.grant(b, e.attempt())
	first := e.rawHeld(other, e.attempt(), g)
	second := e.rawHeld(b, e.attempt(), g)
	if first.Holder.Revision != second.Holder.Revision {
		e.Errorf("the holder's revision is %q, then %q, want it the same: nothing has happened in between", first.Holder.Revision, second.Holder.Revision)
	}
	e.rawRelease(b, g, 0)
	e.grant(other, e.attempt())
}

func rawOneOfMany(e *env) {
	const rounds, many = 5, 8
	backends := make([]locker.Backend, many)
	for i := range backends {
		backends[i] = e.raw()
	}
	for range rounds {
		grants, errs := make([]locker.Grant, many), make([]error, many)
		e.call("Acquire by many at once", func() {
			var all sync.WaitGroup
			for i, b := range backends {
				a := e.attempt()
				all.Go(func() { grants[i], errs[i] = b.Acquire(e.ctx, a) })
			}
			all.Wait()
		})
		var winners []locker.Grant
		for i, err := range errs {
			switch {
			case err == nil:
				winners = append(winners, grants[i])
			case !errors.Is(err, locker.ErrHeld) && !errors.Is(err, locker.ErrUnavailable):
				e.Errorf("Acquire by many at once = %v, want a grant or a *HeldError", err)
			}
		}
		if len(winners) != 1 {
			e.Fatalf("%d of %d attempts at once were granted, want 1", len(winners), many)
		}
		e.rawRelease(backends[0], winners[0], 0)
	}
}

func rawIdempotent(e *env) {
	b := e.raw()
	a := e.attempt()
	first := e.grant(b, a)
	second := e.grant(b, a)
	if first.Token != second.Token {
		e.Errorf("two sends of one ID have the tokens %v and %v, want one", first.Token, second.Token)
	}
	e.rawHeld(e.raw(), e.attempt(), first)
	e.rawRelease(b, second, 0)
	e.grant(e.raw(), e.attempt())
}

func rawReleaseByID(e *env) {
	b := e.raw()
	g := e.grant(b, e.attempt())
	e.rawRelease(b, locker.Grant{Name: g.Name, ID: g.ID, TTL: g.TTL}, 0)
	next := e.grant(e.raw(), e.attempt())
	e.rawHeld(b, e.attempt(), next)
}

// rawReleaseUnlanded leaves open whether a late landing takes the name: a store
// that remembers the release refuses it, others have nothing to know it by. It
// must not last.
func rawReleaseUnlanded(e *env) {
	b, other := e.raw(), e.raw()
	held := e.grant(b, e.attempt())
	a := e.attempt()
	a.TTL = e.ttl
	unlanded := locker.Grant{Name: a.Name, ID: a.ID, TTL: a.TTL}
	for _, when := range []string{"while another holds the name", "of a free name"} {
		var lost *locker.LostError
		if err := other.Release(e.ctx, unlanded, 0); err != nil && !errors.As(err, &lost) {
			e.Errorf("Release of an ID that never landed, %s = %v, want no error or a *LostError", when, err)
		}
		if held.ID != "" {
			e.rawHeld(other, e.attempt(), held)
			e.rawRelease(b, held, 0)
			held = locker.Grant{}
		}
	}
	_, err := other.Acquire(e.ctx, a)
	if err != nil && !errors.Is(err, locker.ErrHeld) {
		e.Errorf("Acquire of an ID after its release = %v, want a grant or a *HeldError", err)
	}
	e.freeSoon(e.open(), e.name)
}

func rawReleaseTwice(e *env) {
	b := e.raw()
	g := e.grant(b, e.attempt())
	e.rawRelease(b, g, 0)
	e.rawRelease(b, g, 0)
	e.rawRelease(e.raw(), locker.Grant{Name: g.Name, ID: g.ID, TTL: g.TTL}, 0)
	e.grant(e.raw(), e.attempt())
}

func rawReleaseOther(e *env) {
	b, other := e.raw(), e.raw()
	old := e.grant(b, e.attempt())
	next := e.takeOver(other, old)
	for _, g := range []locker.Grant{old, {Name: old.Name, ID: old.ID, TTL: old.TTL}} {
		e.rawLost("Release", b.Release(e.ctx, g, 0))
	}
	e.rawHeld(e.raw(), e.attempt(), next)
}

// takeOver takes over from g by its revision, as others see it.
func (e *env) takeOver(b locker.Backend, g locker.Grant) locker.Grant {
	e.Helper()
	a := e.attempt()
	a.Stale = e.rawHeld(b, a, g).Holder.Revision
	next := e.grant(b, a)
	if next.Token <= g.Token && !e.b.NoFencing {
		e.Errorf("a take-over from token %v has token %v, want a higher one", g.Token, next.Token)
	}
	return next
}

// rawLost checks that an error is a loss.
func (e *env) rawLost(what string, err error) {
	e.Helper()
	var lost *locker.LostError
	if !errors.As(err, &lost) {
		e.Errorf("%s = %v, want a *LostError", what, err)
	}
}

func rawHold(e *env) {
	b := e.raw()
	g := e.grant(b, e.attempt())
	before := e.now()
	e.rawRelease(b, g, e.ttl)
	if _, err := e.raw().Acquire(e.ctx, e.attempt()); !errors.Is(err, locker.ErrHeld) && e.since(before) < e.ttl {
		e.Fatalf("Acquire after a release with a hold = %v, want a *HeldError", err)
	}
	w := e.wait(e.open())
	e.granted(w, e.ttl+e.soon)
	if got := w.ended.Sub(before); got < e.ttl {
		e.Errorf("the name was granted %v after its release with a hold of %v", got, e.ttl)
	}
}

func rawTakeOver(e *env) {
	b, other := e.raw(), e.raw()
	old := e.grant(b, e.attempt())
	next := e.takeOver(other, old)
	e.rawHeld(b, e.attempt(), next)
	last := e.takeOver(b, next)
	e.rawHeld(other, e.attempt(), last)
}

func rawPinned(e *env) {
	b, other := e.raw(), e.raw()
	g := e.grant(b, e.attempt())
	a := e.attempt()
	a.Stale = e.rawHeld(other, a, g).Holder.Revision
	g, err := b.Renew(e.ctx, g, locker.Renewal{TTL: g.TTL})
	if err != nil {
		e.Fatalf("Renew = %v, want no error", err)
	}
	e.rawHeld(other, a, g)
	a.Stale = e.id()
	e.rawHeld(other, a, g)
	if _, err := b.Renew(e.ctx, g, locker.Renewal{TTL: g.TTL}); err != nil {
		e.Errorf("Renew after take-overs that were refused = %v, want no error", err)
	}
}

func rawStaleFree(e *env) {
	b := e.raw()
	a := e.attempt()
	a.Stale = e.id()
	g := e.grant(b, a)
	e.rawRelease(b, g, 0)
	a = e.attempt()
	a.Stale = g.Revision
	e.grant(e.raw(), a)
}
