package locktest

import (
	"bytes"
	"time"

	"example.com/holdfast/locker"
)

// infoCases are about what others can see of a lease.
func infoCases() []testCase {
	return []testCase{
		{"InfoHeld", "Inspect shows of a held lock what its holder gave: owner, data, TTL, token, acquisition, since when and for how long.", inspect, infoHeld},
		{"InfoFree", "Inspect of a name that nobody holds is no error: its state is free, and so it is again after a release.", inspect, infoFree},
		{"InfoEnded", "Inspect shows nothing remaining of a lease that has run out, and does not show it as held for good.", inspect, infoEnded},
		{"InfoRenewed", "A renewal changes the revision and how long the lease remains, and nothing else that others see.", inspect, infoRenewed},
		{"Defaults", "A lease for which no owner and no TTL were chosen has those of its Locker.", nothing, defaults},
		{"SetData", "SetData replaces the data that others see, by none too, and never shortens the lease.", inspect, setData},
		{"NoDataLeft", "Owner and data of a lease are not shown as those of the next.", inspect, noDataLeft},
	}
}

func infoHeld(e *env) {
	p, other := e.open(), e.open()
	data := []byte("data \x00\xff of any bytes")
	before := time.Now()
	lease := e.acquire(p, locker.WithOwner("the holder"), locker.WithData(data))
	for _, who := range []*process{p, other} {
		got := e.inspect(who, e.name)
		if got.Name != e.name || got.Owner != "the holder" || !bytes.Equal(got.Data, data) {
			e.Errorf("Inspect: name %q, owner %q, data %q, want %q, %q, %q", got.Name, got.Owner, got.Data, e.name, "the holder", data)
		}
		if got.State != locker.StateHeld || got.AcquisitionID != lease.ID() || got.TTL != e.long || got.Revision == "" {
			e.Errorf("Inspect: %v, acquisition %q, TTL %v, revision %q, want held, %q, %v and a revision", got.State, got.AcquisitionID, got.TTL, got.Revision, lease.ID(), e.long)
		}
		if got.Token < lease.Token() {
			e.Errorf("Inspect: token %v, want the lease's, %v, or a later one of its acquisition", got.Token, lease.Token())
		}
		if got.Remaining <= 0 || got.Remaining > e.long+e.b.Margin || got.Doubt != 0 {
			e.Errorf("Inspect: %v remaining, %v of doubt, want above 0 and not above the TTL, %v, and no doubt", got.Remaining, got.Doubt, e.long)
		}
		if got.Acquired.IsZero() {
			continue // not known, which is allowed
		}
		if off := got.Acquired.Sub(e.now()); off > time.Minute || off < -time.Minute-time.Since(before) {
			e.Errorf("Inspect: acquired at %v, want about now, %v", got.Acquired, e.now())
		}
	}
}

func infoFree(e *env) {
	p, other := e.open(), e.open()
	if got := e.inspect(p, e.name); got.State != locker.StateFree || got.Remaining != 0 || got.Name != e.name {
		e.Errorf("Inspect of a name never locked: %q, %v, %v remaining, want %q, free, 0", got.Name, got.State, got.Remaining, e.name)
	}
	e.release(e.acquire(p))
	if got := e.inspect(other, e.name); got.State != locker.StateFree || got.Remaining != 0 {
		e.Errorf("Inspect after a release: %v, %v remaining, want free, 0", got.State, got.Remaining)
	}
}

func infoEnded(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.lost(lease, 2*e.ttl)
	e.eventually(e.soon, "Inspect shows that the lease has ended", func() bool {
		got := e.inspect(p, e.name)
		return got.Remaining == 0 && got.State != locker.StateFree
	})
}

func infoRenewed(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithoutRenewal(), locker.WithOwner("the holder"), locker.WithData([]byte("data")))
	before := e.inspect(other, e.name)
	e.sleep(e.ttl / 8)
	if err := e.renewErr(lease); err != nil {
		e.Fatalf("Renew = %v, want no error", err)
	}
	after := e.inspect(other, e.name)
	if before.Revision == after.Revision {
		e.Errorf("the revision is %q before and after a renewal, want it to change", after.Revision)
	}
	if after.Owner != before.Owner || !bytes.Equal(after.Data, before.Data) || after.Token != before.Token ||
		after.TTL != before.TTL || after.AcquisitionID != before.AcquisitionID || !after.Acquired.Equal(before.Acquired) || after.State != before.State {
		e.Errorf("a renewal changed what others see:\nbefore %+v\nafter  %+v", before, after)
	}
}

func defaults(e *env) {
	var o locker.ClientOptions
	e.setClient(&o)
	if o.DefaultTTL == 0 {
		o.DefaultTTL = locker.DefaultTTL
	}
	p, other := e.open(), e.open()
	var lease *locker.Lease
	var err error
	e.call("Acquire", func() { lease, err = p.Acquire(e.ctx, e.name) })
	if err != nil {
		e.Fatalf("Acquire = %v, want a lease", err)
	}
	if got := e.refused(other, e.name).Holder; got.Owner != p.owner || got.TTL != o.DefaultTTL {
		e.Errorf("HeldError.Holder: owner %q, TTL %v, want the Locker's own, %q, %v", got.Owner, got.TTL, p.owner, o.DefaultTTL)
	}
	e.release(lease)
}

func setData(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal(), locker.WithOwner("the holder"), locker.WithData([]byte("one")))
	if err := e.ensureErr(lease, e.long); err != nil {
		e.Fatalf("Ensure = %v, want no error", err)
	}
	for _, data := range [][]byte{[]byte("two"), bytes.Repeat([]byte{0xff}, locker.MaxDataBytes), {}, []byte("four"), nil} {
		if err := e.setDataErr(lease, data); err != nil {
			e.Fatalf("SetData of %d bytes = %v, want no error", len(data), err)
		}
		got := e.inspect(other, e.name)
		if !bytes.Equal(got.Data, data) || got.Owner != "the holder" || got.AcquisitionID != lease.ID() {
			e.Errorf("after SetData of %d bytes, Inspect: %d bytes of owner %q, acquisition %q, want owner %q, acquisition %q", len(data), len(got.Data), got.Owner, got.AcquisitionID, "the holder", lease.ID())
		}
	}
	if got := lease.Remaining(); got < e.long/2 {
		e.Errorf("Lease.Remaining() = %v after SetData, want it no shorter than before, about %v", got, e.long)
	}
	e.sleep(2 * e.ttl)
	e.held(lease)
	e.refused(other, e.name)
}

func noDataLeft(e *env) {
	p, other := e.open(), e.open()
	e.release(e.acquire(p, locker.WithOwner("the first"), locker.WithData([]byte("first"))))
	e.acquire(other)
	if got := e.inspect(p, e.name); got.Owner != other.owner || len(got.Data) != 0 {
		e.Errorf("Inspect: owner %q, data %q, want owner %q and no data", got.Owner, got.Data, other.owner)
	}
}
