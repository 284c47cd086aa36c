package locker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// takenOver answers a release as a store does that names another holder.
func takenOver(_ context.Context, g locker.Grant, _ time.Duration) error {
	return &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossTaken}
}

func TestReleaseFindsLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		lease := acquire(t, c, t.Name())
		s.onRelease(takenOver)
		for range 3 {
			lost := wantLost(t, "Release", lease.Release(t.Context()), locker.LossTaken)
			if lost.Name != t.Name() || lost.Token != lease.Token() {
				t.Errorf("Release = %+v, want the lease's name and token", lost)
			}
		}
		if n := s.counts().release; n != 1 {
			t.Errorf("%d releases were sent, want 1", n)
		}
	})
}

func TestReleaseTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
			time.Sleep(time.Second)
			return s.doRelease(g, hold)
		})
		c := newClient(t, &s)
		lease := acquire(t, c, t.Name())
		start := time.Now()
		second := make(chan time.Duration)
		go func() {
			want(t, "Release from another goroutine", lease.Release(context.Background()))
			second <- time.Since(start)
		}()
		want(t, "Release", lease.Release(t.Context()))
		if d := <-second; d != time.Second {
			t.Errorf("of two releases at once one returned after %v, want both when the store has answered", d)
		}
		want(t, "Release again", lease.Release(t.Context()))
		want(t, "Err", lease.Err(), locker.ErrReleased)
		if n := s.counts().release; n != 1 {
			t.Errorf("%d releases were sent, want 1", n)
		}
	})
}

// A release is over for this process at once, and is not kept by a done ctx.
func TestReleaseCancelledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name())
		s.onRelease(func(ctx context.Context, g locker.Grant, hold time.Duration) error {
			want(t, "ctx of the release", ctx.Err())
			want(t, "Err during the release", lease.Err(), locker.ErrReleased)
			return s.doRelease(g, hold)
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		want(t, "Release", lease.Release(ctx))
		if state := s.info(t.Name()).State; state != locker.StateFree {
			t.Errorf("the name is %v, want it free", state)
		}
	})
}

func TestReleaseAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name(), locker.WithoutRenewal())
		time.Sleep(locker.DefaultTTL)
		wantLost(t, "Release", lease.Release(t.Context()), locker.LossExpired)
		if n := s.counts().release; n != 0 {
			t.Errorf("%d releases were sent, want none: another may hold the name", n)
		}
	})
}

// The first send took effect and its answer got lost: what the second finds came
// later.
func TestReleaseAnswerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name())
		s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
			want(t, "the first release", s.doRelease(g, hold))
			s.foreign(t.Name(), time.Hour)
			s.heal()
			return errDown
		})
		want(t, "Release", lease.Release(t.Context()))
		if n := s.counts().release; n != 2 {
			t.Errorf("%d releases were sent, want 2", n)
		}
	})
}

func TestReleaseNotConfirmed(t *testing.T) {
	refusal := errors.New("not allowed")
	for _, tt := range []struct {
		what    string
		ttl     time.Duration
		release func(context.Context) error
		after   time.Duration
		cause   error
	}{
		{"a store that hangs", 30 * time.Second, hung, 5 * time.Second, locker.ErrUnavailable},
		{"a store that hangs, and a short lease", 2 * time.Second, hung, 2*time.Second - 20*time.Millisecond, locker.ErrUnavailable},
		{"a store that refuses", 30 * time.Second, func(context.Context) error { return refusal }, 0, refusal},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s store
				lease := acquire(t, newClient(t, &s), t.Name(), locker.WithTTL(tt.ttl))
				s.onRelease(func(ctx context.Context, _ locker.Grant, _ time.Duration) error { return tt.release(ctx) })
				start := time.Now()
				err := lease.Release(t.Context())
				var failed *locker.ReleaseError
				if !errors.As(err, &failed) || failed.Name != t.Name() || !errors.Is(failed.Cause, tt.cause) {
					t.Fatalf("Release = %v, want a ReleaseError with the cause %v", err, tt.cause)
				}
				if d := time.Since(start); d != tt.after {
					t.Errorf("Release returned after %v, want %v", d, tt.after)
				}
				want(t, "Err", lease.Err(), locker.ErrReleased)
				s.heal()
				want(t, "Release again", lease.Release(t.Context()))
				if state := s.info(t.Name()).State; state != locker.StateFree {
					t.Errorf("the name is %v, want it free", state)
				}
			})
		})
	}
}

// A renewal that hangs is not waited for, is told to end, and is the last.
func TestReleaseDuringRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		var ended atomic.Bool
		s.onRenew(func(ctx context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) {
			defer ended.Store(true)
			return g, hung(ctx)
		})
		lease := acquire(t, newClient(t, &s), t.Name())
		time.Sleep(11 * time.Second)
		if s.counts().renew != 1 || ended.Load() {
			t.Fatalf("%d renewals, ended: %v; want one under way", s.counts().renew, ended.Load())
		}
		start := time.Now()
		want(t, "Release", lease.Release(t.Context()))
		if d := time.Since(start); d != 0 {
			t.Errorf("Release took %v, want it not to wait for the renewal", d)
		}
		synctest.Wait()
		if !ended.Load() {
			t.Error("the renewal goes on after the release")
		}
		time.Sleep(time.Hour)
		want(t, "Renew after the release", lease.Renew(t.Context()), locker.ErrReleased)
		if n := s.counts().renew; n != 1 {
			t.Errorf("%d renewals, want none after the release", n)
		}
	})
}

// A release that lands late, while another call of the same client waits: that
// one gets an acquisition of its own, never the old one.
func TestReleaseLandsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		first := acquire(t, c, t.Name())
		s.onRelease(func(ctx context.Context, g locker.Grant, hold time.Duration) error {
			time.AfterFunc(20*time.Second, func() { s.doRelease(g, hold) })
			return hung(ctx)
		})
		go first.Release(context.Background())
		second := acquire(t, c, t.Name())
		if second.ID() == first.ID() || second.Token() <= first.Token() || first.Err() == nil {
			t.Errorf("second lease: ID %v, token %v after ID %v, token %v, %v", second.ID(), second.Token(), first.ID(), first.Token(), first.Err())
		}
		time.Sleep(time.Minute)
		want(t, "Err of the second lease", second.Err())
		if id := s.info(t.Name()).AcquisitionID; id != second.ID() {
			t.Errorf("the store names %q, want the second lease, %q", id, second.ID())
		}
		for _, call := range s.asked("renew") {
			if call.id == first.ID() {
				t.Errorf("the first lease was renewed")
			}
		}
		s.heal()
		want(t, "Release", second.Release(t.Context()))
	})
}
