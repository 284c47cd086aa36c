package locker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// errFinal is what a store says that never will.
var errFinal = errors.New("test: final")

// What is left of a hand-over that fails is released, or goes to the next.
func TestSpare(t *testing.T) {
	other := locker.WithOwner("other")
	t.Run("the call is cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newBlocks()
			c := newClient(t, s)
			for i := range 100 { // before it was handed over, or after
				lease := acquire(t, c, t.Name())
				q := queue(t, c, t.Name())
				lease.OnEnd(func(error) { q.cancel() })
				want(t, "Release", lease.Release(t.Context()))
				if <-q.done; q.err == nil {
					want(t, "Release of the next", q.lease.Release(t.Context()))
				}
				synctest.Wait()
				if s.info(t.Name()).State != locker.StateFree || s.counts().release != i+1 {
					t.Fatalf("after %d leases the name is %v, %d releases", i+1, s.info(t.Name()).State, s.counts().release)
				}
			}
		})
	})
	t.Run("its take-over gets no answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newBlocks()
			c := newClient(t, s)
			lease := acquire(t, c, t.Name())
			q := queue(t, c, t.Name(), other)
			s.onAcquire(func(ctx context.Context, _ locker.Attempt) (locker.Grant, error) { return locker.Grant{}, hung(ctx) })
			want(t, "Release", lease.Release(t.Context()))
			synctest.Wait()
			sent := s.counts().acquire
			_, err := locker.TryAcquire(t.Context(), c, t.Name())
			want(t, "TryAcquire while another in the line is about to take over", err, locker.ErrHeld)
			if n := s.counts().acquire; n != sent || sent != 2 {
				t.Errorf("%d acquires, then %d for one that does not wait, want 2 and no more", sent, n)
			}
			q.cancel()
			<-q.done
			want(t, "Acquire", q.err, context.Canceled)
			time.Sleep(20 * time.Second) // for the one in flight
			synctest.Wait()
			if s.info(t.Name()).State != locker.StateFree {
				t.Errorf("the name is %v, want it free", s.info(t.Name()).State)
			}
		})
	})
	t.Run("its take-over fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newBlocks()
			c := newClient(t, s)
			lease := acquire(t, c, t.Name())
			q, next := queue(t, c, t.Name(), other), queue(t, c, t.Name())
			s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
				if a.Owner == "other" {
					return locker.Grant{}, errFinal
				}
				return s.doAcquire(a)
			})
			want(t, "Release", lease.Release(t.Context()))
			<-q.done
			want(t, "Acquire", q.err, errFinal)
			after := next.get(t)
			if n := s.counts(); n.acquire != 3 || n.release != 0 {
				t.Errorf("%+v requests, want 3 acquires, two of them take-overs", n)
			}
			q = queue(t, c, t.Name(), other)
			want(t, "Release", after.Release(t.Context()))
			<-q.done
			want(t, "Acquire with nobody after it", q.err, errFinal)
			synctest.Wait()
			if n := s.counts(); n.release != 1 || s.info(t.Name()).State != locker.StateFree {
				t.Errorf("%d releases, the name is %v, want 1 release, and it free", n.release, s.info(t.Name()).State)
			}
		})
	})
	t.Run("it was lost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newBlocks()
			c := newClient(t, s)
			lease := acquire(t, c, t.Name())
			q := queue(t, c, t.Name(), other)
			g := s.foreign(t.Name(), 10*time.Second)
			want(t, "Release", lease.Release(t.Context()))
			synctest.Wait()
			_, err := locker.TryAcquire(t.Context(), c, t.Name())
			var held *locker.HeldError
			if !errors.As(err, &held) || held.Holder.AcquisitionID != g.ID {
				t.Errorf("TryAcquire = %v, want it refused because of %q", err, g.ID)
			}
			time.Sleep(5 * time.Second)
			want(t, "the other's release", s.doRelease(g, 0))
			q.get(t)
			if n := s.counts(); n.release != 1 { // what was seen might have been older than the spare
				t.Errorf("%d releases of what was lost, want 1", n.release)
			}
		})
	})
	t.Run("it has ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newBlocks()
			c := newClient(t, s)
			lease := acquire(t, c, t.Name(), locker.WithTTL(time.Second))
			q := queue(t, c, t.Name(), other)
			s.onAcquire(func(context.Context, locker.Attempt) (locker.Grant, error) { return locker.Grant{}, errDown })
			want(t, "Release", lease.Release(t.Context()))
			time.Sleep(10 * time.Second)
			s.heal()
			q.get(t)
		})
	})
}
