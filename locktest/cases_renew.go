package locktest

import (
	"errors"
	"time"

	"example.com/holdfast/locker"
)

// renewCases are about the renewals that a holder asks for.
func renewCases() []testCase {
	return []testCase{
		{"Renew", "Renew extends the lease to a TTL from now, for the holder and for others.", nothing, renew},
		{"RenewAfterRelease", "Renew, Ensure and SetData of a released lease return ErrReleased and send nothing.", nothing, renewAfterRelease},
		{"EnsureEnough", "Ensure sends nothing when enough is left.", nothing, ensureEnough},
		{"Ensure", "Ensure renews a lease that would end too early.", nothing, ensure},
		{"EnsureLonger", "Ensure for longer than the TTL makes the lease last so long, for the holder and for others.", nothing, ensureLonger},
		{"EnsureLimits", "Ensure for a negative time, or for more than 24 h, is an *InvalidError and sends nothing.", nothing, ensureLimits},
	}
}

func (e *env) renewErr(lease *locker.Lease) (err error) {
	e.Helper()
	e.call("Renew", func() { err = lease.Renew(e.ctx) })
	return err
}

func (e *env) ensureErr(lease *locker.Lease, d time.Duration) (err error) {
	e.Helper()
	e.call("Ensure", func() { err = lease.Ensure(e.ctx, d) })
	return err
}

func (e *env) setDataErr(lease *locker.Lease, b []byte) (err error) {
	e.Helper()
	e.call("SetData", func() { err = lease.SetData(e.ctx, b) })
	return err
}

// renew keeps a lease that nobody else renews for two TTLs.
func renew(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	token := lease.Token()
	for range 4 {
		e.sleep(e.ttl / 2)
		before := lease.Remaining()
		if err := e.renewErr(lease); err != nil {
			e.Fatalf("Renew = %v, want no error", err)
		}
		if got := lease.Remaining(); got <= before || got > e.ttl {
			e.Errorf("after Renew, Lease.Remaining() = %v, want above %v and at most the TTL, %v", got, before, e.ttl)
		}
	}
	e.held(lease)
	e.refused(e.open(), e.name)
	if got := lease.Token(); got != token {
		e.Errorf("Lease.Token() = %v after renewals, want it to stay %v", got, token)
	}
	e.lost(lease, 2*e.ttl)
	e.freeSoon(e.open(), e.name)
}

func renewAfterRelease(e *env) {
	p := e.open()
	lease := e.acquire(p)
	e.release(lease)
	for what, err := range map[string]error{
		"Renew":   e.renewErr(lease),
		"Ensure":  e.ensureErr(lease, e.long),
		"SetData": e.setDataErr(lease, []byte("late")),
	} {
		if !errors.Is(err, locker.ErrReleased) {
			e.Errorf("%s after Release = %v, want %v", what, err, locker.ErrReleased)
		}
	}
	if n := p.faults.Calls(OpRenew); n != 0 {
		e.Errorf("%d renewals were sent, want none", n)
	}
	e.free(e.open(), e.name)
}

func ensureEnough(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithoutRenewal())
	for _, d := range []time.Duration{0, time.Millisecond, e.long / 2} {
		if err := e.ensureErr(lease, d); err != nil {
			e.Errorf("Ensure(%v) = %v, want no error", d, err)
		}
	}
	if n := p.faults.Calls(OpRenew); n != 0 {
		e.Errorf("%d renewals were sent, want none: more was left", n)
	}
	e.held(lease)
}

func ensure(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.sleep(e.ttl / 2)
	want := e.ttl * 3 / 4
	if err := e.ensureErr(lease, want); err != nil {
		e.Fatalf("Ensure(%v) = %v, want no error", want, err)
	}
	if n := p.faults.Calls(OpRenew); n == 0 {
		e.Errorf("no renewal was sent, want one: not enough was left")
	}
	if got := lease.Remaining(); got < want-e.slop {
		e.Errorf("after Ensure(%v), Lease.Remaining() = %v", want, got)
	}
	e.sleep(e.ttl * 5 / 8)
	e.held(lease)
	e.refused(e.open(), e.name)
}

func ensureLonger(e *env) {
	lease := e.acquire(e.open(), locker.WithTTL(e.ttl), locker.WithoutRenewal())
	want := 3 * e.ttl
	if err := e.ensureErr(lease, want); err != nil {
		e.Fatalf("Ensure(%v) = %v, want no error", want, err)
	}
	if got := lease.Remaining(); got < want-e.slop {
		e.Errorf("after Ensure(%v), Lease.Remaining() = %v", want, got)
	}
	w := e.wait(e.open())
	if e.pass(w.done, 2*e.ttl+e.ttl/2) {
		e.Fatalf("Acquire(%q) = %v, %v, want it to wait: the lease lasts for %v", e.name, w.lease, w.err, want)
	}
	e.held(lease)
	e.granted(w, 3*e.ttl+e.soon)
}

func ensureLimits(e *env) {
	p := e.open()
	lease := e.acquire(p)
	for _, d := range []time.Duration{-1, locker.MaxTTL + 1} {
		if err := e.ensureErr(lease, d); !errors.Is(err, locker.ErrInvalid) {
			e.Errorf("Ensure(%v) = %v, want an *InvalidError", d, err)
		}
	}
	if err := e.setDataErr(lease, make([]byte, locker.MaxDataBytes+1)); !errors.Is(err, locker.ErrInvalid) {
		e.Errorf("SetData of 4,097 bytes = %v, want an *InvalidError", err)
	}
	if n := p.faults.Calls(OpRenew); n != 0 {
		e.Errorf("%d renewals were sent, want none", n)
	}
	e.held(lease)
}
