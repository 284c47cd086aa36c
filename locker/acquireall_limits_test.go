package locker_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// slowly makes a store take a moment to acquire.
func slowly(s *store) {
	s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
		time.Sleep(time.Millisecond)
		return s.doAcquire(a)
	})
}

// wantHalf checks that each lease has half of its TTL remaining.
func wantHalf(t *testing.T, group *locker.Group, ttl time.Duration) {
	t.Helper()
	for lease := range group.All() {
		if left := lease.Remaining(); left < ttl/2 {
			t.Errorf("%q has %v remaining, want at least %v", lease.Name(), left, ttl/2)
		}
	}
}

// TestAcquireAllHalf needs a renewal of each of many leases when it holds them all. What
// it returns has half of its TTL left all the same.
func TestAcquireAllHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 2 * time.Second
		s := new(store)
		slowly(s)
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			time.Sleep(ttl / 20)
			return s.doRenew(g, r)
		})
		var names []string
		for i := range 21 {
			names = append(names, fmt.Sprintf("%02d", i))
		}
		group := acquireAll(t, newClient(t, s), names, locker.WithTTL(ttl), locker.WithMinHold(ttl), locker.WithoutRenewal())
		wantHalf(t, group, ttl)
	})
}

// TestAcquireAllHalfAgain looks again at those that were complete while others took
// their time.
func TestAcquireAllHalfAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		s := new(store)
		slowly(s)
		var tries atomic.Int64
		s.onRenew(func(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if n := tries.Add(1); g.Name == "b" && n < 6 {
				return g, hung(ctx)
			}
			return s.doRenew(g, r)
		})
		group := acquireAll(t, newClient(t, s), []string{"a", "b"}, locker.WithTTL(ttl), locker.WithMinHold(ttl), locker.WithoutRenewal())
		wantHalf(t, group, ttl)
	})
}

// TestAcquireAllLostAndDone loses a lease, and its ctx ends, while it waits for the last.
func TestAcquireAllLostAndDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(store)
		ctx, cancel := context.WithCancel(t.Context())
		s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
			if a.Name == "b" {
				s.foreign("a", time.Hour)
				time.Sleep(4 * time.Second) // a's renewal tells of the loss
				defer cancel()
			}
			return s.doAcquire(a)
		})
		_, err := newClient(t, s).AcquireAll(ctx, []string{"a", "b"}, locker.WithTTL(10*time.Second))
		want(t, "AcquireAll", err, context.Canceled)
	})
}

// TestAcquireAllUnsupportedWait waits for no longer where the store says only after
// some waiting that it can't.
func TestAcquireAllUnsupportedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newGathers(100)
		s.group = func(context.Context, []locker.Attempt) ([]locker.Grant, error) {
			return nil, fmt.Errorf("test: %w", errors.ErrUnsupported)
		}
		c := newClient(t, s)
		a := acquire(t, c, "a")
		s.foreign("b", time.Hour)
		time.AfterFunc(50*time.Second, func() { want(t, "Release of a", a.Release(t.Context())) })
		begun := time.Now()
		_, err := c.AcquireAll(t.Context(), []string{"a", "b"}, locker.WithWait(time.Minute))
		want(t, "AcquireAll", err, locker.ErrHeld)
		if waited := time.Since(begun); waited < time.Minute || waited > 62*time.Second {
			t.Errorf("it has waited for %v, want a minute", waited)
		}
	})
}
