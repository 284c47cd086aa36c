package locker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// A call that is cancelled with a try in flight returns at once. The try is
// resolved behind it, and released if it may have taken effect.
func TestAbandonTryInFlight(t *testing.T) {
	for _, tt := range []struct {
		what     string
		answer   func(ctx context.Context, s *store, a locker.Attempt) (locker.Grant, error)
		releases int
	}{
		{"granted after the first release", func(ctx context.Context, s *store, a locker.Attempt) (locker.Grant, error) {
			time.AfterFunc(2*time.Second, func() { s.doAcquire(a) })
			return locker.Grant{}, hung(ctx)
		}, 2},
		{"granted, without an answer", func(ctx context.Context, s *store, a locker.Attempt) (locker.Grant, error) {
			s.doAcquire(a)
			return locker.Grant{}, hung(ctx)
		}, 1},
		{"never arrived", func(ctx context.Context, _ *store, _ locker.Attempt) (locker.Grant, error) {
			return locker.Grant{}, hung(ctx)
		}, 2},
		{"refused, without an answer", func(ctx context.Context, s *store, a locker.Attempt) (locker.Grant, error) {
			g := s.foreign(a.Name, 20*time.Second)
			time.AfterFunc(20*time.Second, func() { s.doRelease(g, 0) })
			return locker.Grant{}, hung(ctx)
		}, 1},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s store
				s.onAcquire(func(ctx context.Context, a locker.Attempt) (locker.Grant, error) { return tt.answer(ctx, &s, a) })
				c := newClient(t, &s)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				_, err := c.Acquire(ctx, t.Name())
				want(t, "Acquire", err, context.DeadlineExceeded)
				if d := time.Since(start); d != time.Second {
					t.Errorf("Acquire returned after %v, want when its ctx was done", d)
				}
				time.Sleep(time.Minute)
				if n := s.counts(); n.acquire != 1 || n.release != tt.releases {
					t.Errorf("%d acquires and %d releases, want 1 and %d", n.acquire, n.release, tt.releases)
				}
				if state := s.info(t.Name()).State; state != locker.StateFree {
					t.Errorf("the name is %v, want it free", state)
				}
			})
		})
	}
}

// What took longer than half of the TTL is never a lease, and not left behind.
func TestAbandonLateAnswer(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	synctest.Test(t, func(t *testing.T) {
		const ttl, n = 2 * time.Second, 1000
		var s store
		delays := make(map[string]time.Duration) // by name
		first := make(map[string]bool)
		s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
			if first[a.Name] { // lands before the wait, else after it
				g, err := s.doAcquire(a)
				time.Sleep(delays[a.Name])
				return g, err
			}
			time.Sleep(delays[a.Name])
			return s.doAcquire(a)
		})
		for i := range n {
			name := fmt.Sprint(i)
			delays[name] = ttl/2 + time.Duration(random.Int64N(int64(3*ttl)))
			first[name] = i%2 == 0
		}
		c := newClient(t, &s)
		errs := make(chan error)
		for i := range n {
			go func() {
				_, err := locker.TryAcquire(context.Background(), c, fmt.Sprint(i), locker.WithTTL(ttl))
				errs <- err
			}()
		}
		for range n {
			if err := <-errs; !errors.Is(err, locker.ErrUnavailable) || errors.Is(err, locker.ErrHeld) {
				t.Errorf("seed %d: TryAcquire = %v, want one that is ErrUnavailable", seed, err)
			}
		}
		time.Sleep(time.Minute)
		for i := range n {
			if state := s.info(fmt.Sprint(i)).State; state != locker.StateFree {
				t.Errorf("seed %d: name %d is %v, want it free", seed, i, state)
			}
		}
	})
}

// Half of the TTL is counted on all clocks: a machine that was suspended with its
// request on the way does not take the answer for fresh.
func TestAbandonAnswerAfterSuspension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		m := newMachine()
		s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
			g, err := s.doAcquire(a)
			m.suspend(16 * time.Second)
			s.heal()
			return g, err
		})
		lease := acquire(t, newClient(t, &s, m.on), t.Name())
		if got := lease.Remaining(); got < locker.DefaultTTL/2 {
			t.Errorf("%v remain, want at least half of the TTL", got)
		}
		calls := s.asked("acquire")
		if calls[0].id == lease.ID() {
			t.Error("the lease has the ID whose answer came too late")
		}
	})
}

