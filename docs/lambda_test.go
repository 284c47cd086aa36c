package docs

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// handle is called for each event. l is made once, outside of it.
func handle(ctx context.Context, l locker.Locker, job func(context.Context, locker.Token) error) error {
	err := locker.Do(ctx, l, "nightly", func(ctx context.Context, lease *locker.Lease) error {
		return job(ctx, lease.Token())
	}, locker.NoWait(), locker.WithoutRenewal(), locker.WithTTL(10*time.Minute)) // longer than the function's timeout
	if errors.Is(err, locker.ErrHeld) {
		return nil // another call is at it
	}
	return err
}

// A function's environment that stands still in its job has lost the lock when it
// wakes up; the others never find it held between two calls.
func TestHandle(t *testing.T) {
	clock := memory.NewClock(time.Date(2030, 1, 1, 3, 0, 0, 0, time.UTC))
	store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
	a, b := store.Open(), store.Open() // two environments
	ran := 0
	job := func(context.Context, locker.Token) error { ran++; return nil }
	for _, l := range []locker.Locker{a, b, a} {
		if err := handle(t.Context(), l, job); err != nil {
			t.Errorf("handle = %v, want nil", err)
		}
	}
	if ran != 3 {
		t.Errorf("the job ran %d times, want 3", ran)
	}
	err := handle(t.Context(), a, func(ctx context.Context, _ locker.Token) error {
		if err := handle(ctx, b, job); err != nil || ran != 3 {
			t.Errorf("while another is at it: handle = %v, %d runs", err, ran)
		}
		clock.Advance(10 * time.Minute)
		return context.Cause(ctx)
	})
	if !errors.Is(err, locker.ErrLost) {
		t.Errorf("handle = %v, want ErrLost", err)
	}
}
