package locker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// isNot checks that err matches none of the targets.
func isNot(t *testing.T, what string, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if errors.Is(err, target) {
			t.Errorf("%s = %v, which is %v as well", what, err, target)
		}
	}
}

// A loss must not look like a store that may be asked again, whatever caused it.
func TestLostIsNotUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		s.onRenew(func(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) { return g, errDown })
		lease := acquire(t, c, t.Name())
		time.Sleep(time.Minute)
		for what, err := range map[string]error{"Err": lease.Err(), "Renew": lease.Renew(t.Context()), "Release": lease.Release(t.Context())} {
			lost := wantLost(t, what, err, locker.LossExpired)
			want(t, "its cause", lost.Cause, locker.ErrUnavailable)
			isNot(t, what, err, locker.ErrUnavailable, locker.ErrReleased, locker.ErrHeld)
		}
	})
}

func TestReleaseErrorIsNotUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRelease(func(context.Context, locker.Grant, time.Duration) error { return errDown })
		lease := acquire(t, newClient(t, &s), t.Name())
		err := lease.Release(t.Context())
		var failed *locker.ReleaseError
		if !errors.As(err, &failed) {
			t.Fatalf("Release = %v, want a ReleaseError", err)
		}
		want(t, "its cause", failed.Cause, locker.ErrUnavailable)
		isNot(t, "Release", err, locker.ErrUnavailable, locker.ErrLost, locker.ErrHeld)
	})
}

// A holder was seen, then the store went down: who waits is refused because of the
// holder, and because of his ctx if that ended the wait, not because of the store.
func TestHeldIsNotUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		g := s.foreign(t.Name(), time.Hour)
		c := newClient(t, &s)
		down := func(context.Context, string) (locker.Info, error) { return locker.Info{}, errDown }
		for what, tt := range map[string]struct {
			ctx, wait time.Duration
			is        []error
		}{
			"ctx":      {time.Minute, locker.Forever, []error{locker.ErrHeld, context.DeadlineExceeded}},
			"WithWait": {time.Hour, time.Minute, []error{locker.ErrHeld}},
		} {
			s.heal()
			time.AfterFunc(time.Second, func() { s.onPoll(down) })
			ctx, cancel := context.WithTimeout(t.Context(), tt.ctx)
			_, err := c.Acquire(ctx, t.Name(), locker.WithWait(tt.wait))
			cancel()
			want(t, what, err, tt.is...)
			isNot(t, what, err, locker.ErrUnavailable, context.Canceled)
			var held *locker.HeldError
			if !errors.As(err, &held) || held.Holder.AcquisitionID != g.ID {
				t.Errorf("%s: %v does not name the holder", what, err)
			}
		}
	})
}

// Nobody was seen, and ctx ended: both are to blame, and no holder.
func TestUnavailableAndContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onAcquire(func(context.Context, locker.Attempt) (locker.Grant, error) { return locker.Grant{}, errDown })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := newClient(t, &s).Acquire(ctx, t.Name())
		want(t, "Acquire", err, context.DeadlineExceeded, locker.ErrUnavailable)
		isNot(t, "Acquire", err, locker.ErrHeld)
	})
}

// The ctx of a lost outer lease ends calls for an inner one, which is not lost.
func TestContextOfLostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		outer, inner := acquire(t, c, "outer", locker.WithoutRenewal()), acquire(t, c, "inner")
		s.foreign("held", time.Hour)
		ctx, cancel := outer.Context(t.Context())
		defer cancel()
		waited := make(chan error)
		go func() {
			_, err := c.Acquire(ctx, "held")
			waited <- err
		}()
		time.Sleep(time.Minute)
		want(t, "the outer lease", outer.Err(), locker.ErrLost)
		_, asked := c.Acquire(ctx, "free")
		errs := map[string]error{
			"Renew": inner.Renew(ctx), "SetData": inner.SetData(ctx, nil), "Ensure": inner.Ensure(ctx, time.Hour),
			"Acquire": asked, "Acquire that waited": <-waited,
		}
		for what, err := range errs {
			want(t, what, err, context.Canceled)
			isNot(t, what, err, locker.ErrLost, locker.ErrReleased, locker.ErrUnavailable)
		}
		isNot(t, "Acquire", asked, locker.ErrHeld)
		want(t, "the inner lease", inner.Err())

		want(t, "Release", inner.Release(ctx)) // which needs no ctx
	})
}

// So does one that was released, or whose client was closed.
func TestContextOfEndedLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s, other store
		c := newClient(t, &s)
		released, closed := acquire(t, c, "released"), acquire(t, c, "closed")
		inner := acquire(t, newClient(t, &other), "inner")
		a, cancelA := released.Context(t.Context())
		defer cancelA()
		b, cancelB := closed.Context(t.Context())
		defer cancelB()
		want(t, "Release", released.Release(t.Context()))
		want(t, "Close", c.Close(t.Context()))
		for what, ctx := range map[string]context.Context{"released": a, "closed": b} {
			err := inner.Renew(ctx)
			isNot(t, "Renew with the ctx of a lease that was "+what, err, locker.ErrLost, locker.ErrReleased)
			want(t, "Err", inner.Err())
		}
	})
}
