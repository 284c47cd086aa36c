package adapt_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// Of two processes the second waits for the first, which holds for several TTLs. A
// ctx that is done does not keep Unlock from releasing, and a second one does no harm.
func TestLock(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		told := newTold(t)
		here := a.open(store.Open(), told.hook, locker.WithTTL(time.Second))
		there := a.open(store.Open(), told.hook, locker.WithOwner("there"))
		unlock := mustLock(t, here)

		var unlockThere func(context.Context) error
		go func() { unlockThere = mustLock(t, there) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if unlockThere != nil {
			t.Fatal("locked by two at once")
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		if err := unlock(done); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
		synctest.Wait()
		if unlockThere == nil {
			t.Fatal("not locked after the other's Unlock")
		}
		if info, err := store.Open().Inspect(t.Context(), "x"); err != nil || info.Owner != "there" {
			t.Errorf("owner %q, error %v; want there, nil", info.Owner, err)
		}
		if err := unlock(t.Context()); !errors.Is(err, a.again) {
			t.Errorf("Unlock again = %v, want %v", err, a.again)
		}
		wantState(t, store, locker.StateHeld)
		if err := unlockThere(t.Context()); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
		wantState(t, store, locker.StateFree)
		told.want(nil)
	})
}

func TestLockDone(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		if a.name == "Plain" {
			t.Skip("its Lock has no ctx")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		mustLock(t, a.open(store.Open(), nil, locker.WithoutRenewal()))
		if _, err := a.open(store.Open(), nil)(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Lock until ctx ends = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// Whoever loses a lock is told once, and unlocks nothing of the next holder's.
func TestUnlockLost(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		told := newTold(t)
		unlock := mustLock(t, a.open(store.Open(), told.hook))
		store.Steal("x")
		time.Sleep(locker.DefaultTTL / 2) // a renewal finds out
		told.want(locker.ErrLost)
		wantLost(t, a, unlock)
		wantState(t, store, locker.StateHeld)
		unlock(t.Context())
		told.want(locker.ErrLost)
	})
}

// A loss that Unlock itself finds is told of as well.
func TestUnlockFindsLoss(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		told := newTold(t)
		unlock := mustLock(t, a.open(store.Open(), told.hook))
		store.Steal("x")
		told.want(nil)
		wantLost(t, a, unlock)
		told.want(locker.ErrLost)
		wantState(t, store, locker.StateHeld)
	})
}

// One process takes the lock again after it was lost, before the first has unlocked.
func TestUnlockLostWhileLockedAgain(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		lock := a.open(store.Open(), nil)
		first := mustLock(t, lock)
		store.Steal("x")
		time.Sleep(locker.DefaultTTL / 2)
		store.Expire("x") // the thief's
		second := mustLock(t, lock)
		wantLost(t, a, first)
		wantState(t, store, locker.StateHeld)
		if err := second(t.Context()); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
		wantState(t, store, locker.StateFree)
	})
}

func wantLost(t *testing.T, a adapter, unlock func(context.Context) error) {
	t.Helper()
	var want error = locker.ErrLost
	if a.silent {
		want = nil
	}
	if err := unlock(t.Context()); !errors.Is(err, want) {
		t.Errorf("Unlock after a loss = %v, want %v", err, want)
	}
}

// The store refuses the release: its outcome is not known, and Unlock may be repeated.
func TestUnlockUnconfirmed(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		told := newTold(t)
		unlock := mustLock(t, a.open(store.Open(), told.hook))
		store.FailNext(memory.OpRelease, errors.New("no"))
		var failed *locker.ReleaseError
		if err := unlock(t.Context()); !errors.As(err, &failed) {
			t.Errorf("Unlock = %v, want a *locker.ReleaseError", err)
		}
		wantState(t, store, locker.StateHeld)
		if err := unlock(t.Context()); err != nil {
			t.Errorf("Unlock again = %v, want nil", err)
		}
		wantState(t, store, locker.StateFree)
		if err := unlock(t.Context()); !errors.Is(err, a.again) {
			t.Errorf("Unlock a third time = %v, want %v", err, a.again)
		}
		told.want(nil)
	})
}

// A release that was not confirmed is forgotten when the lock was taken again: the
// next Unlock is the new holder's.
func TestUnlockUnconfirmedAndLockedAgain(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		lock := a.open(store.Open(), nil)
		first := mustLock(t, lock)
		store.FailNext(memory.OpRelease, errors.New("no"))
		if err := first(t.Context()); err == nil {
			t.Error("Unlock = nil, want an error")
		}
		second := mustLock(t, lock)
		if err := second(t.Context()); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
		wantState(t, store, locker.StateFree)
		if err := second(t.Context()); !errors.Is(err, a.again) {
			t.Errorf("Unlock again = %v, want %v", err, a.again)
		}
	})
}

// The program closes its Locker with a lock held.
func TestUnlockClosed(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		told := newTold(t)
		l := store.Open()
		lock := a.open(l, told.hook)
		unlock := mustLock(t, lock)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		told.want(locker.ErrClosed)
		wantState(t, store, locker.StateFree)
		var want error = locker.ErrClosed
		if a.silent {
			want = nil
		}
		if err := unlock(t.Context()); !errors.Is(err, want) {
			t.Errorf("Unlock after Close = %v, want %v", err, want)
		}
		if _, err := lock(t.Context()); !errors.Is(err, locker.ErrClosed) {
			t.Errorf("Lock after Close = %v, want %v", err, locker.ErrClosed)
		}
	})
}

// The answer to the acquisition is lost: it is repeated, not taken for a failure.
func TestLockUnknown(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		store.DropResponse(memory.OpAcquire)
		unlock := mustLock(t, a.open(store.Open(), nil))
		if err := unlock(t.Context()); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
		wantState(t, store, locker.StateFree)
	})
}

// Options that are outside of their limits, and no Locker at all.
func TestLockInvalid(t *testing.T) {
	each(t, func(t *testing.T, a adapter, store *memory.Store) {
		if _, err := a.open(store.Open(), nil, locker.WithTTL(-1))(t.Context()); !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("Lock with a TTL below zero = %v, want %v", err, locker.ErrInvalid)
		}
		if _, err := a.open(nil, nil)(t.Context()); !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("Lock without a Locker = %v, want %v", err, locker.ErrInvalid)
		}
	})
}
