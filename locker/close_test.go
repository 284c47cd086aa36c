package locker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// many acquires n leases, all of them to be renewed.
func many(t *testing.T, c *locker.Client, n int, opts ...locker.Option) []*locker.Lease {
	t.Helper()
	leases := make([]*locker.Lease, n)
	for i := range leases {
		leases[i] = acquire(t, c, fmt.Sprintf("%s %d", t.Name(), i), opts...)
	}
	return leases
}

// A store that hangs keeps Close for as long as ctx says, but for 5 s in any case.
func TestCloseHungStore(t *testing.T) {
	for _, tt := range []struct{ ctx, want time.Duration }{
		{0, 5 * time.Second},
		{time.Second, 5 * time.Second},
		{8 * time.Second, 8 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			c := newClient(t, &s)
			leases := many(t, c, 200)
			s.onRelease(func(ctx context.Context, _ locker.Grant, _ time.Duration) error { return hung(ctx) })
			ctx, cancel := context.WithTimeout(t.Context(), tt.ctx)
			defer cancel()
			start := time.Now()
			want(t, "Close", c.Close(ctx), context.DeadlineExceeded)
			if d := time.Since(start); d != tt.want {
				t.Errorf("Close with a ctx of %v took %v, want %v", tt.ctx, d, tt.want)
			}
			time.Sleep(time.Minute) // the rest goes on
			for _, lease := range leases {
				if lease.Err() == nil {
					t.Fatalf("%v is still held", lease.Name())
				}
			}
		})
	}
}

// Those whose turn has not come are renewed meanwhile.
func TestCloseManyLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		leases := many(t, c, 640, locker.WithTTL(3*time.Second))
		s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
			time.Sleep(1500 * time.Millisecond)
			return s.doRelease(g, hold)
		})
		before := s.counts().renew
		start := time.Now()
		want(t, "Close", c.Close(t.Context()))
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("Close took %v for 640 releases of 1.5s, want many at once", d)
		}
		for _, lease := range leases {
			want(t, "Err", lease.Err(), locker.ErrReleased, locker.ErrClosed)
			if state := s.info(lease.Name()).State; state != locker.StateFree {
				t.Errorf("%q is %v, want it free", lease.Name(), state)
			}
		}
		n := s.counts()
		if n.release != len(leases) {
			t.Errorf("%d releases of %d leases", n.release, len(leases))
		}
		if n.renew-before < len(leases) {
			t.Errorf("%d renewals while Close ran, want each lease that waits renewed", n.renew-before)
		}
		time.Sleep(time.Minute)
		if more := s.counts(); more != n {
			t.Errorf("after Close the store was asked on: %+v, then %+v", n, more)
		}
	})
}

func TestCloseJoinsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		leases := many(t, c, 3)
		released := acquire(t, c, "released")
		want(t, "Release", released.Release(t.Context()))
		s.onRelease(func(ctx context.Context, g locker.Grant, hold time.Duration) error {
			if g.Name == leases[2].Name() {
				return takenOver(ctx, g, hold)
			}
			return errors.New("not allowed")
		})
		err := c.Close(t.Context())
		for _, lease := range leases {
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", lease.Name())) {
				t.Errorf("Close = %v, want it to name %q", err, lease.Name())
			}
		}
		var failed *locker.ReleaseError
		if !errors.As(err, &failed) {
			t.Errorf("Close = %v, want a ReleaseError in it", err)
		}
		wantLost(t, "Close", err, locker.LossTaken)
	})
}

func TestCloseCancelledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		leases := many(t, c, 100)
		s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
			time.Sleep(100 * time.Millisecond)
			return s.doRelease(g, hold)
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		want(t, "Close", c.Close(ctx))
		for _, lease := range leases {
			if state := s.info(lease.Name()).State; state != locker.StateFree {
				t.Fatalf("%q is %v, want it free", lease.Name(), state)
			}
		}
	})
}

func TestCloseTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
			time.Sleep(time.Second)
			return s.doRelease(g, hold)
		})
		c := newClient(t, &s)
		lease := acquire(t, c, t.Name())
		start := time.Now()
		first := make(chan error)
		go func() { first <- c.Close(context.Background()) }()
		synctest.Wait()
		want(t, "the second Close", c.Close(t.Context()))
		if d := time.Since(start); d != time.Second {
			t.Errorf("the second Close returned after %v, want it to wait for what is left", d)
		}
		want(t, "the first Close", <-first)
		want(t, "a third Close", c.Close(t.Context()))
		want(t, "Release after Close", lease.Release(t.Context()))
		want(t, "Renew after Close", lease.Renew(t.Context()), locker.ErrReleased, locker.ErrClosed)
		if n := s.counts(); n.release != 1 || n.renew != 0 {
			t.Errorf("%d releases and %d renewals, want 1 and 0", n.release, n.renew)
		}
	})
}

// Whoever waits is told at once, wherever he waits: for another process, in the
// line behind it, for an answer, or for the next try.
func TestCloseEndsAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.foreign("held", time.Hour)
		s.onAcquire(func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
			switch a.Name {
			case "hung":
				return locker.Grant{}, hung(ctx)
			case "down":
				return locker.Grant{}, errDown
			}
			return s.doAcquire(a)
		})
		c := newClient(t, &s)
		errs := make(chan error)
		var ask int
		for _, name := range []string{"held", "held", "hung", "hung", "down", "down"} {
			for _, opts := range [][]locker.Option{nil, {locker.WithWait(time.Hour)}} {
				ask++
				go func() {
					_, err := c.Acquire(context.Background(), name, opts...)
					errs <- err
				}()
			}
		}
		time.Sleep(2 * time.Second)
		start := time.Now()
		closed := make(chan error)
		go func() { closed <- c.Close(context.Background()) }()
		for range ask {
			err := <-errs
			want(t, "Acquire", err, locker.ErrClosed)
			if errors.Is(err, locker.ErrHeld) || errors.Is(err, locker.ErrReleased) || errors.Is(err, locker.ErrUnavailable) {
				t.Errorf("Acquire = %v is something else besides ErrClosed", err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("calls of Acquire ended %v after Close began, want at once", d)
		}
		want(t, "Close", <-closed)
		n := s.counts().acquire
		_, err := c.Acquire(t.Context(), "free")
		want(t, "Acquire after Close", err, locker.ErrClosed)
		_, err = locker.TryAcquire(t.Context(), c, "free")
		want(t, "TryAcquire after Close", err, locker.ErrClosed)
		if more := s.counts().acquire - n; more != 0 {
			t.Errorf("%d requests after Close", more)
		}
	})
}

// A try under way when Close begins is resolved and released; Close waits for
// that.
func TestCloseResolvesTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onAcquire(func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
			s.doAcquire(a)
			return locker.Grant{}, hung(ctx)
		})
		c := newClient(t, &s)
		refused := make(chan error)
		go func() {
			_, err := c.Acquire(context.Background(), t.Name())
			refused <- err
		}()
		synctest.Wait()
		want(t, "Close", c.Close(t.Context()))
		want(t, "Acquire", <-refused, locker.ErrClosed)
		if state := s.info(t.Name()).State; state != locker.StateFree {
			t.Errorf("the name is %v after Close, want it released", state)
		}
	})
}

// An attempt whose release the store does not confirm does not keep Close.
func TestCloseAbandonedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onAcquire(func(context.Context, locker.Attempt) (locker.Grant, error) { return locker.Grant{}, errDown })
		s.onRelease(func(context.Context, locker.Grant, time.Duration) error { return errDown })
		c := newClient(t, &s)
		_, err := c.Acquire(t.Context(), t.Name(), locker.WithTTL(locker.MaxTTL), locker.WithWait(time.Second))
		want(t, "Acquire", err, locker.ErrUnavailable)
		time.Sleep(time.Minute)
		start := time.Now()
		want(t, "Close", c.Close(t.Context()))
		if d := time.Since(start); d > time.Second {
			t.Errorf("Close took %v", d)
		}
		last := make(map[string]int) // by attempt
		for _, call := range s.asked("release") {
			if !call.at.Before(start) {
				last[call.id]++
			}
		}
		for id, n := range last {
			if n > 4 {
				t.Errorf("%d releases of attempt %q during Close, want a few last tries", n, id)
			}
		}
		if len(last) == 0 {
			t.Error("no release during Close")
		}
	})
}
