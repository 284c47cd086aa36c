package locker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

func TestRenewEveryThird(t *testing.T) {
	for _, ttl := range []time.Duration{100 * time.Millisecond, time.Second, locker.DefaultTTL, locker.MaxTTL} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			start := time.Now()
			lease := acquire(t, newClient(t, &s), t.Name(), locker.WithTTL(ttl))
			time.Sleep(20 * ttl)
			want(t, "Err", lease.Err())
			last := start
			for i, call := range s.asked("renew") {
				third := ttl / 3
				if d := call.at.Sub(last); d > third+time.Millisecond || d < third*7/8-time.Millisecond {
					t.Errorf("TTL %v: renewal %d came %v after the one before, want 7/8 to 8/8 of %v", ttl, i, d, third)
				}
				if call.ttl < ttl || call.ttl > ttl+ttl/50 {
					t.Errorf("TTL %v: renewal %d is for %v", ttl, i, call.ttl)
				}
				last = call.at
			}
			if d := time.Since(last); d > ttl/3 {
				t.Errorf("TTL %v: no renewal for %v", ttl, d)
			}
		})
	}
}

func TestRenewOneInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		var under, most atomic.Int64
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			time.Sleep(200 * time.Millisecond)
			return s.doRenew(g, r)
		})
		lease := acquire(t, newClient(t, &s), t.Name(), locker.WithTTL(3*time.Second))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for lease.Err() == nil {
					lease.Renew(context.Background())
					lease.SetData(context.Background(), []byte("x"))
					lease.Ensure(context.Background(), 2900*time.Millisecond)
					time.Sleep(time.Second)
				}
			})
		}
		time.Sleep(time.Minute)
		want(t, "Err", lease.Err())
		want(t, "Release", lease.Release(t.Context()))
		wg.Wait()
		if n := most.Load(); n != 1 {
			t.Errorf("%d renewals were under way at once, want 1", n)
		}
	})
}

// Ensure is content with what the renewal that it waited for has done. Renew is
// not: it counts from itself.
func TestRenewAwaitsOneUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			time.Sleep(time.Second)
			return s.doRenew(g, r)
		})
		lease := acquire(t, newClient(t, &s), t.Name(), locker.WithoutRenewal())
		time.Sleep(20 * time.Second)
		start := time.Now()
		go lease.Renew(context.Background())
		synctest.Wait()
		want(t, "Ensure", lease.Ensure(t.Context(), 9*time.Second))
		if d, n := time.Since(start), s.counts().renew; d != 0 || n != 1 {
			t.Errorf("Ensure of what is left took %v and %d renewals", d, n)
		}
		want(t, "Ensure", lease.Ensure(t.Context(), 20*time.Second))
		if d, n := time.Since(start), s.counts().renew; d != time.Second || n != 1 {
			t.Errorf("Ensure of what is being renewed took until %v and %d renewals, want 1s and 1", d, n)
		}
		want(t, "Renew", lease.Renew(t.Context()))
		if d, n := time.Since(start), s.counts().renew; d != 2*time.Second || n != 2 {
			t.Errorf("Ensure and Renew took until %v and %d renewals, want 2s and 2", d, n)
		}
	})
}

func TestRenewRetriesUntilDeadline(t *testing.T) {
	for _, cause := range []error{errDown, errors.New("not allowed")} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
				if len(s.asked("renew")) <= 3 {
					return s.doRenew(g, r)
				}
				return g, cause
			})
			lease := acquire(t, newClient(t, &s), t.Name())
			<-lease.Done()
			lost := wantLost(t, "Err", lease.Err(), locker.LossExpired)
			if !errors.Is(lost.Cause, cause) {
				t.Errorf("cause of the loss = %v, want %v", lost.Cause, cause)
			}
			calls := s.asked("renew")
			if d := time.Since(calls[2].at); d != locker.DefaultTTL/100*99 {
				t.Errorf("lost %v after the last good renewal, want %v", d, locker.DefaultTTL/100*99)
			}
			for i := 4; i < len(calls); i++ {
				if d := calls[i].at.Sub(calls[i-1].at); d <= 0 || d > 1250*time.Millisecond {
					t.Errorf("try %d came %v after the one before", i, d)
				}
			}
			if n := len(calls) - 3; n < 15 || n > 50 {
				t.Errorf("%d tries failed in 20 s, want about one a second", n)
			}
			time.Sleep(time.Hour)
			if n := s.counts(); n.renew != len(calls) || n.release != 0 {
				t.Errorf("after the loss %d renewals and %d releases, want none", n.renew-len(calls), n.release)
			}
		})
	}
}

// One failure is nothing but that.
func TestRenewRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if len(s.asked("renew"))%2 == 1 { // took effect, without an answer
				g, _ = s.doRenew(g, r)
				return g, errDown
			}
			return s.doRenew(g, r)
		})
		lease := acquire(t, newClient(t, &s), t.Name())
		time.Sleep(time.Hour)
		want(t, "Err", lease.Err())
		if n := s.counts().renew; n < 2*360 || n > 2*420 {
			t.Errorf("%d renewals in an hour, want two every 10 s", n)
		}
	})
}

func TestRenewFindsLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name())
		s.foreign(t.Name(), time.Hour)
		want(t, "Err before anybody asked", lease.Err())
		wantLost(t, "Renew", lease.Renew(t.Context()), locker.LossTaken)
		wantLost(t, "Err", lease.Err(), locker.LossTaken)
		wantLost(t, "SetData", lease.SetData(t.Context(), nil), locker.LossTaken)
		wantLost(t, "Ensure", lease.Ensure(t.Context(), time.Hour), locker.LossTaken)
		if n := s.counts().renew; n != 1 {
			t.Errorf("%d renewals, want none after the loss", n-1)
		}
	})
}

// A fn that hangs is not kept alive for ever: from MaxHold on nothing is renewed.
func TestMaxHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		start := time.Now()
		lease := acquire(t, newClient(t, &s), t.Name(), locker.WithMaxHold(time.Minute))
		<-lease.Done()
		wantLost(t, "Err", lease.Err(), locker.LossMaxHold)
		calls := s.asked("renew")
		last := calls[len(calls)-1].at
		if d := last.Sub(start); d < 50*time.Second || d >= time.Minute {
			t.Errorf("the last renewal came after %v, want the last before a minute", d)
		}
		if d := time.Since(last); d != locker.DefaultTTL/100*99 {
			t.Errorf("lost %v after the last renewal, want %v", d, locker.DefaultTTL/100*99)
		}
	})
}

func TestWithoutRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name(), locker.WithoutRenewal())
		time.Sleep(20 * time.Second)
		want(t, "Renew", lease.Renew(t.Context()))
		start := time.Now()
		<-lease.Done()
		if d, n := time.Since(start), s.counts().renew; d != locker.DefaultTTL/100*99 || n != 1 {
			t.Errorf("lost %v after the one renewal of %d, want %v", d, n, locker.DefaultTTL/100*99)
		}
	})
}
