package locktest

import (
	"errors"

	"example.com/holdfast/locker"
)

// tokenCases are about fencing tokens.
func tokenCases() []testCase {
	return []testCase{
		{"TokensRise", "Each lease on a name has a higher token than all before it: after a release, through another process, through the same.", fencing, tokensRise},
		{"TokensRiseByTakeOver", "A lease that takes over has a higher token than the one that ended.", fencing, tokensRiseByTakeOver},
		{"TokenStays", "The token stays the same for as long as the lease lasts, and can be had after it.", fencing, tokenStays},
		{"Fence", "A Fence passes a lease's token again and again, and refuses it, as stale, once a later lease's was seen.", fencing, fence},
	}
}

func tokensRise(e *env) {
	p, other := e.open(), e.open()
	var last locker.Token
	for i := range 8 {
		who := p
		if i%4 >= 2 {
			who = other
		}
		lease := e.acquire(who)
		if got := lease.Token(); got <= last {
			e.Errorf("grant %d has token %v after token %v, want a higher one", i+1, got, last)
		}
		last = max(last, lease.Token())
		e.release(lease)
	}
	if lease := e.acquire(e.open()); lease.Token() <= last {
		e.Errorf("a new process has token %v after token %v, want a higher one", lease.Token(), last)
	}
}

func tokensRiseByTakeOver(e *env) {
	var last locker.Token
	for i, p := range []*process{e.open(), e.open(), e.open()} {
		lease := e.granted(e.wait(p, locker.WithTTL(e.ttl), locker.WithoutRenewal()), e.ttl+e.soon)
		if got := lease.Token(); got <= last {
			e.Errorf("grant %d has token %v after token %v, want a higher one", i+1, got, last)
		}
		last = max(last, lease.Token())
	}
	if g := e.steal(); g.Token <= last {
		e.Errorf("a take-over by revision has token %v after token %v, want a higher one", g.Token, last)
	}
}

func tokenStays(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	token := lease.Token()
	e.sleep(2 * e.ttl)
	if err := e.renewErr(lease); err != nil {
		e.Fatalf("Renew = %v, want no error", err)
	}
	if got := lease.Token(); got != token {
		e.Errorf("Lease.Token() = %v after renewals, want it to stay %v", got, token)
	}
	if got := e.refused(other, e.name).Holder.Token; got < token {
		e.Errorf("HeldError.Holder.Token = %v, want the lease's, %v, or a later one of its acquisition", got, token)
	}
	e.release(lease)
	if got := lease.Token(); got != token {
		e.Errorf("Lease.Token() = %v after the release, want it to stay %v", got, token)
	}
}

func fence(e *env) {
	var f locker.Fence
	old := e.acquire(e.open(), locker.WithTTL(e.ttl), locker.WithoutRenewal())
	for range 2 {
		if err := f.Check(e.name, old.Token()); err != nil {
			e.Errorf("Check of the holder's token = %v, want nil", err)
		}
	}
	next := e.granted(e.wait(e.open()), e.ttl+e.soon)
	if err := f.Check(e.name, old.Token()); err != nil {
		e.Errorf("Check of a token of which no later was seen = %v, want nil", err)
	}
	if err := f.Check(e.name, next.Token()); err != nil {
		e.Errorf("Check of the next holder's token = %v, want nil", err)
	}
	err := f.Check(e.name, old.Token())
	var stale *locker.StaleError
	if !errors.As(err, &stale) || !errors.Is(err, locker.ErrStale) {
		e.Fatalf("Check of an old token = %v, want a *StaleError that matches ErrStale", err)
	}
	if stale.Token != old.Token() || stale.Highest != next.Token() || stale.Name != e.name {
		e.Errorf("StaleError = %+v, want token %v, highest %v", stale, old.Token(), next.Token())
	}
	if got, err := locker.ParseToken(next.Token().String()); err != nil || got != next.Token() {
		e.Errorf("ParseToken(%q) = %v, %v, want the token", next.Token().String(), got, err)
	}
}
