package adapt_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

var errLocked = errors.New("database locked")

var _ interface {
	Lock(ctx context.Context, key string) (unlocker, error)
} = adapt.Keyed[unlocker]{}

func TestZero(t *testing.T) {
	ctx := t.Context()
	_, keyed := adapt.Keyed[unlocker]{}.Lock(ctx, "x")
	var named adapt.Named
	_, try := named.TryLock(ctx, "x")
	var database adapt.SQL
	var plain adapt.Plain
	_, timed := adapt.Timed[unlockFunc]{}.Lock(ctx, "x", 0)
	_, ha := adapt.HA[valued]{}.LockWith("x", "")
	for what, err := range map[string]error{
		"Keyed.Lock": keyed, "Named.Lock": named.Lock(ctx, "x"), "Named.TryLock": try,
		"Named.RenewLockLease": named.RenewLockLease(ctx, "x", time.Second), "SQL.Lock": database.Lock(ctx, nil),
		"SQL.SessionLock": database.SessionLock(ctx, nil), "Plain.Lock": plain.Lock(), "Timed.Lock": timed, "HA.LockWith": ha,
	} {
		if !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("%s of the zero value = %v, want %v", what, err, locker.ErrInvalid)
		}
	}
	if err := named.Unlock(ctx, "x"); err != nil {
		t.Errorf("Named.Unlock of the zero value = %v, want nil", err)
	}
	for what, err := range map[string]error{
		"SQL.Unlock": database.Unlock(ctx, nil), "SQL.SessionUnlock": database.SessionUnlock(ctx, nil), "Plain.Unlock": plain.Unlock(),
	} {
		if !errors.Is(err, adapt.ErrNotLocked) {
			t.Errorf("%s of the zero value = %v, want %v", what, err, adapt.ErrNotLocked)
		}
	}
	if (adapt.HA[valued]{}).HAEnabled() {
		t.Error("the zero HA is enabled")
	}
}

// A type parameter with other methods is refused, and nothing is taken.
func TestWrongResult(t *testing.T) {
	l := memory.New()
	if _, err := (adapt.Keyed[io.Reader]{Locker: l}).Lock(t.Context(), "x"); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("Keyed.Lock = %v, want %v", err, locker.ErrInvalid)
	}
	if _, err := (adapt.HA[io.Reader]{Locker: l}).LockWith("x", ""); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("HA.LockWith = %v, want %v", err, locker.ErrInvalid)
	}
	wantState(t, l.Store(), locker.StateFree)
}

// Keyed doesn't wait, and a minimum hold keeps others out after Unlock.
func TestKeyedMinHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		open := func() adapt.Keyed[unlocker] {
			return adapt.Keyed[unlocker]{Locker: store.Open(), Options: []locker.Option{locker.WithMinHold(10 * time.Second)}}
		}
		here, there := open(), open()
		u, err := here.Lock(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		refused := func(when string) {
			t.Helper()
			start := time.Now()
			if _, err := there.Lock(t.Context(), "x"); !errors.Is(err, locker.ErrHeld) || time.Since(start) > 0 {
				t.Errorf("Lock %s = %v after %v, want %v at once", when, err, time.Since(start), locker.ErrHeld)
			}
		}
		refused("while it is held")
		if err := u.Unlock(t.Context()); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
		time.Sleep(9 * time.Second)
		refused("within the minimum hold")
		time.Sleep(time.Second)
		if _, err := there.Lock(t.Context(), "x"); err != nil {
			t.Errorf("Lock after the minimum hold = %v, want nil", err)
		}
	})
}

