package adapt_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

// lockAndForget takes a lock that nobody will unlock.
//
//go:noinline
func lockAndForget(t *testing.T, k adapt.Keyed[unlocker], key string) {
	if _, err := k.Lock(t.Context(), key); err != nil {
		t.Errorf("Lock(%q) = %v, want nil", key, err)
	}
}

// The observer hears of a lock that nobody has any more, also when somebody wants to
// hear of its loss.
func TestDropped(t *testing.T) {
	var dropped atomic.Int64
	clock := memory.NewClock(time.Unix(1_000_000, 0))
	l := memory.New(func(o *memory.Options) {
		o.Clock = clock
		o.Observer = func(_ context.Context, e locker.Event) {
			if e.Kind == locker.EventDropped {
				dropped.Add(1)
			}
		}
	})
	defer l.Close(t.Context())
	lockAndForget(t, adapt.Keyed[unlocker]{Locker: l, OnLost: func(string, error) {}}, t.Name())
	for deadline := time.Now().Add(10 * time.Second); dropped.Load() == 0; { // for the cleanups to run
		if time.Now().After(deadline) {
			t.Fatal("a lock that nobody has is not noticed")
		}
		runtime.GC()
		clock.Advance(locker.DefaultTTL / 3)
	}
}
