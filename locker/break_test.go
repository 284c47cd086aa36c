package locker_test

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// bare is a backend that can do no more than it must.
type bare struct{ locker.Backend }

func TestListBreakUnsupported(t *testing.T) {
	t.Parallel()
	c := locker.New(bare{memory.NewStore().Backend()})
	n := 0
	for info, err := range c.List(t.Context(), "") {
		n++
		if !errors.Is(err, errors.ErrUnsupported) || info.Name != "" {
			t.Errorf("List yields %+v, %v, want ErrUnsupported alone", info, err)
		}
	}
	if n != 1 {
		t.Errorf("List yields %d times, want once", n)
	}
	if err := c.Break(t.Context(), locker.Info{Name: "a", AcquisitionID: "x"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Break = %v, want ErrUnsupported", err)
	}
}

// TestBreakOwn shows that a client's own lease is lost as soon as it has broken it:
// with FreeNow even before, when the store does not answer.
func TestBreakOwn(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]locker.BreakOption{{nil}, {locker.FreeNow()}} {
		freeNow := locker.ResolveBreak(opts...).FreeNow
		clock := memory.NewClock(time.Unix(1_000_000, 0))
		var lost int
		l := memory.New(func(o *memory.Options) {
			o.Clock = clock
			o.Observer = func(_ context.Context, e locker.Event) {
				if e.Kind == locker.EventLost {
					lost++
				}
			}
		})
		lease, err := l.Acquire(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		other, err := l.Acquire(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		info, err := l.Inspect(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		l.Store().FailNext(memory.OpBreak, locker.ErrUnavailable)
		if err := l.Break(t.Context(), info, opts...); !errors.Is(err, locker.ErrUnavailable) {
			t.Errorf("Break = %v, want ErrUnavailable", err)
		}
		if err := lease.Err(); (err != nil) != freeNow {
			t.Errorf("Err after a break that failed = %v, FreeNow: %v", err, freeNow)
		}
		if err := l.Break(t.Context(), info, opts...); err != nil {
			t.Errorf("Break = %v, want nil", err)
		}
		var gone *locker.LostError
		if err := lease.Err(); !errors.As(err, &gone) || gone.Reason != locker.LossTaken || gone.Cause == nil || lost != 1 {
			t.Errorf("Err = %v after the break, %d events, want a *LostError of reason %v with its cause, told once", err, lost, locker.LossTaken)
		}
		if err := other.Err(); err != nil {
			t.Errorf("Err of another lock = %v, want nil", err)
		}
		_, err = locker.TryAcquire(t.Context(), l, "a")
		if (err == nil) != freeNow {
			t.Errorf("TryAcquire = %v, FreeNow: %v", err, freeNow)
		}
		clock.Advance(locker.DefaultTTL)
		if _, err := locker.TryAcquire(t.Context(), l, "a"); err != nil && !freeNow {
			t.Errorf("TryAcquire a TTL later = %v, want nil", err)
		}
	}
}

// TestBrokenID wants what takes the place of an ID to look like one, to depend on
// it, and not to change.
func TestBrokenID(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^broken[0-9a-z]{20}$`)
	seen := make(map[string]string)
	for _, id := range []string{"", "0123456789abcdefghijklmnop", "0123456789abcdefghijklmnoq", "11111111-2222-4333-8444-555555555555", locker.BrokenID("")} {
		got := locker.BrokenID(id)
		if !form.MatchString(got) || got != locker.BrokenID(id) {
			t.Errorf("BrokenID(%q) = %q, want %v, each time the same", id, got, form)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("BrokenID(%q) = BrokenID(%q) = %q", id, other, got)
		}
		seen[got] = id
	}
	// Processes of different versions break the same locks.
	if got, want := locker.BrokenID("0123456789abcdefghijklmnop"), "broken4ix9mj6vr8rqpblmmqeu"; got != want {
		t.Errorf("BrokenID = %q, want %q for ever", got, want)
	}
}

// TestBreakFree shows that nothing is sent for what was seen free.
func TestBreakFree(t *testing.T) {
	t.Parallel()
	l := memory.New()
	l.Store().FailNext(memory.OpBreak, errors.New("sent"))
	if err := l.Break(t.Context(), locker.Info{Name: "a", State: locker.StateFree, AcquisitionID: "x"}); err != nil {
		t.Errorf("Break of what was seen free = %v, want nil without a request", err)
	}
}
