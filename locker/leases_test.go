package locker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// TestAcquireAllUnknown resolves a request of which nobody knows what became.
func TestAcquireAllUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newGathers(100)
		lost := 2
		s.group = func(_ context.Context, all []locker.Attempt) ([]locker.Grant, error) {
			grants, err := s.doGroup(all)
			if lost > 0 && err == nil {
				lost--
				return nil, errDown
			}
			return grants, err
		}
		c := newClient(t, s)
		group := acquireAll(t, c, []string{"a", "b"}, locker.NoWait())
		ids := make(map[string]bool)
		for _, call := range s.asked("group") {
			ids[call.id] = true
		}
		if n := len(s.asked("group")); n != 3 || len(ids) != 1 {
			t.Errorf("%d requests of %d acquisitions, want 3 of one", n, len(ids))
		}
		want(t, "Release", group.Release(t.Context()))
		lost = 1 << 30
		_, err := locker.AcquireAll(t.Context(), c, []string{"a", "b"}, locker.NoWait())
		want(t, "AcquireAll", err, locker.ErrUnavailable)
		synctest.Wait()
		for _, name := range []string{"a", "b"} {
			if info := s.info(name); info.State != locker.StateFree {
				t.Errorf("%q is %v, want it free", name, info.State)
			}
		}
	})
}

// TestAcquireAllClosed ends with its client.
func TestAcquireAllClosed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store, c *locker.Client) {
		s.foreign("b", time.Hour)
		got := gather(t, c, []string{"a", "b"})
		want(t, "Close", c.Close(t.Context()))
		r := <-got
		want(t, "AcquireAll", r.err, locker.ErrClosed)
		if info := s.info("a"); info.State != locker.StateFree {
			t.Errorf("a is %v, want it free", info.State)
		}
	})
}

// TestAcquireAllLostMeanwhile begins again when a lease is lost while another name is
// waited for.
func TestAcquireAllLostMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(store)
		c := newClient(t, s)
		foreign := s.foreign("c", time.Hour)
		got := gather(t, c, []string{"a", "b", "c"}, locker.WithTTL(10*time.Second), locker.WithMinHold(9*time.Second))
		thief := s.foreign("b", time.Hour)
		time.Sleep(time.Minute)
		want(t, "Release of the other", s.doRelease(foreign, 0))
		time.Sleep(time.Minute)
		if n := s.acquired("a"); n != 2 {
			t.Errorf("%d requests to acquire a, want 2: the minimum hold is that of a group which is held", n)
		}
		want(t, "Release of the thief", s.doRelease(thief, 0))
		r := <-got
		if r.err != nil {
			t.Fatalf("AcquireAll = %v", r.err)
		}
		want(t, "Err", r.group.Err())
	})
}

// TestGroupEnds tells of the first lease that is over.
func TestGroupEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store, c *locker.Client) {
		group := acquireAll(t, c, []string{"a", "b"}, locker.WithTTL(10*time.Second))
		ctx, cancel := group.Context(t.Context())
		defer cancel()
		other, stop := group.Context(t.Context())
		stop()
		want(t, "the cause of a context that was stopped", context.Cause(other), context.Canceled)
		s.foreign("b", time.Hour)
		<-ctx.Done()
		lost := wantLost(t, "the context's cause", context.Cause(ctx), locker.LossTaken)
		if lost.Name != "b" {
			t.Errorf("the loss is of %q, want b", lost.Name)
		}
		wantLost(t, "Err", group.Err(), locker.LossTaken)
		if left := group.Remaining(); left != 0 {
			t.Errorf("Remaining() = %v, want 0", left)
		}
		late, cancelLate := group.Context(t.Context())
		defer cancelLate()
		wantLost(t, "the cause of a late context", context.Cause(late), locker.LossTaken)
		for lease := range group.All() {
			if lease.Name() == "a" {
				want(t, "Err of a", lease.Err())
			}
		}
		wantLost(t, "Release", group.Release(t.Context()), locker.LossTaken)
		wantLost(t, "Err after Release", group.Err(), locker.LossTaken)
		if info := s.info("a"); info.State != locker.StateFree {
			t.Errorf("a is %v, want it free", info.State)
		}
	})
}
