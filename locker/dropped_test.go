package locker_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// drop acquires a lease and forgets it. It returns the lease's ID.
//
//go:noinline
func drop(t *testing.T, l locker.Locker, name string) string {
	return acquire(t, l, name).ID()
}

// Leases that nobody has any more are told of, and renewed on; those that were
// released leave nothing behind.
func TestDropped(t *testing.T) {
	var events events
	clock := memory.NewClock(time.Unix(1_000_000, 0))
	l := memory.New(func(o *memory.Options) {
		o.Clock = clock
		events.observe(&o.ClientOptions)
	})
	for i := range 10_000 {
		lease := acquire(t, l, fmt.Sprint(i%100), locker.WithTTL(locker.MaxTTL))
		want(t, "Release", lease.Release(t.Context()))
	}
	runtime.GC()
	runtime.GC()
	kept := acquire(t, l, "kept")
	id := drop(t, l, t.Name())
	for deadline := time.Now().Add(10 * time.Second); l.Dropped() == 0; { // for the cleanups to run
		if time.Now().After(deadline) {
			t.Fatal("a lease that nobody has is not noticed")
		}
		runtime.GC()
	}
	if n := l.Dropped(); n != 1 {
		t.Errorf("%d leases in the list of those dropped, want 1: the others were released", n)
	}

	events.take()
	clock.Advance(locker.DefaultTTL / 3)
	var told []locker.Event
	for _, e := range events.take() {
		if e.Kind == locker.EventDropped {
			told = append(told, e)
		}
	}
	if len(told) != 1 || told[0].ID != id || told[0].Name != t.Name() || told[0].Err != nil {
		t.Errorf("the observer was told of %+v, want of lease %q", told, id)
	}
	clock.Advance(10 * locker.DefaultTTL)
	if n := events.count(locker.EventDropped); n != 0 {
		t.Errorf("the observer was told again, %d times", n)
	}
	if _, err := locker.TryAcquire(t.Context(), l.Store().Open(), t.Name()); err == nil {
		t.Error("the dropped lease ended, want it renewed")
	}
	want(t, "Err of a lease that was kept", kept.Err())
	want(t, "Close", l.Close(t.Context()))
	if lines, scheduled := l.Left(); lines != 0 || scheduled != 0 || clock.Pending() != 0 {
		t.Errorf("after Close %d names, %d scheduled leases and %d timers are left", lines, scheduled, clock.Pending())
	}
}

// A client that is dropped with all that belongs to it is collected, also when its
// observer refers to the leases.
func TestObserverKeepsNothing(t *testing.T) {
	type service struct {
		c     *locker.Client
		lease *locker.Lease
	}
	collected := make(chan struct{})
	func() {
		s := &service{}
		runtime.AddCleanup(s, func(done chan struct{}) { close(done) }, collected)
		s.c = locker.New(new(store), func(o *locker.ClientOptions) {
			o.Observer = func(context.Context, locker.Event) { runtime.KeepAlive(s) }
		})
		var err error
		if s.lease, err = s.c.Acquire(t.Context(), t.Name(), locker.WithTTL(100*time.Millisecond), locker.WithoutRenewal()); err != nil {
			t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
		}
	}()
	limit := time.After(20 * time.Second)
	for {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-limit:
			t.Fatal("the client is still there 20 s after the end of its only lease")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