// A release that fails is repeated, ever more rarely, until the attempt's lease
// would have ended.
func TestAbandonReleaseRepeated(t *testing.T) {
	for _, tt := range []struct {
		ttl         time.Duration
		least, most int
	}{
		{30 * time.Second, 6, 15},
		{locker.MaxTTL, 2300, 4000},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.onAcquire(func(ctx context.Context, _ locker.Attempt) (locker.Grant, error) { return locker.Grant{}, hung(ctx) })
			s.onRelease(func(context.Context, locker.Grant, time.Duration) error { return errDown })
			c := newClient(t, &s)
			start := time.Now()
			_, err := c.Acquire(t.Context(), t.Name(), locker.WithTTL(tt.ttl), locker.NoWait())
			want(t, "Acquire", err, locker.ErrUnavailable)
			time.Sleep(3 * tt.ttl)
			calls := s.asked("release")
			if n := len(calls); n < tt.least || n > tt.most {
				t.Errorf("TTL %v: %d releases, want %d to %d", tt.ttl, n, tt.least, tt.most)
			}
			end := start.Add(tt.ttl/2 + tt.ttl)
			for i, call := range calls {
				if call.at.After(end) {
					t.Errorf("TTL %v: a release %v after the call", tt.ttl, call.at.Sub(start))
				}
				if i > 1 && call.at.Sub(calls[i-1].at) > 38*time.Second {
					t.Errorf("TTL %v: %v between two releases", tt.ttl, call.at.Sub(calls[i-1].at))
				}
			}
		})
	}
}

// A release of an abandoned attempt stops as soon as the store has answered. Where the
// name was free the attempt may still be on its way: there is one more.
func TestAbandonReleaseConfirmed(t *testing.T) {
	for what, answer := range map[string]error{
		"done": nil, "taken": &locker.LostError{Reason: locker.LossTaken}, "gone": &locker.LostError{Reason: locker.LossGone}, "refused": errors.New("not allowed"),
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.onAcquire(func(ctx context.Context, _ locker.Attempt) (locker.Grant, error) { return locker.Grant{}, hung(ctx) })
			s.onRelease(func(context.Context, locker.Grant, time.Duration) error {
				if len(s.asked("release")) < 4 {
					return errDown
				}
				return answer
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := newClient(t, &s).Acquire(ctx, t.Name())
			want(t, "Acquire", err, context.DeadlineExceeded)
			time.Sleep(time.Hour)
			least := 4
			if what == "gone" {
				least++
			}
			if n := s.counts().release; n != least {
				t.Errorf("%s: %d releases, want %d", what, n, least)
			}
		})
	}
}

// An attempt that lands after it was given up and released holds the name in
// nobody's favour. Its own client knows that, and takes it over at once.
func TestAbandonLandsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onAcquire(func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
			time.AfterFunc(25*time.Second, func() { s.doAcquire(a) })
			s.heal()
			return locker.Grant{}, hung(ctx)
		})
		c, other := newClient(t, &s), newClient(t, &s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Acquire(ctx, t.Name())
		want(t, "Acquire", err, context.DeadlineExceeded)

		time.Sleep(26 * time.Second)
		abandoned := s.asked("acquire")[0].id
		if id := s.info(t.Name()).AcquisitionID; id != abandoned {
			t.Fatalf("the store names %q, want the abandoned attempt to have landed", id)
		}
		_, err = locker.TryAcquire(t.Context(), other, t.Name())
		want(t, "TryAcquire of another client", err, locker.ErrHeld)
		start := time.Now()
		lease, err := locker.TryAcquire(t.Context(), c, t.Name())
		if err != nil {
			t.Fatalf("TryAcquire = %v, want the client to take over its own attempt", err)
		}
		if d := time.Since(start); d != 0 || lease.ID() == abandoned {
			t.Errorf("a lease with ID %q after %v, want another than %q at once", lease.ID(), d, abandoned)
		}
	})
}

// A store that answers with an error at once: few IDs are spent, and each of them
// is released.
func TestAbandonStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onAcquire(func(context.Context, locker.Attempt) (locker.Grant, error) { return locker.Grant{}, errDown })
		c := newClient(t, &s)
		start := time.Now()
		_, err := locker.TryAcquire(t.Context(), c, t.Name())
		want(t, "TryAcquire", err, locker.ErrUnavailable)
		if d := time.Since(start); d > 5*time.Second || d < 3*time.Second {
			t.Errorf("TryAcquire returned after %v, want up to 5s less a back-off", d)
		}
		time.Sleep(time.Minute)
		released := make(map[string]bool)
		for _, call := range s.asked("release") {
			released[call.id] = true
		}
		spent := make(map[string]bool)
		for _, call := range s.asked("acquire") {
			spent[call.id] = true
			if !released[call.id] {
				t.Errorf("attempt %q was not released", call.id)
			}
		}
		if n := s.counts().acquire; n > 30 || len(spent) > 10 {
			t.Errorf("%d requests with %d IDs in 5 s", n, len(spent))
		}
	})
}
