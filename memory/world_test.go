package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

const ttl = 30 * time.Second

// world is a store and what moves its time.
type world struct {
	store *memory.Store
	sleep func(time.Duration) // lets time pass, and everybody do what that leads to
}

// worlds runs f twice: on a Clock and on package time. Both inside of a bubble,
// which also finds what is left running.
func worlds(t *testing.T, f func(t *testing.T, w world)) {
	t.Run("clock", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			clock := memory.NewClock(start)
			store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
			f(t, world{store, func(d time.Duration) {
				synctest.Wait()
				clock.Advance(d)
				synctest.Wait()
			}})
		})
	})
	t.Run("package time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f(t, world{memory.NewStore(), func(d time.Duration) {
				time.Sleep(d)
				synctest.Wait()
			}})
		})
	})
}

func acquire(t *testing.T, l locker.Locker, opts ...locker.Option) *locker.Lease {
	t.Helper()
	lease, err := l.Acquire(t.Context(), t.Name(), append([]locker.Option{locker.WithTTL(ttl)}, opts...)...)
	if err != nil {
		t.Fatalf("Acquire(%q) = %v", t.Name(), err)
	}
	return lease
}

func refused(t *testing.T, l locker.Locker) locker.Info {
	t.Helper()
	lease, err := locker.TryAcquire(t.Context(), l, t.Name())
	var held *locker.HeldError
	if !errors.As(err, &held) {
		t.Fatalf("TryAcquire(%q) = %v, %v, want a HeldError", t.Name(), lease, err)
	}
	return held.Holder
}

func release(t *testing.T, leases ...*locker.Lease) {
	t.Helper()
	for _, lease := range leases {
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("Release of %q = %v", lease.Name(), err)
		}
	}
}

func closed(t *testing.T, lockers ...*memory.Locker) {
	t.Helper()
	for _, l := range lockers {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
}

func wantLost(t *testing.T, lease *locker.Lease, want locker.LossReason) {
	t.Helper()
	var lost *locker.LostError
	if !errors.As(lease.Err(), &lost) || lost.Reason != want || lost.Token != lease.Token() {
		t.Errorf("Err() of %q = %v, want a LostError: %v", lease.Name(), lease.Err(), want)
	}
	select {
	case <-lease.Done():
	default:
		t.Errorf("Done() of %q is open, want closed", lease.Name())
	}
}

func wantHeld(t *testing.T, lease *locker.Lease) {
	t.Helper()
	select {
	case <-lease.Done():
		t.Errorf("Done() of %q is closed: %v; want it held", lease.Name(), lease.Err())
	default:
		if err := lease.Err(); err != nil {
			t.Errorf("Err() of %q = %v, want nil", lease.Name(), err)
		}
	}
}