func TestNamedTryLock(t *testing.T) {
	store := memory.NewStore()
	here, there := &adapt.Named{Locker: store.Open()}, &adapt.Named{Locker: store.Open(), Options: []locker.Option{locker.WithWait(time.Hour)}}
	for i, want := range []bool{true, false} {
		n := []*adapt.Named{here, there}[i]
		if ok, err := n.TryLock(t.Context(), "x"); ok != want || err != nil {
			t.Errorf("TryLock = %v, %v; want %v, nil", ok, err, want)
		}
	}
	if err := here.Unlock(t.Context(), "x"); err != nil {
		t.Errorf("Unlock = %v, want nil", err)
	}
	store.FailNext(memory.OpAcquire, io.ErrUnexpectedEOF)
	if ok, err := there.TryLock(t.Context(), "x"); ok || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("TryLock on a store that fails = %v, %v; want false, %v", ok, err, io.ErrUnexpectedEOF)
	}
}

func TestNamedRenewLockLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		told := newTold(t)
		n := &adapt.Named{Locker: store.Open(), OnLost: told.hook}
		renew := func(when string, want error) {
			t.Helper()
			if err := n.RenewLockLease(t.Context(), "x", time.Hour); !errors.Is(err, want) {
				t.Errorf("RenewLockLease %s = %v, want %v", when, err, want)
			}
		}
		remaining := func() time.Duration {
			t.Helper()
			info, err := store.Open().Inspect(t.Context(), "x")
			if err != nil {
				t.Fatal(err)
			}
			return info.Remaining
		}
		renew("before Lock", adapt.ErrNotLocked)
		if err := n.Lock(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		renew("while it is held", nil)
		if got := remaining(); got != locker.DefaultTTL {
			t.Errorf("remaining after RenewLockLease: %v, want a TTL, %v", got, locker.DefaultTTL)
		}
		if err := n.RenewLockLease(t.Context(), "x", -1); !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("RenewLockLease of -1 = %v, want %v", err, locker.ErrInvalid)
		}

		store.Steal("x")
		renew("with another holder", locker.ErrHeld)
		told.want(locker.ErrLost)
		store.Expire("x")
		renew("once it is free again", nil)
		time.Sleep(time.Minute)
		wantState(t, store, locker.StateHeld)
		if err := n.Unlock(t.Context(), "x"); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
		wantState(t, store, locker.StateFree)
		renew("after Unlock", adapt.ErrNotLocked)

		n = &adapt.Named{Locker: store.Open(), Options: []locker.Option{locker.WithoutRenewal()}}
		if err := n.Lock(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		renew("without renewal", nil)
		if got := remaining(); got < time.Hour {
			t.Errorf("remaining after RenewLockLease without renewal: %v, want 1h or more", got)
		}
		if err := n.RenewLockLease(t.Context(), "x", 30*24*time.Hour); err != nil {
			t.Errorf("RenewLockLease of 30 days = %v, want nil", err)
		}
	})
}

// Providers that share an SQL are told apart by their connections.
func TestSQLSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		s := &adapt.SQL{Locker: store.Open(), Name: "x"}
		first, second := new(sql.Conn), new(sql.Conn)
		if err := s.SessionLock(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if err := s.SessionUnlock(t.Context(), second); !errors.Is(err, adapt.ErrNotLocked) {
			t.Errorf("SessionUnlock of another connection = %v, want %v", err, adapt.ErrNotLocked)
		}
		wantState(t, store, locker.StateHeld)
		if err := s.SessionUnlock(t.Context(), first); err != nil {
			t.Errorf("SessionUnlock = %v, want nil", err)
		}
	})
}

func TestPlainTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		if err := (&adapt.Plain{Locker: store.Open(), Name: "x"}).Lock(); err != nil {
			t.Fatal(err)
		}
		for timeout, want := range map[time.Duration]time.Duration{0: adapt.DefaultTimeout, time.Second: time.Second} {
			p := &adapt.Plain{Locker: store.Open(), Name: "x", Timeout: timeout, ErrLocked: errLocked}
			start := time.Now()
			err := p.Lock()
			if got := time.Since(start); got != want || !errors.Is(err, errLocked) || !errors.Is(err, locker.ErrHeld) {
				t.Errorf("Lock = %v after %v, want one that is %v and %v after %v", err, got, errLocked, locker.ErrHeld, want)
			}
		}
		err := (&adapt.Plain{Locker: store.Open(), Name: "x"}).Lock()
		if _, ok := err.(*locker.HeldError); !ok {
			t.Errorf("Lock without ErrLocked = %v, want a *locker.HeldError as it is", err)
		}
	})
}

func TestTimedTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		unlock, err := adapt.Timed[unlockFunc]{Locker: store.Open()}.Lock(t.Context(), "x", 0)
		if err != nil {
			t.Fatal(err)
		}
		there := adapt.Timed[unlockFunc]{Locker: store.Open(), ErrLocked: errLocked}
		for _, want := range []time.Duration{0, time.Minute} {
			start := time.Now()
			_, err := there.Lock(t.Context(), "x", want)
			if got := time.Since(start); got != want || !errors.Is(err, errLocked) || !errors.Is(err, locker.ErrHeld) {
				t.Errorf("Lock with timeout %v = %v after %v, want one that is %v and %v", want, err, got, errLocked, locker.ErrHeld)
			}
		}
		time.AfterFunc(24*time.Hour, func() { unlock() })
		if _, err := there.Lock(t.Context(), "x", -1); err != nil {
			t.Errorf("Lock without timeout = %v, want nil", err)
		}
	})
}

func TestHALimits(t *testing.T) {
	l := memory.New()
	ha := adapt.HA[valued]{Locker: l, Prefix: "vault/"}
	if !ha.HAEnabled() {
		t.Error("not enabled")
	}
	for what, err := range map[string]error{
		"no key":            lockWith(ha, "", ""),
		"a long key":        lockWith(ha, strings.Repeat("k", locker.MaxNameBytes), ""),
		"a long value":      lockWith(ha, "x", strings.Repeat("v", locker.MaxDataBytes+1)),
		"a prefixed Locker": lockWith(adapt.HA[valued]{Locker: locker.Prefix(l, "vault/")}, "x", ""),
	} {
		if !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("LockWith %s = %v, want %v", what, err, locker.ErrInvalid)
		}
	}
}

func lockWith(ha adapt.HA[valued], key, value string) error {
	_, err := ha.LockWith(key, value)
	return err
}

// The channel of a lock that is lost is closed, and the lock may be taken again.
func TestHALost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		ha := adapt.HA[valued]{Locker: store.Open(), Prefix: "vault/"}
		lock, err := ha.LockWith("core/lock", "me")
		if err != nil {
			t.Fatal(err)
		}
		over, err := lock.Lock(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lock.Lock(nil); !errors.Is(err, locker.ErrHeld) {
			t.Errorf("Lock of what is locked = %v, want %v", err, locker.ErrHeld)
		}
		store.Steal("vault/core/lock")
		time.Sleep(locker.DefaultTTL / 2)
		select {
		case <-over:
		default:
			t.Error("the channel is open after the loss")
		}
		if held, value, err := lock.Value(); !held || value != "" || err != nil {
			t.Errorf("Value = %v, %q, %v; want true, the thief's, nil", held, value, err)
		}
		store.Expire("vault/core/lock")
		if held, _, err := lock.Value(); held || err != nil {
			t.Errorf("Value with a dead holder = %v, %v; want false, nil", held, err)
		}
		if _, err := lock.Lock(nil); err != nil {
			t.Errorf("Lock after a loss = %v, want nil", err)
		}
		if held, value, err := lock.Value(); !held || value != "me" || err != nil {
			t.Errorf("Value = %v, %q, %v; want true, me, nil", held, value, err)
		}
		store.FailNext(memory.OpInspect, io.ErrUnexpectedEOF)
		if _, _, err := lock.Value(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Value of a store that fails = %v, want %v", err, io.ErrUnexpectedEOF)
		}
		if err := lock.Unlock(); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
	})
}

func TestHAStopped(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	lock, err := adapt.HA[valued]{Locker: memory.New()}.LockWith("x", "me")
	if err != nil {
		t.Fatal(err)
	}
	if over, err := lock.Lock(stop); over != nil || err != nil {
		t.Errorf("Lock with stop closed = %v, %v; want nil, nil", over, err)
	}
}
