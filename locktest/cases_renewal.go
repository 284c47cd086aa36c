package locktest

import (
	"context"

	"example.com/holdfast/locker"
)

// renewalCases are about a backend's Renew, asked directly.
func renewalCases() []testCase {
	return []testCase{
		{"RawRenew", "Renew extends the lease as others see it, keeps ID and token, and returns the Grant to use next.", nothing, rawRenew},
		{"RawRenewRevision", "The revision that others see changes with every renewal.", nothing, rawRenewRevision},
		{"RawRenewTTL", "Renew makes the lease end the renewal's TTL after it, be that longer or shorter than before.", nothing, rawRenewTTL},
		{"RawRenewData", "Renew replaces the data, by none too, and leaves it as it is if told nothing.", inspect, rawRenewData},
		{"RawRenewNext", "The Grant that Renew returns is the one to use next, also beside an error.", nothing, rawRenewNext},
		{"RawLateRenewal", "A renewal that arrives after a later one of the same acquisition is refused and changes nothing.", nothing, rawLateRenewal},
		{"RawRenewReleased", "A renewal that arrives after the release is refused with a *LostError, and the name stays free.", nothing, rawRenewReleased},
		{"RawRenewHeldOver", "A renewal that arrives after a release with a hold is refused, and the hold ends when it ends.", nothing, rawRenewHeldOver},
		{"RawRenewTaken", "A renewal that arrives after a take-over is refused with a *LostError, and the new holder's lease stays as it is.", nothing, rawRenewTaken},
		{"RawRenewNothing", "A renewal never creates a record: of an acquisition that never was it is refused with a *LostError.", nothing, rawRenewNothing},
	}
}

// rawExtended sends a renewal that has to succeed.
func (e *env) rawExtended(b locker.Backend, g locker.Grant, r locker.Renewal) locker.Grant {
	e.Helper()
	next, err := b.Renew(e.ctx, g, r)
	if err != nil {
		e.Fatalf("Renew(%+v, %v) = %v, want no error", g, r.TTL, err)
	}
	if next.Name != g.Name || next.ID != g.ID || next.Token != g.Token || next.TTL != r.TTL {
		e.Fatalf("Renew(%+v, %v) = %+v, want the same name, ID and token, and the renewal's TTL", g, r.TTL, next)
	}
	return next
}

func rawRenew(e *env) {
	b := e.raw()
	a := e.attempt()
	a.TTL = e.ttl
	g := e.grant(b, a)
	for range 4 {
		e.sleep(e.ttl / 2)
		g = e.rawExtended(b, g, locker.Renewal{TTL: e.ttl})
		e.rawHeld(e.raw(), e.attempt(), g)
	}
	e.rawRelease(b, g, 0)
	e.grant(e.raw(), e.attempt())
}

func rawRenewRevision(e *env) {
	b, other := e.raw(), e.raw()
	g := e.grant(b, e.attempt())
	seen := map[string]bool{e.rawHeld(other, e.attempt(), g).Holder.Revision: true}
	for range 4 {
		g = e.rawExtended(b, g, locker.Renewal{TTL: g.TTL})
		revision := e.rawHeld(other, e.attempt(), g).Holder.Revision
		if seen[revision] {
			e.Errorf("the holder's revision is %q again after a renewal", revision)
		}
		seen[revision] = true
	}
}

func rawRenewTTL(e *env) {
	b := e.raw()
	a := e.attempt()
	a.TTL = e.ttl
	g := e.rawExtended(b, e.grant(b, a), locker.Renewal{TTL: 3 * e.ttl})
	w := e.wait(e.open())
	if e.pass(w.done, 2*e.ttl+e.ttl/2) {
		e.Fatalf("Acquire = %v, %v, want it to wait: the lease was extended to %v", w.lease, w.err, 3*e.ttl)
	}
	w.cancel()
	e.failed(w, e.soon)
	g = e.rawExtended(b, g, locker.Renewal{TTL: e.long})
	e.rawExtended(b, g, locker.Renewal{TTL: e.ttl})
	e.granted(e.wait(e.open()), e.ttl+e.soon)
}

