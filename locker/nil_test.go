package locker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"example.com/holdfast/locker"
)

// Without a Locker there is an error, however it is wrapped, and no panic: a Semaphore's
// would come in a goroutine where nobody can catch it.
func TestNilLocker(t *testing.T) {
	nothing := func(context.Context, *locker.Lease) error { return nil }
	for name, l := range map[string]locker.Locker{
		"nil":                  nil,
		"nil in a Prefix":      locker.Prefix(nil, "a/"),
		"nil in Defaults":      locker.Chain(nil, locker.Defaults()),
		"nil in a Semaphore":   locker.Semaphore(nil, 2),
		"a nil LockerFunc":     locker.LockerFunc(nil),
		"nil in several":       locker.Semaphore(locker.Prefix(locker.Chain(nil, nil), "a/"), 2),
		"a Prefix of a nil fn": locker.Prefix(locker.LockerFunc(nil), "a/"),
	} {
		_, tried := locker.TryAcquire(t.Context(), l, t.Name())
		_, all := locker.AcquireAll(t.Context(), l, []string{"a", "b"})
		elector := locker.NewElector(l, t.Name())
		for call, err := range map[string]error{
			"Do":            locker.Do(t.Context(), l, t.Name(), nothing),
			"TryAcquire":    tried,
			"AcquireAll":    all,
			"Elector's Run": elector.Run(t.Context(), nothing),
		} {
			var invalid *locker.InvalidError
			if !errors.As(err, &invalid) || invalid.What != "Locker" {
				t.Errorf("%s with %s = %v, want an InvalidError of the Locker", call, name, err)
			}
		}
	}
	if _, err := locker.NewElector(nil, t.Name()).Leader(t.Context()); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("Leader of an Elector with nil = %v, want ErrInvalid", err)
	}
	if err := new(locker.Elector).Run(t.Context(), nothing); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("Run of the zero Elector = %v, want ErrInvalid", err)
	}
}

// Do with nothing to run takes no lock for it.
func TestDoNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		want(t, "Do with a nil fn", locker.Do(t.Context(), c, t.Name(), nil), locker.ErrInvalid)
		if n := s.counts().acquire; n != 0 {
			t.Errorf("%d requests, want none", n)
		}
	})
}

// Nil functions that set nothing, and nil middleware, are left out.
func TestNilLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s, nil)
		acquire(t, locker.Chain(c, nil, locker.Defaults(nil)), t.Name(), nil)
	})
}

// A call that panics, because it was given no context, does not keep Close waiting.
func TestCloseAfterNilContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("Acquire with a nil context did not panic")
				}
			}()
			var ctx context.Context
			c.Acquire(ctx, t.Name())
		}()
		want(t, "Close", c.Close(t.Context()))
	})
}
