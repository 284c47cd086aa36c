package locker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// hangs is a renewal that gets no answer.
func hangs(ctx context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) {
	return g, hung(ctx)
}

// A renewal that hangs costs one try, a sixth of the TTL, and not the lease.
func TestHungRenewal(t *testing.T) {
	for _, tt := range []struct{ ttl, bound time.Duration }{
		{500 * time.Millisecond, 100 * time.Millisecond},
		{3 * time.Second, 500 * time.Millisecond},
		{30 * time.Second, 5 * time.Second},
		{time.Hour, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			var took time.Duration
			s.onRenew(func(ctx context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) {
				s.heal()
				start := time.Now()
				err := hung(ctx)
				took = time.Since(start)
				return g, err
			})
			events := &events{}
			lease := acquire(t, newClient(t, &s, events.observe), t.Name(), locker.WithTTL(tt.ttl))
			time.Sleep(2 * tt.ttl)
			want(t, "Err", lease.Err())
			synctest.Wait()
			if took != tt.bound {
				t.Errorf("TTL %v: the renewal that hung took %v, want %v", tt.ttl, took, tt.bound)
			}
			calls := s.asked("renew")
			if d := calls[1].at.Sub(calls[0].at); d > tt.bound+65*time.Millisecond {
				t.Errorf("TTL %v: the next renewal came %v after the one that hung", tt.ttl, d)
			}
			for _, e := range events.take() {
				if e.Kind == locker.EventRenewFailed {
					want(t, "the failed renewal", e.Err, locker.ErrUnavailable)
				}
			}
		})
	}
}

// Renew does not outlast the lease by more than the try that is under way when the
// lease ends.
func TestHungRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRenew(hangs)
		lease := acquire(t, newClient(t, &s), t.Name(), locker.WithoutRenewal())
		start := time.Now()
		wantLost(t, "Renew", lease.Renew(t.Context()), locker.LossExpired)
		if d := time.Since(start); d < locker.DefaultTTL/100*99 || d > locker.DefaultTTL/100*99+locker.DefaultTTL/6 {
			t.Errorf("Renew returned after %v, want it to end with the lease", d)
		}
		if n := s.counts().renew; n < 5 || n > 6 {
			t.Errorf("%d tries, want one every 5 s", n)
		}
	})
}

func TestHungRenewCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRenew(hangs)
		lease := acquire(t, newClient(t, &s), t.Name())
		for what, renew := range map[string]func(context.Context) error{
			"Renew":   lease.Renew,
			"Ensure":  func(ctx context.Context) error { return lease.Ensure(ctx, time.Minute) },
			"SetData": func(ctx context.Context) error { return lease.SetData(ctx, []byte("x")) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			start := time.Now()
			want(t, what, renew(ctx), context.DeadlineExceeded)
			if d := time.Since(start); d != 50*time.Millisecond {
				t.Errorf("%s returned after %v, want when its ctx was done", what, d)
			}
			cancel()
		}
		want(t, "Err", lease.Err())
	})
}

func TestHungTryAcquire(t *testing.T) {
	for _, ttl := range []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.onAcquire(func(ctx context.Context, _ locker.Attempt) (locker.Grant, error) { return locker.Grant{}, hung(ctx) })
			c := newClient(t, &s)
			start := time.Now()
			_, err := locker.TryAcquire(t.Context(), c, t.Name(), locker.WithTTL(ttl))
			want(t, "TryAcquire", err, locker.ErrUnavailable)
			limit := min(ttl/2, 5*time.Second)
			if d := time.Since(start); d > limit {
				t.Errorf("TTL %v: TryAcquire returned after %v, want at most %v", ttl, d, limit)
			}
		})
	}
}

// A store that does not answer while somebody waits for it is asked for as long as
// the wait may last; then it is the store, not a holder, that is to blame.
func TestHungAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onAcquire(func(ctx context.Context, _ locker.Attempt) (locker.Grant, error) { return locker.Grant{}, hung(ctx) })
		c := newClient(t, &s)
		start := time.Now()
		_, err := c.Acquire(t.Context(), t.Name(), locker.WithWait(time.Minute))
		want(t, "Acquire", err, locker.ErrUnavailable)
		if d := time.Since(start); d < time.Minute || d > time.Minute+locker.DefaultTTL/2 {
			t.Errorf("Acquire returned after %v, want when the try was over that was under way after a minute", d)
		}
		time.AfterFunc(time.Minute, s.heal)
		start = time.Now()
		acquire(t, c, t.Name())
		if d := time.Since(start); d < time.Minute || d > time.Minute+17*time.Second {
			t.Errorf("acquired after %v, want soon after the store was back", d)
		}
	})
}