func rawRenewData(e *env) {
	b, p := e.raw(), e.open()
	g := e.grant(b, e.attempt())
	for _, c := range []struct {
		data []byte
		want string
	}{
		{nil, "data of " + g.ID},
		{[]byte("two"), "two"},
		{nil, "two"},
		{[]byte{}, ""},
		{nil, ""},
		{[]byte("three"), "three"},
	} {
		g = e.rawExtended(b, g, locker.Renewal{TTL: g.TTL, Data: c.data})
		if got := e.inspect(p, e.name); string(got.Data) != c.want || got.Owner != "owner of "+g.ID {
			e.Errorf("after Renew with data %q, Inspect: data %q of %q, want %q of %q", c.data, got.Data, got.Owner, c.want, "owner of "+g.ID)
		}
	}
}

// rawRenewNext makes a renewal fail by a ctx that is done. It may take effect all
// the same.
func rawRenewNext(e *env) {
	b := e.raw()
	g := e.grant(b, e.attempt())
	done, cancel := context.WithCancel(e.ctx)
	cancel()
	for range 3 {
		next, _ := b.Renew(done, g, locker.Renewal{TTL: g.TTL})
		if next.ID == g.ID { // else there is none to go on with
			g = next
		}
		g = e.rawExtended(b, g, locker.Renewal{TTL: g.TTL})
	}
	e.rawRelease(b, g, 0)
}

func rawLateRenewal(e *env) {
	b, other := e.raw(), e.raw()
	first := e.grant(b, e.attempt())
	second := e.rawExtended(b, first, locker.Renewal{TTL: e.long, Data: []byte("new")})
	before := e.rawHeld(other, e.attempt(), second)
	if g, err := b.Renew(e.ctx, first, locker.Renewal{TTL: e.ttl, Data: []byte("late")}); err == nil {
		e.Errorf("a renewal from the grant before the last = %+v, want an error: it comes late", g)
	}
	after := e.rawHeld(other, e.attempt(), second)
	if before.Holder.Revision != after.Holder.Revision || string(after.Holder.Data) == "late" {
		e.Errorf("a late renewal changed the record from revision %q to %q, data %q", before.Holder.Revision, after.Holder.Revision, after.Holder.Data)
	}
	e.rawExtended(b, second, locker.Renewal{TTL: e.long})
}

func rawRenewReleased(e *env) {
	b := e.raw()
	first := e.grant(b, e.attempt())
	second := e.rawExtended(b, first, locker.Renewal{TTL: e.long})
	e.rawRelease(b, second, 0)
	for _, g := range []locker.Grant{first, second} {
		_, err := b.Renew(e.ctx, g, locker.Renewal{TTL: e.long})
		e.rawLost("Renew after the release", err)
	}
	e.grant(e.raw(), e.attempt())
}

func rawRenewHeldOver(e *env) {
	b := e.raw()
	g := e.grant(b, e.attempt())
	e.rawRelease(b, g, e.ttl)
	if _, err := b.Renew(e.ctx, g, locker.Renewal{TTL: e.long}); err == nil {
		e.Errorf("Renew after a release with a hold = no error, want one")
	}
	e.granted(e.wait(e.open()), e.ttl+e.soon)
}

func rawRenewTaken(e *env) {
	b, other := e.raw(), e.raw()
	old := e.grant(b, e.attempt())
	next := e.takeOver(other, old)
	before := e.rawHeld(b, e.attempt(), next)
	_, err := b.Renew(e.ctx, old, locker.Renewal{TTL: e.long, Data: []byte("stale")})
	e.rawLost("Renew after a take-over", err)
	after := e.rawHeld(b, e.attempt(), next)
	if before.Holder.Revision != after.Holder.Revision || string(after.Holder.Data) == "stale" {
		e.Errorf("a renewal by the old holder changed the new one's record from revision %q to %q, data %q", before.Holder.Revision, after.Holder.Revision, after.Holder.Data)
	}
	e.rawExtended(other, next, locker.Renewal{TTL: e.long})
}

// rawRenewNothing renews a name that was never locked with the grant of another.
func rawRenewNothing(e *env) {
	b := e.raw()
	a := e.attempt()
	a.Name += "/another"
	never := e.grant(b, a)
	never.Name = e.name
	_, err := b.Renew(e.ctx, never, locker.Renewal{TTL: e.long})
	e.rawLost("Renew of an acquisition that never was", err)
	e.grant(e.raw(), e.attempt())
}
