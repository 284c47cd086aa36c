package locker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// What is left of MinHold is counted at the send, on the monotonic clock, and
// never below nothing.
func TestMinHoldRelease(t *testing.T) {
	for _, tt := range []struct{ minHold, after, want time.Duration }{
		{0, time.Second, 0},
		{10 * time.Second, 0, 10 * time.Second},
		{10 * time.Second, 4 * time.Second, 6 * time.Second},
		{10 * time.Second, 10 * time.Second, 0},
		{10 * time.Second, time.Minute, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			m := newMachine()
			var holds []time.Duration
			s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
				holds = append(holds, hold)
				return s.doRelease(g, hold)
			})
			c := newClient(t, &s, m.on)
			m.setWall(-time.Hour)
			lease := acquire(t, c, t.Name(), locker.WithMinHold(tt.minHold))
			time.Sleep(tt.after)
			m.setWall(-2 * time.Hour)
			want(t, "Release", lease.Release(t.Context()))
			if len(holds) != 1 || holds[0] != tt.want {
				t.Errorf("MinHold %v, released after %v: holds %v, want %v", tt.minHold, tt.after, holds, tt.want)
			}
			start := time.Now()
			acquire(t, c, t.Name()) // the own client waits like any other
			if d := time.Since(start); d < tt.want || d > tt.want+1250*time.Millisecond {
				t.Errorf("MinHold %v, released after %v: acquired again after %v, want %v", tt.minHold, tt.after, d, tt.want)
			}
		})
	}
}

// A lease that ends early, because somebody set the wall clock, is not taken over
// by its own client before MinHold is over. Without MinHold it is, at once.
func TestMinHoldEarlyLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		m := newMachine()
		c := newClient(t, &s, m.on)
		start := time.Now()
		lease := acquire(t, c, "kept", locker.WithTTL(time.Hour), locker.WithMinHold(time.Hour))
		other := acquire(t, c, "not kept", locker.WithTTL(time.Hour))
		m.setWall(2 * time.Hour)
		wantLost(t, "Err", lease.Err(), locker.LossExpired)
		wantLost(t, "Err", other.Err(), locker.LossExpired)
		if _, err := locker.TryAcquire(t.Context(), c, "not kept"); err != nil {
			t.Errorf("TryAcquire without MinHold = %v, want the client to take over its own lost lease", err)
		}
		for _, after := range []time.Duration{0, time.Minute, 59 * time.Minute} {
			time.Sleep(time.Until(start.Add(after)))
			next, err := locker.TryAcquire(t.Context(), c, "kept")
			if err == nil {
				t.Fatalf("token %v taken %v after an acquisition with a MinHold of 1h", next.Token(), after)
			}
			want(t, "TryAcquire", err, locker.ErrHeld)
		}
		time.Sleep(time.Until(start.Add(time.Hour)))
		acquire(t, c, "kept", locker.WithWait(time.Minute)) // by rule A, like any other
	})
}

// Nor is one whose release was not confirmed.
func TestMinHoldReleaseNotConfirmed(t *testing.T) {
	for _, minHold := range []time.Duration{0, 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			c := newClient(t, &s)
			s.onRelease(func(context.Context, locker.Grant, time.Duration) error { return errDown })
			start := time.Now()
			lease := acquire(t, c, t.Name(), locker.WithMinHold(minHold))
			if err := lease.Release(t.Context()); err == nil {
				t.Fatal("Release = nil, want an error")
			}
			s.heal()
			_, err := locker.TryAcquire(t.Context(), c, t.Name())
			if minHold == 0 {
				want(t, "TryAcquire without MinHold", err)
				return
			}
			want(t, "TryAcquire", err, locker.ErrHeld)
			acquire(t, c, t.Name())
			if d := time.Since(start); d < minHold {
				t.Errorf("acquired again after %v, want %v", d, minHold)
			}
		})
	}
}
