package locker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// pollers are a store with Poll and one without, where every look is an Acquire.
var pollers = map[string]func(*store) locker.Backend{
	"polls":         func(s *store) locker.Backend { return s },
	"does not poll": func(s *store) locker.Backend { return struct{ locker.Backend }{s} },
}

// A record that stays as it is for its own TTL is nobody's any more.
func TestTakeOver(t *testing.T) {
	for what, backend := range pollers {
		synctest.Test(t, func(t *testing.T) {
			var s store
			dead := s.foreign(t.Name(), 10*time.Second)
			time.Sleep(time.Hour) // nobody saw that
			start := time.Now()
			lease := acquire(t, newClient(t, backend(&s)), t.Name())
			if d := time.Since(start); d < 10*time.Second || d > 10*time.Second+10*time.Millisecond {
				t.Errorf("%s: taken over after %v, want 10s", what, d)
			}
			if lease.Token() <= dead.Token {
				t.Errorf("%s: token %v after %v", what, lease.Token(), dead.Token)
			}
		})
	}
}

// A holder that renews is not taken over, however long somebody looks.
func TestTakeOverNotFromLiving(t *testing.T) {
	for what, backend := range pollers {
		synctest.Test(t, func(t *testing.T) {
			var s store
			g := s.foreign(t.Name(), 10*time.Second)
			c := newClient(t, backend(&s))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			refused := make(chan error)
			go func() {
				_, err := c.Acquire(ctx, t.Name())
				refused <- err
			}()
			for ctx.Err() == nil {
				time.Sleep(9 * time.Second)
				g, _ = s.doRenew(g, locker.Renewal{TTL: 10 * time.Second})
			}
			want(t, what+": Acquire", <-refused, locker.ErrHeld, context.DeadlineExceeded)
			if now := s.info(t.Name()); now.AcquisitionID != g.ID || now.Revision != g.Revision {
				t.Errorf("%s: the store names %+v, want the holder as it was", what, now)
			}
		})
	}
}

// What was seen is remembered between calls, so that even calls that don't wait
// take a dead holder over in the end.
func TestTakeOverByTryAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.foreign(t.Name(), 10*time.Second)
		c := newClient(t, &s)
		start := time.Now()
		for {
			_, err := locker.TryAcquire(t.Context(), c, t.Name())
			if err == nil {
				break
			}
			want(t, "TryAcquire", err, locker.ErrHeld)
			if time.Since(start) > time.Minute {
				t.Fatal("not taken over")
			}
			time.Sleep(time.Second)
		}
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("taken over after %v, want 10s", d)
		}
	})
}

// A contender's own clocks don't make it steal.
func TestTakeOverCountsAwakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.foreign(t.Name(), 10*time.Second)
		m := newMachine()
		c := newClient(t, &s, m.on)
		go func() {
			time.Sleep(time.Second)
			m.setWall(time.Hour)
			m.suspend(time.Hour)
			time.Sleep(time.Second)
			m.setWall(-time.Hour)
		}()
		start := time.Now()
		acquire(t, c, t.Name())
		if d := time.Since(start); d < 10*time.Second || d > 11*time.Second {
			t.Errorf("taken over after %v awake, want 10s", d)
		}
	})
}

// A take-over that was refused is tried again, not at once and not for nothing.
func TestTakeOverRefused(t *testing.T) {
	for what, backend := range pollers {
		for _, refusals := range []int{1, 5, 40} {
			synctest.Test(t, func(t *testing.T) {
				var s store
				s.foreign(t.Name(), time.Second)
				var tries []time.Time
				s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
					if a.Stale != "" {
						if tries = append(tries, time.Now()); len(tries) <= refusals {
							return locker.Grant{}, &locker.HeldError{Name: a.Name, Holder: s.info(a.Name)}
						}
					}
					return s.doAcquire(a)
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				lease, err := newClient(t, backend(&s)).Acquire(ctx, t.Name())
				if err != nil {
					t.Fatalf("%s: Acquire = %v after %d tries to take over, %d of them refused", what, err, len(tries), refusals)
				}
				want(t, "Err", lease.Err())
				for i := 1; i < len(tries); i++ {
					if d := tries[i].Sub(tries[i-1]); d < 15*time.Millisecond || d > 2*time.Second {
						t.Errorf("%s: try %d came %v after the one before, want a pause", what, i, d)
					}
				}
			})
		}
	}
}

// A TTL that no lease can have says nothing of when the holder ends.
func TestTakeOverAbsurdTTL(t *testing.T) {
	for _, ttl := range []time.Duration{0, -time.Second, locker.MaxTTL + 1} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.foreign(t.Name(), ttl)
			c := newClient(t, &s)
			for range 3 {
				_, err := locker.TryAcquire(t.Context(), c, t.Name())
				want(t, "TryAcquire", err, locker.ErrHeld)
				time.Sleep(25 * time.Hour)
			}
			if n := s.asked("acquire"); len(n) != 3 {
				t.Errorf("TTL %v of the holder: %d requests, want 3: none of them to take over", ttl, len(n))
			}
		})
	}
}

// The store knows that a lease has ended, but is not certain yet.
func TestDoubt(t *testing.T) {
	for _, tt := range []struct {
		doubt, bound time.Duration
		held         bool
		after        time.Duration
	}{
		{time.Second, time.Hour, false, time.Second},
		{3 * time.Second, time.Hour, false, 3 * time.Second},
		{3*time.Second + 1, time.Hour, true, 0},
		{2 * time.Second, time.Second, true, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.foreign(t.Name(), time.Hour)
			start := time.Now()
			s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
				held := s.info(a.Name)
				if held.Doubt = tt.doubt - time.Since(start); held.Doubt > 0 {
					return locker.Grant{}, &locker.HeldError{Name: a.Name, Holder: held}
				}
				a.Stale = held.Revision
				return s.doAcquire(a)
			})
			ctx, cancel := context.WithTimeout(t.Context(), tt.bound)
			defer cancel()
			_, err := locker.TryAcquire(ctx, newClient(t, &s), t.Name())
			if tt.held {
				want(t, "TryAcquire", err, locker.ErrHeld)
			} else {
				want(t, "TryAcquire", err)
			}
			if d := time.Since(start); d != tt.after {
				t.Errorf("a doubt of %v, ctx of %v: TryAcquire returned after %v, want %v", tt.doubt, tt.bound, d, tt.after)
			}
		})
	}
}
