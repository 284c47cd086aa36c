package locker_test

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// longest is the most that Ensure takes.
const longest = locker.MaxTTL / 100 * 98

// Ensure is asked for all the time what there is anyway. The renewal that failed
// is tried again soon all the same.
func TestEnsureDoesNotStarveRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if len(s.asked("renew")) == 1 {
				return g, errDown
			}
			time.Sleep(300 * time.Millisecond)
			return s.doRenew(g, r)
		})
		lease := acquire(t, newClient(t, &s), t.Name())
		for range 3000 { // a minute
			if err := lease.Ensure(t.Context(), 200*time.Millisecond); err != nil {
				t.Fatalf("Ensure = %v", err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		calls := s.asked("renew")
		if len(calls) < 6 || len(calls) > 9 {
			t.Fatalf("%d renewals in a minute, want one every 10 s and one more", len(calls))
		}
		if d := calls[1].at.Sub(calls[0].at); d > 100*time.Millisecond {
			t.Errorf("a failed renewal was tried again after %v", d)
		}
	})
}

func TestEnsureDuringHungRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		var under atomic.Int64
		s.onRenew(func(ctx context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) {
			under.Add(1)
			defer under.Add(-1)
			return g, hung(ctx)
		})
		lease := acquire(t, newClient(t, &s), t.Name())
		time.Sleep(11 * time.Second)
		if n := under.Load(); n != 1 {
			t.Fatalf("%d renewals under way, want 1", n)
		}
		start := time.Now()
		want(t, "Ensure", lease.Ensure(t.Context(), time.Second))
		if d := time.Since(start); d != 0 || under.Load() != 1 {
			t.Errorf("Ensure of a second took %v with %v left, want it to return at once", d, lease.Remaining())
		}
	})
}

func TestEnsureLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name())
		for _, d := range []time.Duration{math.MinInt64, -1, longest + 1, locker.MaxTTL, math.MaxInt64} {
			want(t, "Ensure of "+d.String(), lease.Ensure(t.Context(), d), locker.ErrInvalid)
		}
		want(t, "Ensure of nothing", lease.Ensure(t.Context(), 0))
		if n := s.counts().renew; n != 0 {
			t.Fatalf("%d renewals, want none", n)
		}
		for _, d := range []time.Duration{time.Minute, time.Hour, longest} {
			want(t, "Ensure", lease.Ensure(t.Context(), d))
			if got := lease.Remaining(); got < d {
				t.Errorf("%v remain after Ensure of %v", got, d)
			}
		}
		for _, call := range s.asked("renew") {
			if call.ttl > locker.MaxTTL {
				t.Errorf("a renewal asked for %v, more than any lease may last", call.ttl)
			}
		}
		if n := s.counts().renew; n != 3 {
			t.Errorf("%d renewals, want 3", n)
		}
	})
}

// Ensure asks again when the answer took so long that too little is left, but
// not for ever.
func TestEnsureSlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		slow := 4 * time.Second
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			time.Sleep(slow)
			return s.doRenew(g, r)
		})
		lease := acquire(t, newClient(t, &s), t.Name(), locker.WithoutRenewal())
		want(t, "Ensure of 2m", lease.Ensure(t.Context(), 2*time.Minute), locker.ErrUnavailable)
		want(t, "Err", lease.Err())
		slow = time.Second
		want(t, "Ensure of 2m", lease.Ensure(t.Context(), 2*time.Minute))
		if got := lease.Remaining(); got < 2*time.Minute {
			t.Errorf("%v remain, want 2m", got)
		}
	})
}

// Neither SetData nor the background shortens a lease that Ensure made longer,
// and the background lets it run down first.
func TestEnsureIsNotShortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name())
		want(t, "Ensure", lease.Ensure(t.Context(), time.Hour))
		before := lease.Remaining()
		want(t, "SetData", lease.SetData(t.Context(), []byte("x")))
		if after := lease.Remaining(); after < before {
			t.Errorf("SetData made the lease last %v, %v remained before", after, before)
		}
		n := s.counts().renew
		for end := time.Now().Add(lease.Remaining() - 20*time.Second); time.Now().Before(end); time.Sleep(time.Second) {
			if left, certain := lease.Remaining(), time.Until(end)+20*time.Second; left < certain {
				t.Fatalf("%v remain, want %v as before", left, certain)
			}
		}
		if more := s.counts().renew - n; more > 1 {
			t.Errorf("%d renewals during an hour that was certain, want at most 1", more)
		}
		time.Sleep(time.Hour)
		want(t, "Err an hour later", lease.Err())
	})
}

// Renew may shorten what Ensure made longer. Where its answer gets lost the store
// may have done so: the holder goes by the earlier end, from before the send on.
func TestRenewShortens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const believed = locker.DefaultTTL / 100 * 99
		var s store
		c := newClient(t, &s)
		lease := acquire(t, c, t.Name())
		want(t, "Ensure", lease.Ensure(t.Context(), time.Hour))
		want(t, "Renew", lease.Renew(t.Context()))
		if left := lease.Remaining(); left != believed {
			t.Errorf("%v remain after Renew, want %v", left, believed)
		}
		want(t, "Ensure", lease.Ensure(t.Context(), time.Hour))

		first := true
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if left := lease.Remaining(); left > believed {
				t.Errorf("%v remain while a renewal for %v is sent", left, r.TTL)
			}
			if first {
				first = false
				g, _ = s.doRenew(g, r)
			}
			return g, errDown
		})
		sent := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want(t, "Renew", lease.Renew(ctx), locker.ErrUnavailable, context.DeadlineExceeded)

		other := acquire(t, newClient(t, &s), t.Name()) // by rule A; it sees the renewal within a second, and looks again a pause after the end
		if d := time.Since(sent); d < locker.DefaultTTL || d > locker.DefaultTTL+time.Second+10*time.Millisecond {
			t.Errorf("the other took over %v after the send, want after %v", d, locker.DefaultTTL)
		}
		wantLost(t, "Err", lease.Err(), locker.LossExpired)
		select {
		case <-lease.Done():
		default:
			t.Error("Done is open after the loss")
		}
		s.heal()
		want(t, "Release", other.Release(t.Context()))
	})
}

func TestRenewShortensToTheInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name())
		want(t, "Ensure", lease.Ensure(t.Context(), time.Hour))
		s.onRenew(func(ctx context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) { return g, hung(ctx) })
		sent := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go lease.Renew(ctx)
		<-lease.Done()
		if d := time.Since(sent); d != locker.DefaultTTL/100*99 {
			t.Errorf("lost %v after the send of the shorter renewal, want %v", d, locker.DefaultTTL/100*99)
		}
	})
}
