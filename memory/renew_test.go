package memory

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

func TestRenew(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	b.clock.Advance(ttl - 1)
	data := []byte("new")
	next, err := b.b.Renew(t.Context(), g, locker.Renewal{TTL: 2 * ttl, Data: data})
	data[0] = 'X'
	want := locker.Grant{Name: b.name, ID: idA, Token: 1, TTL: 2 * ttl, Revision: idA + "/0000000002"}
	if err != nil || !reflect.DeepEqual(next, want) {
		t.Errorf("Renew(%q) = %+v, %v, want %+v", g.Revision, next, err, want)
	}
	info := locker.Info{
		AcquisitionID: idA, Owner: "owner of a", Token: 1, TTL: 2 * ttl, Acquired: start,
		State: locker.StateHeld, Revision: want.Revision, Data: []byte("new"), Remaining: 2 * ttl,
	}
	b.wantInfo(b.inspect(), info)

	next = b.renew(next) // nil data leave what was there, a shorter TTL cuts
	info.TTL, info.Remaining, info.Revision = ttl, ttl, next.Revision
	b.wantInfo(b.inspect(), info)

	next, err = b.b.Renew(t.Context(), next, locker.Renewal{TTL: ttl, Data: []byte{}})
	if got := b.inspect().Data; err != nil || len(got) != 0 {
		t.Errorf("Renew(%q) with empty data = %v, data %q, want none", next.Revision, err, got)
	}
}

func TestRenewLost(t *testing.T) {
	tests := []struct {
		name string
		end  func(*bench, locker.Grant)
		want locker.LossReason
	}{
		{"expired", func(b *bench, _ locker.Grant) { b.clock.Advance(ttl) }, locker.LossExpired},
		{"ended by the test", func(b *bench, _ locker.Grant) { b.store.Expire(b.name) }, locker.LossExpired},
		{"stolen", func(b *bench, _ locker.Grant) { b.store.Steal(b.name) }, locker.LossTaken},
		{"stolen by one who is dead", func(b *bench, _ locker.Grant) { b.store.Steal(b.name); b.store.Expire(b.name) }, locker.LossTaken},
		{"taken over and released", func(b *bench, _ locker.Grant) {
			b.clock.Advance(ttl)
			b.release(b.acquire(idB), 0)
		}, locker.LossGone},
		{"released", func(b *bench, g locker.Grant) { b.release(g, 0) }, locker.LossGone},
		{"released with a hold", func(b *bench, g locker.Grant) { b.release(g, ttl) }, locker.LossGone},
		{"never there", func(b *bench, _ locker.Grant) { delete(b.store.records, b.name) }, locker.LossGone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			g := b.acquire(idA)
			test.end(b, g)
			before := b.inspect()
			next, err := b.b.Renew(t.Context(), g, locker.Renewal{TTL: ttl, Data: []byte("x")})
			b.lost("Renew", err, test.want)
			if want := idA + "/0000000002"; next.Revision != want {
				t.Errorf("Renew beside its error: revision = %q, want %q", next.Revision, want)
			}
			before.Name = b.name
			b.wantInfo(b.inspect(), before) // nothing was changed or created
		})
	}
}

// A renewal that comes after a later one of the same acquisition changes nothing.
func TestRenewLate(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	last := b.renew(b.renew(g))
	b.clock.Advance(1)
	before := b.inspect()
	for _, late := range []locker.Grant{g, {Name: b.name, ID: idA, Revision: "no revision"}} {
		next, err := b.b.Renew(t.Context(), late, locker.Renewal{TTL: 2 * ttl})
		if err == nil || errors.Is(err, locker.ErrLost) || next.Revision != last.Revision {
			t.Errorf("Renew(%q) = %q, %v, want %q and an error that is no loss", late.Revision, next.Revision, err, last.Revision)
		}
		b.wantInfo(b.inspect(), before)
		last = next
	}
	b.renew(last)
}

func TestRelease(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	g = locker.Grant{Name: g.Name, ID: g.ID, TTL: g.TTL} // enough for a release
	b.release(g, 0)
	want := locker.Info{AcquisitionID: idA, Token: 1, State: locker.StateFree, Revision: idA + "/9999999999"}
	b.wantInfo(b.inspect(), want)
	b.release(g, ttl) // again, and too late for a hold
	b.wantInfo(b.inspect(), want)

	b.acquire(idB)
	b.lost("Release after another took it", b.b.Release(t.Context(), g, 0), locker.LossTaken)
	if got := b.inspect().AcquisitionID; got != idB {
		t.Errorf("holder = %q, want %q", got, idB)
	}
}

// A lease that has ended, but that nobody took over, can still be released.
func TestReleaseExpired(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	b.clock.Advance(ttl)
	b.release(g, 0)
	if got := b.inspect().State; got != locker.StateFree {
		t.Errorf("state = %v, want %v", got, locker.StateFree)
	}
}

func TestReleaseHold(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	b.release(g, 3*time.Second)
	b.clock.Advance(time.Second)
	b.release(g, 3*time.Second) // again: the hold does not grow
	want := locker.Info{
		AcquisitionID: idA, Owner: "owner of a", Token: 1, TTL: 3 * time.Second, Acquired: start,
		State: locker.StateHeld, Revision: idA + "/9999999999", Data: []byte("aa"), Remaining: 2 * time.Second,
	}
	b.wantInfo(b.refused(b.attempt(idB)), want)
	b.wantInfo(b.refused(b.attempt(idA)), want)
	b.clock.Advance(2 * time.Second)
	b.wantInfo(b.inspect(), locker.Info{AcquisitionID: idA, Token: 1, State: locker.StateFree, Revision: idA + "/9999999999"})
	b.acquire(idB)
}
