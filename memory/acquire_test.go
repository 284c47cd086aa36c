package memory

import (
	"reflect"
	"testing"

	"example.com/holdfast/locker"
)

func TestAcquireGrant(t *testing.T) {
	b := newBench(t)
	want := locker.Grant{Name: b.name, ID: idA, Token: 1, TTL: ttl, Revision: idA + "/0000000001"}
	if got := b.acquire(idA); !reflect.DeepEqual(got, want) {
		t.Errorf("Acquire(%q) = %+v, want %+v", idA, got, want)
	}
}

func TestAcquireAgain(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	b.clock.Advance(ttl / 2)
	if got := b.acquire(idA); !reflect.DeepEqual(got, g) {
		t.Errorf("Acquire(%q) again = %+v, want %+v", idA, got, g)
	}
	if got := b.inspect().Remaining; got != ttl/2 {
		t.Errorf("Remaining after it = %v, want %v: sending again does not extend", got, ttl/2)
	}
	g = b.renew(g)
	if got := b.acquire(idA); got.Revision != g.Revision {
		t.Errorf("Acquire(%q) after a renewal = %q, want %q", idA, got.Revision, g.Revision)
	}
	b.clock.Advance(ttl)
	if got := b.acquire(idA); got.Token != g.Token || b.inspect().State != locker.StateDead {
		t.Errorf("Acquire(%q) after its end = %+v, want the token %v and a lease that is over", idA, got, g.Token)
	}
}

func TestAcquireExpired(t *testing.T) {
	b := newBench(t)
	b.acquire(idA)
	b.clock.Advance(ttl - 1)
	b.wantInfo(b.refused(b.attempt(idB)), locker.Info{
		AcquisitionID: idA, Owner: "owner of a", Token: 1, TTL: ttl, Acquired: start,
		State: locker.StateHeld, Revision: idA + "/0000000001", Data: []byte("aa"), Remaining: 1,
	})
	b.clock.Advance(1)
	if got := b.inspect(); got.State != locker.StateDead || got.Remaining != 0 || got.Doubt != 0 {
		t.Errorf("Inspect(%q) at the end of the TTL = %+v, want dead, nothing remaining, no doubt", b.name, got)
	}
	if got := b.acquire(idB); got.Token != 2 {
		t.Errorf("Acquire(%q) at the end of the TTL = token %v, want 2", idB, got.Token)
	}
}

func TestAcquireStale(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	next := b.renew(g)
	a := b.attempt(idB)
	a.Stale = g.Revision
	b.refused(a) // the revision is no longer that
	a.Stale = next.Revision
	got, err := b.b.Acquire(t.Context(), a)
	if err != nil || got.Token != 2 {
		t.Errorf("Acquire(%q) with the revision = %+v, %v, want token 2", idB, got, err)
	}
	_, err = b.b.Renew(t.Context(), next, locker.Renewal{TTL: ttl})
	b.lost("Renew by the one before", err, locker.LossTaken)
}

// Requests that were held up on their way must not take a name for an
// acquisition that is over.
func TestAcquireLate(t *testing.T) {
	tests := []struct {
		name  string
		end   func(*bench) // of idA
		state locker.State
	}{
		{"released", func(b *bench) { b.release(b.acquire(idA), 0) }, locker.StateFree},
		{"released, never landed", func(b *bench) {
			b.lost("Release", b.b.Release(b.Context(), locker.Grant{Name: b.name, ID: idA, TTL: ttl}, 0), locker.LossGone)
		}, locker.StateFree},
		{"released, another has it", func(b *bench) {
			b.acquire(idB)
			b.lost("Release", b.b.Release(b.Context(), locker.Grant{Name: b.name, ID: idA, TTL: ttl}, 0), locker.LossTaken)
			b.clock.Advance(ttl)
		}, locker.StateDead},
		{"released, another had it", func(b *bench) {
			b.release(b.acquire(idA), 0)
			b.release(b.acquire(idB), 0)
		}, locker.StateFree},
		{"taken over", func(b *bench) {
			b.acquire(idA)
			b.clock.Advance(ttl)
			b.release(b.acquire(idB), 0)
		}, locker.StateFree},
		{"stolen", func(b *bench) {
			b.acquire(idA)
			b.store.Steal(b.name)
			b.store.Expire(b.name)
		}, locker.StateDead},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			test.end(b)
			if got := b.refused(b.attempt(idA)).State; got != test.state {
				t.Errorf("Acquire(%q): state = %v, want %v", idA, got, test.state)
			}
			b.acquire(idC)
		})
	}
}

func TestTokensRise(t *testing.T) {
	b := newBench(t)
	want := locker.Token(0)
	check := func(g locker.Grant) {
		t.Helper()
		if want++; g.Token != want {
			t.Errorf("Acquire(%q) = token %v, want %v", g.ID, g.Token, want)
		}
	}
	check(b.acquire("1" + idA[1:]))
	b.clock.Advance(ttl)
	g := b.acquire("2" + idA[1:])
	check(g)
	b.release(g, 0)
	check(b.acquire("3" + idA[1:]))
	b.store.Expire(b.name)
	check(b.acquire("4" + idA[1:]))
	b.store.Steal(b.name)
	want++
	b.store.Expire(b.name)
	check(b.acquire("5" + idA[1:]))
}
