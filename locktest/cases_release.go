package locktest

import (
	"context"
	"errors"

	"example.com/holdfast/locker"
)

// releaseCases are about the end that a holder gives to its lease.
func releaseCases() []testCase {
	return []testCase{
		{"ReleaseEnds", "By a release the lease is over: Err is ErrReleased, Done is closed, nothing remains.", nothing, releaseEnds},
		{"ReleaseEndsAtOnce", "Locally a lease is over as soon as Release is called, whatever the store takes to answer.", nothing, releaseEndsAtOnce},
		{"ReleaseDoneCtx", "Release works with a ctx that is done: it lends its values only.", nothing, releaseDoneCtx},
		{"ReleaseTwice", "Releasing twice returns nil, also at once from two goroutines, and does not touch who came after.", nothing, releaseTwice},
		{"ReleaseAfterLoss", "Release after a loss returns the *LostError and leaves the next holder alone.", nothing, releaseAfterLoss},
		{"ReleaseFindsLoss", "Release that finds that the store names another holder returns a *LostError and leaves that one alone.", nothing, releaseFindsLoss},
		{"StaleHandle", "Releasing a handle whose lease is over leaves the same Locker's new lease alone, its renewal too.", nothing, staleHandle},
		{"StaleLostHandle", "Releasing a handle whose lease was lost leaves the same Locker's new lease alone, its renewal too.", nothing, staleLostHandle},
		{"ReleaseBesideRenewal", "Release does not wait for a renewal that is under way.", nothing, releaseBesideRenewal},
	}
}

func releaseEnds(e *env) {
	lease := e.acquire(e.open())
	e.held(lease)
	e.release(lease)
	if err := lease.Err(); !errors.Is(err, locker.ErrReleased) || errors.Is(err, locker.ErrLost) {
		e.Errorf("after Release, Lease.Err() = %v, want %v", err, locker.ErrReleased)
	}
	if !closed(lease.Done()) {
		e.Errorf("after Release, Lease.Done() is open")
	}
	if got := lease.Remaining(); got != 0 {
		e.Errorf("after Release, Lease.Remaining() = %v, want 0", got)
	}
}

func releaseEndsAtOnce(e *env) {
	p := e.open()
	lease := e.acquire(p)
	hanging := make(chan struct{})
	p.faults.Inject(OpRelease, 1, Stall(hanging))
	var err error
	done := e.spawn(func() { err = lease.Release(e.ctx) })
	e.eventually(e.ttl/2, "Lease.Done() is closed while the release hangs", func() bool { return closed(lease.Done()) })
	e.sleep(e.ttl / 8)
	if got := lease.Err(); !errors.Is(got, locker.ErrReleased) {
		e.Errorf("while the release hangs, Lease.Err() = %v, want %v", got, locker.ErrReleased)
	}
	if closed(done) {
		e.Errorf("Release = %v before the store has answered", err)
	}
	close(hanging)
	if !e.pass(done, e.soon) || err != nil {
		e.Errorf("Release = %v, want no error once the store has answered", err)
	}
	e.free(e.open(), e.name)
}

func releaseDoneCtx(e *env) {
	p := e.open()
	ctx, cancel := context.WithCancel(e.ctx)
	var lease *locker.Lease
	var err error
	e.call("Acquire", func() { lease, err = p.Acquire(ctx, e.name, e.options(nil)...) })
	if err != nil {
		e.Fatalf("Acquire = %v, want a lease", err)
	}
	cancel()
	e.call("Release with a done ctx", func() { err = lease.Release(ctx) })
	if err != nil {
		e.Errorf("Release with a done ctx = %v, want no error", err)
	}
	e.free(e.open(), e.name)
}

func releaseTwice(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p)
	var errs [2]error
	e.call("Release from two goroutines", func() {
		second := e.spawn(func() { errs[1] = lease.Release(e.ctx) })
		errs[0] = lease.Release(e.ctx)
		<-second
	})
	if err := errors.Join(errs[:]...); err != nil {
		e.Errorf("Release from two goroutines = %v, %v, want no error", errs[0], errs[1])
	}
	next := e.acquire(other)
	e.release(lease)
	e.held(next)
	e.refused(e.open(), e.name)
}

func releaseAfterLoss(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	next := e.granted(e.wait(other), e.ttl+e.soon)
	e.lost(lease, e.ttl)
	e.lostError("Release after a loss", e.releaseErr(lease))
	e.lostError("the second Release after a loss", e.releaseErr(lease))
	e.held(next)
	e.refused(e.open(), e.name)
}

func releaseFindsLoss(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithoutRenewal())
	thief := e.steal()
	e.held(lease)
	lost := e.lostError("Release of a lease that was taken", e.releaseErr(lease))
	if lost.Token != lease.Token() {
		e.Errorf("LostError.Token = %v, want the lease's, %v", lost.Token, lease.Token())
	}
	if got := e.refused(e.open(), e.name).Holder.AcquisitionID; got != thief.ID {
		e.Errorf("after the release the holder is %q, want %q", got, thief.ID)
	}
}

// steal gives the case's lock to another by a take-over that is pinned to the
// revision of whoever holds it. A renewal may come between.
func (e *env) steal() locker.Grant {
	e.Helper()
	var err error
	for range 3 {
		held := e.refused(e.open(), e.name)
		var g locker.Grant
		g, err = e.raw().Acquire(e.ctx, locker.Attempt{
			Name: e.name, ID: e.id(), Owner: "the thief", TTL: e.long, Stale: held.Holder.Revision,
		})
		if err == nil {
			return g
		}
	}
	e.Fatalf("Acquire with the holder's revision as Stale = %v, want a grant", err)
	panic("unreachable")
}

func staleHandle(e *env) {
	p, other := e.open(), e.open()
	old := e.acquire(p, locker.WithTTL(e.ttl))
	e.release(old)
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	e.release(old)
	e.sleep(3 * e.ttl)
	e.held(lease)
	e.refused(other, e.name)
}

func staleLostHandle(e *env) {
	p, other := e.open(), e.open()
	old := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.lost(old, 2*e.ttl)
	lease := e.granted(e.wait(p, locker.WithTTL(e.ttl)), e.soon)
	e.lostError("Release after a loss", e.releaseErr(old))
	e.sleep(3 * e.ttl)
	e.held(lease)
	e.refused(other, e.name)
}

func releaseBesideRenewal(e *env) {
	p := e.open(remote)
	lease := e.acquire(p)
	hanging := make(chan struct{})
	defer close(hanging)
	p.faults.Inject(OpRenew, -1, Stall(hanging))
	e.spawn(func() { lease.Renew(e.ctx) })
	e.eventually(e.soon, "a renewal is under way", func() bool { return p.faults.Calls(OpRenew) > 0 })
	var err error
	done := e.spawn(func() { err = lease.Release(e.ctx) })
	if !e.pass(done, e.ttl) || err != nil {
		e.Fatalf("Release beside a renewal that hangs = %v after %v, want it to return without an error", err, e.ttl)
	}
	e.free(e.open(), e.name)
}
