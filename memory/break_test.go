package memory

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

func TestListOrder(t *testing.T) {
	l := New()
	for _, name := range []string{"b", "a/2", "a/1", "a"} {
		if _, err := l.Acquire(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string][]string{"": {"a", "a/1", "a/2", "b"}, "a/": {"a/1", "a/2"}, "c": nil} {
		var got []string
		for info, err := range l.List(t.Context(), prefix) {
			if err != nil {
				t.Errorf("List(%q) yields %v, want no error", prefix, err)
			}
			got = append(got, info.Name)
			l.Store().Expire(info.Name) // the store is not locked meanwhile
		}
		if !slices.Equal(got, want) {
			t.Errorf("List(%q) yields %q, want %q", prefix, got, want)
		}
	}
	down := errors.New("down")
	l.Store().FailNext(OpList, down)
	n := 0
	for info, err := range l.List(t.Context(), "") {
		n++
		if !errors.Is(err, down) || info.Name != "" {
			t.Errorf("List yields %+v, %v, want %v alone", info, err, down)
		}
	}
	if n != 1 {
		t.Errorf("List yields %d times, want once", n)
	}
}

// TestBreakLateAcquire shows that a copy of a broken holder's acquire takes nothing,
// whatever has become of the name.
func TestBreakLateAcquire(t *testing.T) {
	b := newBench(t)
	b.acquire(idA)
	seen := b.inspect()
	breaker := b.b
	for i, opts := range [][]locker.BreakOption{nil, {locker.FreeNow()}} {
		if err := breaker.Break(t.Context(), seen, opts...); err != nil {
			t.Fatalf("Break = %v, want nil", err)
		}
		if g, err := b.b.Acquire(t.Context(), b.attempt(idA)); !errors.Is(err, locker.ErrHeld) {
			t.Errorf("%d: a copy of the broken acquire = %+v, %v, want ErrHeld", i, g, err)
		}
	}
	if info := b.inspect(); info.State != locker.StateFree || info.Token != seen.Token {
		t.Errorf("Inspect = %+v, want it free, with the token kept", info)
	}
}

// TestBreakWakes shows that a name that is free now is had at once by who waits.
func TestBreakWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStore()
		holder, waiter, operator := s.Open(), s.Open(), s.Open()
		if _, err := holder.Acquire(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		got := make(chan error)
		go func() {
			_, err := waiter.Acquire(t.Context(), "a")
			got <- err
		}()
		synctest.Wait()
		begin := time.Now()
		info, err := operator.Inspect(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if err := operator.Break(t.Context(), info, locker.FreeNow()); err != nil {
			t.Fatalf("Break = %v, want nil", err)
		}
		if err := <-got; err != nil || time.Since(begin) > 0 {
			t.Errorf("Acquire = %v, %v after the break, want nil at once", err, time.Since(begin))
		}
		for _, l := range []*Locker{holder, waiter, operator} {
			l.Close(t.Context())
		}
	})
}

// TestBreakKeepsEnd shows a broken lease's end, to the instant.
func TestBreakKeepsEnd(t *testing.T) {
	clock := NewClock(time.Unix(1_000_000, 0))
	s := NewStore(func(o *Options) { o.Clock = clock })
	l, other := s.Open(), s.Open()
	lease, err := l.Acquire(t.Context(), "a", locker.WithTTL(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(5 * time.Second)
	info, err := other.Inspect(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Break(t.Context(), info); err != nil {
		t.Fatalf("Break = %v, want nil", err)
	}
	after, err := other.Inspect(t.Context(), "a")
	if err != nil || after.Remaining != info.Remaining || after.Owner != info.Owner || after.Token != info.Token || after.TTL != info.TTL || after.AcquisitionID == info.AcquisitionID {
		t.Errorf("Inspect = %+v, %v after the break, want %+v but for the acquisition", after, err, info)
	}
	clock.Advance(info.Remaining - 1)
	if _, err := locker.TryAcquire(t.Context(), other, "a"); !errors.Is(err, locker.ErrHeld) {
		t.Errorf("TryAcquire at the last instant of the broken lease = %v, want ErrHeld", err)
	}
	if err := lease.Err(); !errors.Is(err, locker.ErrLost) {
		t.Errorf("Err = %v, want a loss at the renewal after the break", err)
	}
	clock.Advance(1)
	if _, err := locker.TryAcquire(t.Context(), other, "a"); err != nil {
		t.Errorf("TryAcquire at the end of the broken lease = %v, want nil", err)
	}
}
