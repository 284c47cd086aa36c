package locker_test

import (
	"context"
	"fmt"
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
		for lease := range group.All() {
			if left := lease.Remaining(); left < ttl/2 {
				t.Errorf("%q has %v remaining, want at least %v", lease.Name(), left, ttl/2)
			}
		}
	})
}

// TestAcquireAllHalfAgain looks again at those that were complete while others took
// their time.
func TestAcquireAllHalfAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		s := new(store)
		slowly(s)
		tries := 0
		s.onRenew(func(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if tries++; g.Name == "b" && tries < 6 {
				return g, hung(ctx)
			}
			return s.doRenew(g, r)
		})
		group := acquireAll(t, newClient(t, s), []string{"a", "b"}, locker.WithTTL(ttl), locker.WithMinHold(ttl), locker.WithoutRenewal())
		for lease := range group.All() {
			if left := lease.Remaining(); left < ttl/2 {
				t.Errorf("%q has %v remaining, want at least %v", lease.Name(), left, ttl/2)
			}
		}
	})
}
