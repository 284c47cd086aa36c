package locker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// notifying is a store that tells of changes, as await does.
type notifying struct {
	*store
	await func(ctx context.Context, revision string) error
}

func (n *notifying) Await(ctx context.Context, _, revision string) error {
	return n.await(ctx, revision)
}

// pollsIn waits for d for a name that another process holds and returns how many
// looks at the store that took.
func pollsIn(t *testing.T, s *store, b locker.Backend, d time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	_, err := newClient(t, b).Acquire(ctx, t.Name())
	want(t, "Acquire", err, locker.ErrHeld, context.DeadlineExceeded)
	return s.counts().poll
}

func TestWaitPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.foreign(t.Name(), time.Hour)
		pollsIn(t, &s, &s, 10*time.Minute)
		polls := s.asked("poll")
		start := polls[0].at
		for i := 1; i < len(polls); i++ {
			waited, d := polls[i].at.Sub(start), polls[i].at.Sub(polls[i-1].at)
			if d < 18*time.Millisecond || d > 250*time.Millisecond && waited < 10*time.Second || d > 1250*time.Millisecond {
				t.Errorf("poll %d came %v after the one before, %v after the first", i, d, waited)
			}
		}
		if n := len(polls); n > 800 {
			t.Errorf("%d polls in ten minutes", n)
		}
	})
}

// A Notifier may be wrong: one that always says that something has changed costs
// polls as if there were none.
func TestNotifierAtOnce(t *testing.T) {
	for d, most := range map[time.Duration]int{500 * time.Millisecond: 8, time.Minute: 130} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.foreign(t.Name(), time.Hour)
			n := &notifying{&s, func(context.Context, string) error { return nil }}
			if polls := pollsIn(t, &s, n, d); polls < 2 || polls > most {
				t.Errorf("%d polls in %v, want 2 to %d", polls, d, most)
			}
		})
	}
}

// One that can't tell costs a poll now and then.
func TestNotifierFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.foreign(t.Name(), time.Hour)
		n := &notifying{&s, func(context.Context, string) error { return errDown }}
		if polls := pollsIn(t, &s, n, time.Minute); polls < 3 || polls > 130 {
			t.Errorf("%d polls in a minute", polls)
		}
	})
}

func TestNotifierWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		g := s.foreign(t.Name(), time.Hour)
		changed := make(chan struct{})
		n := &notifying{&s, func(ctx context.Context, revision string) error {
			if revision != g.Revision {
				t.Errorf("Await of revision %q, want the holder's, %q", revision, g.Revision)
			}
			select {
			case <-changed:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		start := time.Now()
		time.AfterFunc(7*time.Second, func() {
			s.doRelease(g, 0)
			close(changed)
		})
		acquire(t, newClient(t, n), t.Name())
		if d := time.Since(start); d != 7*time.Second {
			t.Errorf("acquired after %v, want when the store told of the release", d)
		}
		if polls := s.counts().poll; polls != 1 {
			t.Errorf("%d polls, want 1", polls)
		}
	})
}

func TestWithWait(t *testing.T) {
	for what, backend := range pollers {
		synctest.Test(t, func(t *testing.T) {
			var s store
			g := s.foreign(t.Name(), time.Hour)
			start := time.Now()
			_, err := newClient(t, backend(&s)).Acquire(t.Context(), t.Name(), locker.WithWait(5*time.Second))
			var held *locker.HeldError
			if !errors.As(err, &held) || held.Holder.AcquisitionID != g.ID || held.Cause != nil {
				t.Errorf("%s: Acquire = %v, want a HeldError with the holder", what, err)
			}
			if d := time.Since(start); d != 5*time.Second {
				t.Errorf("%s: Acquire returned after %v, want 5s", what, d)
			}
		})
	}
}

// A done ctx wins over a free lock.
func TestAcquireDoneContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, opts := range [][]locker.Option{nil, {locker.NoWait()}} {
			_, err := c.Acquire(ctx, t.Name(), opts...)
			want(t, "Acquire", err, context.Canceled)
			if errors.Is(err, locker.ErrHeld) || errors.Is(err, locker.ErrUnavailable) {
				t.Errorf("Acquire = %v, want nothing but ctx's error", err)
			}
		}
		if n := s.counts(); n.acquire != 0 || n.release != 0 {
			t.Errorf("%+v requests, want none", n)
		}
	})
}

// ctx bounds the call, not the lease.
func TestAcquireContextCancelledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		ctx, cancel := context.WithCancel(t.Context())
		lease, err := newClient(t, &s).Acquire(ctx, t.Name())
		want(t, "Acquire", err)
		cancel()
		time.Sleep(time.Hour)
		want(t, "Err an hour after its ctx was cancelled", lease.Err())
	})
}

// What the store refuses for good ends the call at once, and the wait too.
func TestAcquireFinalError(t *testing.T) {
	refusal := errors.New("not allowed")
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		s.onAcquire(func(context.Context, locker.Attempt) (locker.Grant, error) { return locker.Grant{}, refusal })
		_, err := c.Acquire(t.Context(), t.Name())
		want(t, "Acquire", err, refusal)
		if n := s.counts(); n.acquire != 1 || n.release != 0 {
			t.Errorf("%d acquires and %d releases, want 1 and 0", n.acquire, n.release)
		}
		s.heal()
		s.foreign(t.Name(), time.Hour)
		s.onPoll(func(context.Context, string) (locker.Info, error) { return locker.Info{}, refusal })
		_, err = c.Acquire(t.Context(), t.Name())
		want(t, "Acquire that waits", err, refusal)
		if n := s.counts().poll; n != 1 {
			t.Errorf("%d polls, want 1", n)
		}
	})
}

// A store that is down for a while delays those who wait, and no more than that.
func TestWaitOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		g := s.foreign(t.Name(), time.Hour)
		c := newClient(t, &s)
		start := time.Now()
		time.AfterFunc(time.Second, func() {
			s.onPoll(func(context.Context, string) (locker.Info, error) { return locker.Info{}, errDown })
		})
		time.AfterFunc(time.Minute, func() {
			s.heal()
			s.doRelease(g, 0)
		})
		acquire(t, c, t.Name())
		if d := time.Since(start); d < time.Minute || d > time.Minute+1250*time.Millisecond {
			t.Errorf("acquired after %v, want within one poll of the recovery", d)
		}
	})
}
