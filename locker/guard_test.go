package locker_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// guardGrant returns the grant of a lease, which has to be had.
func guardGrant(t *testing.T, c *locker.Client, lease *locker.Lease) locker.Grant {
	t.Helper()
	g, err := c.GuardGrant(lease)
	if err != nil {
		t.Fatalf("GuardGrant(%q) = %v, want nil", lease.Name(), err)
	}
	return g
}

// An acquisition that a user's write may depend on is not handed on without a write:
// the next lease has another. Renewals and the lease itself go on as they do.
func TestGuardGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c := newClient(t, s)
		lease := acquire(t, c, t.Name())
		first := lease.ID()
		lease = handOver(t, c, lease)
		if n := s.counts(); n.acquire != 1 {
			t.Errorf("%+v requests, want a hand-over without one", n)
		}
		g := guardGrant(t, c, lease)
		if g.Name != t.Name() || g.ID != first || g.ID == lease.ID() || g.ID != s.info(t.Name()).AcquisitionID || lease.Token() != g.Token+1 {
			t.Errorf("GuardGrant = %+v of the second lease, %q, token %v, of acquisition %q", g, lease.ID(), lease.Token(), first)
		}
		want(t, "Renew", lease.Renew(t.Context()))
		if again := guardGrant(t, c, lease); again.ID != g.ID || again.Revision == g.Revision {
			t.Errorf("GuardGrant after a renewal = %+v after %+v, want another revision of the same", again, g)
		}
		time.Sleep(time.Minute)
		want(t, "Err", lease.Err())

		next := handOver(t, c, lease)
		if n := s.counts(); n.acquire != 2 || n.release != 0 || s.asked("acquire")[1].stale == "" {
			t.Errorf("%+v requests, want a take-over by one write", n)
		}
		if id := s.info(t.Name()).AcquisitionID; id == g.ID || id != next.ID() || next.Token() <= lease.Token() {
			t.Errorf("the next lease, %q, token %v, has acquisition %q, want another than %q, and a higher token than %v", next.ID(), next.Token(), id, g.ID, lease.Token())
		}
		_, err := c.GuardGrant(lease)
		want(t, "GuardGrant of the lease before", err, locker.ErrReleased)
		handOver(t, c, next)
		if n := s.counts(); n.acquire != 2 {
			t.Errorf("%+v requests, want a hand-over of the next acquisition without one", n)
		}
	})
}

// Only a lease of the Client, and one that is held, has a grant to go by. To ask
// sends nothing.
func TestGuardGrantErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c, other := newClient(t, s), newClient(t, s)
		lease := acquire(t, c, t.Name())
		for what, l := range map[string]*locker.Lease{"nil": nil, "the zero Lease": {}, "another's": lease} {
			_, err := other.GuardGrant(l)
			var invalid *locker.InvalidError
			if !errors.As(err, &invalid) || invalid.What != "lease" {
				t.Errorf("GuardGrant, %s, = %v, want an *InvalidError of the lease", what, err)
			}
		}
		expired := acquire(t, c, t.Name()+"/expired", locker.WithoutRenewal())
		time.Sleep(30 * time.Second)
		_, err := c.GuardGrant(expired)
		want(t, "GuardGrant of a lease whose time is over", err, locker.ErrLost)
		if n := s.counts(); n.acquire != 2 || n.poll+n.release != 0 {
			t.Errorf("%+v requests, want no more than the acquires and renewals", n)
		}
		want(t, "Close", c.Close(t.Context()))
		_, err = c.GuardGrant(lease)
		want(t, "GuardGrant after Close", err, locker.ErrClosed)
	})
}

// GuardGrant and a release at the same time: either it is refused, or the next lease
// has another acquisition.
func TestGuardGrantRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c := newClient(t, s)
		lease := acquire(t, c, t.Name())
		guarded := 0
		for range 500 {
			q := queue(t, c, t.Name())
			var wg sync.WaitGroup
			var g locker.Grant
			var err error
			wg.Go(func() { g, err = c.GuardGrant(lease) })
			wg.Go(func() { lease.Release(t.Context()) })
			wg.Wait()
			lease = q.get(t)
			now := s.info(t.Name()).AcquisitionID
			if err == nil {
				guarded++
				if now == g.ID {
					t.Fatalf("lease %q goes on with acquisition %q, which was given away", lease.ID(), now)
				}
			} else {
				want(t, "GuardGrant", err, locker.ErrReleased)
			}
		}
		t.Logf("%d of 500 were guarded before their release", guarded)
	})
}

// A machine that was suspended has not seen the lease end: GuardGrant does.
func TestGuardGrantSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m machine
		c := newClient(t, newBlocks(), func(o *locker.ClientOptions) { o.Clock = &m })
		lease := acquire(t, c, t.Name())
		m.suspend(locker.DefaultTTL/100*99 - 1)
		guardGrant(t, c, lease)
		m.suspend(1)
		_, err := c.GuardGrant(lease)
		want(t, "GuardGrant of a lease whose time is over", err, locker.ErrLost)
	})
}
