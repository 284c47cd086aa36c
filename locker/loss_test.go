package locker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// Whatever is bound to a lease has ended before the next in the line holds the
// name. A hook that takes a second stands for a context whose end takes its time
// to get round.
func TestEndBeforeNextHolds(t *testing.T) {
	ends := map[string]func(t *testing.T, s *store, lease *locker.Lease){
		"time": func(_ *testing.T, _ *store, lease *locker.Lease) { <-lease.Done() },
		"the store's answer": func(t *testing.T, s *store, lease *locker.Lease) {
			g := s.foreign(lease.Name(), time.Hour)
			want(t, "the other's release", s.doRelease(g, 0)) // the name is free now
			want(t, "Renew", lease.Renew(t.Context()), locker.ErrLost)
		},
		"release": func(t *testing.T, _ *store, lease *locker.Lease) {
			want(t, "Release", lease.Release(t.Context()))
		},
	}
	for what, end := range ends {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s store
				c := newClient(t, &s)
				first := acquire(t, c, t.Name(), locker.WithoutRenewal())
				var ended time.Time
				first.OnEnd(func(error) {
					time.Sleep(time.Second)
					ended = time.Now()
				})
				work, cancel := first.Context(t.Context()) // ends after the hook
				defer cancel()
				held := make(chan struct{})
				go func() {
					defer close(held)
					acquire(t, c, t.Name())
					if work.Err() == nil || first.Err() == nil {
						t.Error("the next holds while work under the first goes on")
					}
				}()
				synctest.Wait()
				end(t, &s, first)
				<-held
				if ended.IsZero() {
					t.Error("the hook was not called")
				}
			})
		})
	}
}

func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var s store
		lease := acquire(t, newClient(t, &s), t.Name())
		parent, cancelParent := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		defer cancelParent()

		work, cancel := lease.Context(parent)
		defer cancel()
		if work.Value(key{}) != "value" {
			t.Error("the context lacks its parent's value")
		}
		given, cancelGiven := lease.Context(parent)
		cancelGiven()
		if given.Err() != context.Canceled || context.Cause(given) != context.Canceled || work.Err() != nil || lease.Err() != nil {
			t.Errorf("after cancel: %v, cause %v; the lease's other context %v; the lease %v", given.Err(), context.Cause(given), work.Err(), lease.Err())
		}
		child, cancelChild := lease.Context(parent)
		defer cancelChild()
		cancelParent()
		want(t, "a context whose parent is done", child.Err(), context.Canceled)
		want(t, "Err", lease.Err())

		last, cancelLast := lease.Context(t.Context())
		defer cancelLast()
		want(t, "Release", lease.Release(t.Context()))
		if last.Err() != context.Canceled || context.Cause(last) != locker.ErrReleased {
			t.Errorf("after the release: %v, cause %v", last.Err(), context.Cause(last))
		}
		late, cancelLate := lease.Context(t.Context())
		defer cancelLate()
		if late.Err() != context.Canceled || context.Cause(late) != locker.ErrReleased {
			t.Errorf("of a released lease: %v, cause %v; want it done already", late.Err(), context.Cause(late))
		}
	})
}

func TestAfterFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		lease := acquire(t, newClient(t, &s), t.Name())
		called := make(chan error, 10)
		lease.AfterFunc(func(err error) { called <- err })
		stop := lease.AfterFunc(func(error) { t.Error("called though it was stopped") })
		if !stop() || stop() {
			t.Error("stop = false, or twice true; want it to stop once")
		}
		proceed := make(chan struct{})
		lease.AfterFunc(func(err error) {
			<-proceed // keeps nobody else
			called <- err
		})
		want(t, "Release", lease.Release(t.Context()))
		close(proceed)
		lease.AfterFunc(func(err error) { called <- err }) // at once
		for range 3 {
			if err := <-called; err != locker.ErrReleased {
				t.Errorf("called with %v, want %v", err, locker.ErrReleased)
			}
		}
	})
}

// Of several ends the first counts, and each is told once.
func TestLossOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		events := &events{}
		lease := acquire(t, newClient(t, &s, events.observe), t.Name(), locker.WithoutRenewal())
		calls := make(chan error, 10)
		lease.AfterFunc(func(err error) { calls <- err })
		time.Sleep(locker.DefaultTTL)
		first := lease.Err()
		wantLost(t, "Err", first, locker.LossExpired)
		s.foreign(t.Name(), time.Hour)
		for range 3 {
			want(t, "Renew", lease.Renew(t.Context()), first)
			want(t, "Release", lease.Release(t.Context()), first)
			if err := lease.Err(); err != first {
				t.Errorf("Err = %v, want the same error for good: %v", err, first)
			}
		}
		synctest.Wait()
		if n := len(calls); n != 1 {
			t.Errorf("AfterFunc's function was called %d times, want once", n)
		}
		if err := <-calls; err != first {
			t.Errorf("AfterFunc's function was told %v, want %v", err, first)
		}
		if n := events.count(locker.EventLost); n != 1 {
			t.Errorf("the observer was told of %d losses, want 1", n)
		}
	})
}

// The store itself ends the lease: some have sessions.
func TestLossBySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		session := make(chan struct{})
		s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
			g, err := s.doAcquire(a)
			g.Ended = session
			return g, err
		})
		events := &events{}
		c := newClient(t, &s, events.observe)
		released := acquire(t, c, "released")
		want(t, "Release", released.Release(t.Context()))
		lease := acquire(t, c, "held")
		time.Sleep(5 * time.Second)
		close(session)
		start := time.Now()
		<-lease.Done()
		if d := time.Since(start); d != 0 {
			t.Errorf("lost %v after the session's end", d)
		}
		wantLost(t, "Err", lease.Err(), locker.LossExpired)
		synctest.Wait()
		if n := events.count(locker.EventLost); n != 1 {
			t.Errorf("the observer was told of %d losses, want 1", n)
		}
	})
}
