package locker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

var errWork = errors.New("test: the work failed")

func TestDoJoinsLossFoundByRelease(t *testing.T) {
	for _, result := range []error{nil, errWork} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.onRelease(takenOver)
			c := newClient(t, &s)
			err := locker.Do(t.Context(), c, "by Do", func(context.Context, *locker.Lease) error { return result })
			wantLost(t, "Do", err, locker.LossTaken)
			if result != nil {
				want(t, "Do", err, result)
			}
			err = locker.Do(t.Context(), c, "by fn", func(ctx context.Context, lease *locker.Lease) error {
				want(t, "Release in fn", lease.Release(ctx), locker.ErrLost)
				return result
			})
			wantLost(t, "Do whose fn has released", err, locker.LossTaken)
		})
	}
}

func TestDoClosedUnderFn(t *testing.T) {
	for _, result := range []error{nil, errWork} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			c := newClient(t, &s)
			err := locker.Do(t.Context(), c, t.Name(), func(ctx context.Context, lease *locker.Lease) error {
				want(t, "Close", c.Close(ctx))
				want(t, "Err", lease.Err(), locker.ErrReleased, locker.ErrClosed)
				want(t, "ctx", ctx.Err(), context.Canceled)
				want(t, "cause of ctx", context.Cause(ctx), locker.ErrReleased, locker.ErrClosed)
				return result
			})
			want(t, "Do", err, locker.ErrReleased, locker.ErrClosed)
			if result != nil {
				want(t, "Do", err, result)
			}
			if n := s.counts().release; n != 1 {
				t.Errorf("%d releases, want 1", n)
			}
		})
	}
}

// A fn that ends its work early gets no error for it.
func TestDoReleasedByFn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		want(t, "Do", locker.Do(t.Context(), c, t.Name(), func(ctx context.Context, lease *locker.Lease) error {
			return lease.Release(ctx)
		}))
	})
}

func TestDoLost(t *testing.T) {
	for _, result := range []error{nil, errWork} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.onRenew(func(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) { return g, errDown })
			c := newClient(t, &s)
			start := time.Now()
			err := locker.Do(t.Context(), c, t.Name(), func(ctx context.Context, _ *locker.Lease) error {
				<-ctx.Done()
				wantLost(t, "cause of ctx", context.Cause(ctx), locker.LossExpired)
				return result
			})
			wantLost(t, "Do", err, locker.LossExpired)
			if result != nil {
				want(t, "Do", err, result)
			}
			if d, end := time.Since(start), locker.DefaultTTL/100*99; d != end {
				t.Errorf("fn's context ended after %v, want %v", d, end)
			}
		})
	}
}

func TestDoReleaseNotConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRelease(func(context.Context, locker.Grant, time.Duration) error { return errDown })
		c := newClient(t, &s)
		err := locker.Do(t.Context(), c, t.Name(), func(context.Context, *locker.Lease) error { return errWork })
		var failed *locker.ReleaseError
		if !errors.As(err, &failed) {
			t.Errorf("Do = %v, want a ReleaseError in it", err)
		}
		want(t, "Do", err, errWork)
		if errors.Is(err, locker.ErrUnavailable) {
			t.Errorf("Do = %v is ErrUnavailable, want it not to: fn has run", err)
		}
	})
}

func TestDoPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		defer func() {
			if got := recover(); got != "work" {
				t.Errorf("recovered %v, want the panic to go on", got)
			}
			if state := s.info(t.Name()).State; state != locker.StateFree {
				t.Errorf("the name is %v, want it released", state)
			}
		}()
		locker.Do(t.Context(), c, t.Name(), func(context.Context, *locker.Lease) error { panic("work") })
		t.Error("Do returned, want a panic")
	})
}

func TestDoNotAcquired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.foreign(t.Name(), time.Hour)
		c := newClient(t, &s)
		err := locker.Do(t.Context(), c, t.Name(), func(context.Context, *locker.Lease) error {
			t.Error("fn was called")
			return nil
		}, locker.NoWait())
		want(t, "Do", err, locker.ErrHeld)
	})
}

func TestFromContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		if lease, ok := locker.FromContext(t.Context()); ok {
			t.Errorf("FromContext = %v outside of Do", lease)
		}
		err := locker.Do(t.Context(), c, "outer", func(ctx context.Context, outer *locker.Lease) error {
			err := locker.Do(ctx, c, "inner", func(ctx context.Context, inner *locker.Lease) error {
				if lease, _ := locker.FromContext(ctx); lease != inner {
					t.Errorf("FromContext = %v, want the inner lease", lease)
				}
				return nil
			})
			if lease, _ := locker.FromContext(ctx); lease != outer {
				t.Errorf("FromContext = %v, want the outer lease", lease)
			}
			return err
		})
		want(t, "Do", err)
	})
}
