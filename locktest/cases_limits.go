package locktest

import (
	"errors"
	"strings"
	"time"

	"example.com/holdfast/locker"
)

// limitCases are about values outside of their limits, and at them.
func limitCases() []testCase {
	return []testCase{
		{"LimitsRefused", "A name or option outside of its limits is an *InvalidError that matches ErrInvalid, before anything is sent.", nothing, limitsRefused},
		{"LimitsAllowed", "Names, owners and data of exactly the longest size work, and so do the longest TTL and a minimum hold of a TTL.", nothing, limitsAllowed},
		{"NoFencing", "RequireFencing fails with ErrNoFencing, before anything is sent, where rising tokens can't be promised.", nothing, noFencing},
		{"Fencing", "RequireFencing is granted where tokens rise.", fencing, fencingRequired},
	}
}

func limitsRefused(e *env) {
	p := e.open()
	ok := e.name
	for _, c := range []struct {
		what string
		name string
		opt  locker.Option
	}{
		{"an empty name", "", nil},
		{"a name of 2,049 bytes", strings.Repeat("x", locker.MaxNameBytes+1), nil},
		{"a name of 1,025 runes in 2,050 bytes", strings.Repeat("\u00e9", locker.MaxNameBytes/2+1), nil},
		{"a name that is no UTF-8", ok + "\xff", nil},
		{"a name kept for backends", "_session/" + ok, nil},
		{"a TTL of 0", ok, locker.WithTTL(0)},
		{"a negative TTL", ok, locker.WithTTL(-time.Second)},
		{"a TTL below the minimum", ok, locker.WithTTL(e.minTTL() - 1)},
		{"a TTL above 24 h", ok, locker.WithTTL(locker.MaxTTL + 1)},
		{"a negative wait", ok, locker.WithWait(-1)},
		{"a negative minimum hold", ok, locker.WithMinHold(-1)},
		{"a minimum hold above the TTL", ok, locker.WithMinHold(e.long + 1)},
		{"a negative maximum hold", ok, locker.WithMaxHold(-1)},
		{"an owner of 1,025 bytes", ok, locker.WithOwner(strings.Repeat("x", locker.MaxOwnerBytes+1))},
		{"an owner that is no UTF-8", ok, locker.WithOwner("\xff")},
		{"data of 4,097 bytes", ok, locker.WithData(make([]byte, locker.MaxDataBytes+1))},
	} {
		w := e.waitFor(p, c.name, c.opt)
		e.call("Acquire", func() { <-w.done })
		var invalid *locker.InvalidError
		switch {
		case w.err == nil:
			e.Errorf("%s: Acquire = a lease, want an *InvalidError", c.what)
			e.releaseErr(w.lease)
		case !errors.As(w.err, &invalid) || !errors.Is(w.err, locker.ErrInvalid):
			e.Errorf("%s: Acquire = %v, want an *InvalidError that matches ErrInvalid", c.what, w.err)
		}
	}
	if n := p.faults.Calls(OpAcquire); n != 0 {
		e.Errorf("%d requests were sent, want none", n)
	}
}

// minTTL returns the shortest TTL that the clients of the store accept.
func (e *env) minTTL() time.Duration {
	var o locker.ClientOptions
	e.setClient(&o)
	return max(o.MinTTL, time.Millisecond)
}

func limitsAllowed(e *env) {
	p, other := e.open(), e.open()
	pad := func(n int) string { return e.name + strings.Repeat("x", n-len(e.name)) }
	for _, c := range []struct {
		what string
		name string
		opt  locker.Option
	}{
		{"a name of 2,048 bytes", pad(locker.MaxNameBytes), nil},
		{"an owner of 1,024 bytes", e.name, locker.WithOwner(strings.Repeat("x", locker.MaxOwnerBytes))},
		{"an empty owner", e.name, locker.WithOwner("")},
		{"data of 4,096 bytes", e.name, locker.WithData(make([]byte, locker.MaxDataBytes))},
		{"data of 0 bytes", e.name, locker.WithData([]byte{})},
		{"a TTL of 24 h", e.name, locker.WithTTL(locker.MaxTTL)},
	} {
		lease, err := e.try(p, c.name, c.opt)
		if err != nil {
			e.Errorf("%s: TryAcquire = %v, want a lease", c.what, err)
			continue
		}
		e.refused(other, c.name)
		e.release(lease)
		e.free(other, c.name)
	}
	lease, err := e.try(p, e.name, locker.WithMinHold(e.long))
	if err != nil {
		e.Fatalf("a minimum hold of a TTL: TryAcquire = %v, want a lease", err)
	}
	e.release(lease)
	e.refused(other, e.name)
}

func noFencing(e *env) {
	p := e.open(func(o *locker.ClientOptions) { o.Fencing = false })
	lease, err := e.try(p, e.name, locker.RequireFencing())
	if !errors.Is(err, locker.ErrNoFencing) {
		e.Errorf("TryAcquire with RequireFencing = %v, %v, want %v", lease, err, locker.ErrNoFencing)
	}
	if n := p.faults.Calls(OpAcquire); n != 0 {
		e.Errorf("%d requests were sent, want none", n)
	}
	e.free(p, e.name)
}

func fencingRequired(e *env) {
	p := e.open()
	lease, err := e.try(p, e.name, locker.RequireFencing())
	if err != nil {
		e.Fatalf("TryAcquire with RequireFencing = %v, want a lease; is ClientOptions.Fencing set by Store.Client?", err)
	}
	if lease.Token() <= 0 {
		e.Errorf("Lease.Token() = %v, want a positive number", lease.Token())
	}
}
