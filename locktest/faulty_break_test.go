package locktest_test

import (
	"errors"
	"testing"

	"example.com/holdfast/locker"
	"example.com/holdfast/locktest"
	"example.com/holdfast/memory"
)

// TestFaultyOptional checks faults of List and Break, and a backend without them.
func TestFaultyOptional(t *testing.T) {
	t.Parallel()
	store := memory.NewStore()
	if _, err := store.Open().Acquire(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	f := locktest.NewFaulty(store.Backend())
	l := locker.New(f.Backend())
	list := func() (infos, errs int, last error) {
		for _, err := range l.List(t.Context(), "") {
			if err != nil {
				errs, last = errs+1, err
				continue
			}
			infos++
		}
		return infos, errs, last
	}
	f.Inject(locktest.OpList, 1, locktest.Drop())
	f.Inject(locktest.OpBreak, 1, locktest.Drop())
	seen := locker.Info{Name: "a", AcquisitionID: "x"}
	for i, want := range []error{locker.ErrUnavailable, nil} {
		if infos, errs, err := list(); !errors.Is(err, want) || infos+errs != 1 {
			t.Errorf("%d: List yields %d locks and %d errors, %v, want one of them, %v", i, infos, errs, err, want)
		}
		if err := l.Break(t.Context(), seen); !errors.Is(err, locker.ErrHeld) && !errors.Is(err, want) {
			t.Errorf("%d: Break = %v, want ErrHeld or %v", i, err, want)
		}
	}
	if n, m := f.Sent(locktest.OpList), f.Sent(locktest.OpBreak); n != 1 || m != 1 {
		t.Errorf("%d requests of List and %d of Break were sent, want 1 each", n, m)
	}

	l = locker.New(locktest.NewFaulty(struct{ locker.Backend }{store.Backend()}).Backend())
	if _, errs, err := list(); errs != 1 || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("List of a backend without it = %v, want ErrUnsupported", err)
	}
	if err := l.Break(t.Context(), seen); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Break of a backend without it = %v, want ErrUnsupported", err)
	}
	if got := locktest.OpBreak.String(); got != "break" {
		t.Errorf("OpBreak.String() = %q, want %q", got, "break")
	}
}
