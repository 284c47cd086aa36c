package locker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// events is an observer that notes what it is told.
type events struct {
	mu  sync.Mutex
	all []locker.Event
}

// observe is the option that makes a client tell.
func (e *events) observe(o *locker.ClientOptions) {
	o.Observer = func(_ context.Context, event locker.Event) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.all = append(e.all, event)
	}
}

// take returns what was told since the last call.
func (e *events) take() []locker.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

func (e *events) count(kind locker.EventKind) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.all {
		if event.Kind == kind {
			n++
		}
	}
	return n
}

// wantKinds checks the kinds of events, with repetitions counted once.
func wantKinds(t *testing.T, what string, events []locker.Event, kinds ...locker.EventKind) {
	t.Helper()
	var got []locker.EventKind
	for _, e := range events {
		if len(got) == 0 || got[len(got)-1] != e.Kind {
			got = append(got, e.Kind)
		}
	}
	same := len(got) == len(kinds)
	for i := 0; same && i < len(got); i++ {
		same = got[i] == kinds[i]
	}
	if !same {
		t.Fatalf("%s: events %v, want %v", what, got, kinds)
	}
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		var events events
		g := s.foreign(t.Name(), 10*time.Second)
		c := newClient(t, &s, events.observe, func(o *locker.ClientOptions) { o.Owner = "owner" })

		_, err := locker.TryAcquire(t.Context(), c, t.Name(), locker.WithOwner("other owner"))
		got := events.take()
		wantKinds(t, "TryAcquire", got, locker.EventRefused)
		if e := got[0]; e.Err != err || e.Holder.AcquisitionID != g.ID || e.Tries != 1 || e.Name != t.Name() || e.Owner != "other owner" || e.ID != "" {
			t.Errorf("TryAcquire: event %+v", e)
		}

		lease := acquire(t, c, t.Name()) // after a wait
		got = events.take()
		wantKinds(t, "Acquire", got, locker.EventWaiting, locker.EventAcquired)
		if e := got[0]; e.Holder.AcquisitionID != g.ID || e.Owner != "owner" || e.Waited >= time.Second || e.ID != "" {
			t.Errorf("Acquire: first event %+v, want that it waits for %q", e, g.ID)
		}
		if e := got[1]; e.ID != lease.ID() || e.Token != lease.Token() || e.Owner != "owner" || e.Waited < 10*time.Second || e.Tries != 2 ||
			e.Holder.AcquisitionID != g.ID || e.Err != nil {
			t.Errorf("Acquire: event %+v", e)
		}

		time.Sleep(20 * time.Second)
		got = events.take()
		wantKinds(t, "20 s of renewals", got, locker.EventRenewed)
		if e := got[0]; e.ID != lease.ID() || e.Remaining <= 0 || e.Remaining >= 22*time.Second || len(got) != 2 {
			t.Errorf("20 s of renewals: %d events; %+v", len(got), e)
		}

		s.onRenew(func(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) { return g, errDown })
		<-lease.Done()
		synctest.Wait()
		got = events.take()
		wantKinds(t, "renewals that fail", got, locker.EventRenewFailed, locker.EventLost)
		want(t, "renewals that fail", got[0].Err, errDown)
		if e := got[len(got)-1]; e.Err != lease.Err() || e.ID != lease.ID() || e.Held < locker.DefaultTTL {
			t.Errorf("loss: event %+v", e)
		}

		s.heal()
		lease = acquire(t, c, t.Name())
		time.Sleep(time.Second)
		want(t, "Release", lease.Release(t.Context()))
		want(t, "Release again", lease.Release(t.Context()))
		got = events.take()
		wantKinds(t, "a short lease", got, locker.EventAcquired, locker.EventReleased)
		if e := got[1]; e.Held != time.Second || e.Err != nil || e.ID != lease.ID() || len(got) != 2 {
			t.Errorf("release: events %+v", got)
		}
	})
}

func TestObserverOfTakenLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		var events events
		c := newClient(t, &s, events.observe)
		lease := acquire(t, c, "renewed")
		s.foreign("renewed", time.Hour)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantKinds(t, "a renewal that finds another", events.take(), locker.EventAcquired, locker.EventLost)
		wantLost(t, "Err", lease.Err(), locker.LossTaken)

		lease = acquire(t, c, "released")
		s.onRelease(takenOver)
		err := lease.Release(t.Context())
		got := events.take()
		wantKinds(t, "a release that finds another", got, locker.EventAcquired, locker.EventReleased)
		if got[1].Err != err {
			t.Errorf("release: event %+v, want %v in it", got[1], err)
		}
	})
}

// The context of an event has the values of the call that led to it.
func TestObserverContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var s store
		var values []any
		c := newClient(t, &s, func(o *locker.ClientOptions) {
			o.Observer = func(ctx context.Context, _ locker.Event) { values = append(values, ctx.Value(key{})) }
		})
		ctx := context.WithValue(t.Context(), key{}, "value")
		lease, err := c.Acquire(ctx, t.Name())
		want(t, "Acquire", err)
		want(t, "Renew", lease.Renew(ctx))
		want(t, "Release", lease.Release(ctx))
		if len(values) != 3 || values[0] != "value" || values[1] != "value" || values[2] != "value" {
			t.Errorf("values %v, want that of the call, three times", values)
		}
	})
}

// An observer that takes ten minutes over every renewal and every loss keeps no
// lease from being renewed.
func TestObserverSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s, func(o *locker.ClientOptions) {
			o.Observer = func(_ context.Context, e locker.Event) {
				if e.Kind == locker.EventRenewed || e.Kind == locker.EventLost {
					time.Sleep(10 * time.Minute)
				}
			}
		})
		leases := many(t, c, 5)
		lost := acquire(t, c, "lost", locker.WithoutRenewal())
		time.Sleep(5 * time.Minute)
		for _, lease := range leases {
			want(t, "Err", lease.Err())
		}
		want(t, "Err", lost.Err(), locker.ErrLost)
		last := make(map[string]time.Time)
		for _, call := range s.asked("renew") {
			if before, ok := last[call.id]; ok && call.at.Sub(before) > 10*time.Second {
				t.Errorf("no renewal of %q for %v", call.name, call.at.Sub(before))
			}
			last[call.id] = call.at
		}
		for _, lease := range leases {
			if d := time.Since(last[lease.ID()]); d > 10*time.Second {
				t.Errorf("no renewal of %q for %v", lease.Name(), d)
			}
		}
		for _, lease := range leases {
			want(t, "Release", lease.Release(t.Context()))
		}
	})
}

// The same where renewals need no goroutine of their own, and all leases fall due at
// one moment.
func TestObserverSlowInProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memory.New(func(o *memory.Options) {
			o.Rand = func() uint64 { return 0 }
			o.Observer = func(_ context.Context, e locker.Event) {
				if e.Kind == locker.EventRenewed {
					time.Sleep(10 * time.Minute)
				}
			}
		})
		defer l.Close(context.Background())
		leases := many(t, l.Client, 5)
		time.Sleep(5 * time.Minute)
		for _, lease := range leases {
			want(t, "Err", lease.Err())
			want(t, "Release", lease.Release(t.Context()))
		}
		time.Sleep(2 * time.Hour) // until it has heard all
	})
}
