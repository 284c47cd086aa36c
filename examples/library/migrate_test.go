package migrate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// history is a History in memory, which notes the steps that ran as well.
type history struct {
	mu    sync.Mutex
	fence locker.Fence
	done  int
	ran   []string
}

func (h *history) Done(context.Context) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done, nil
}

func (h *history) Record(_ context.Context, n int, t locker.Token) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.fence.Check("history", t); err != nil {
		return err
	}
	h.done = n
	return nil
}

func (h *history) step(name string, run func(context.Context) error) Step {
	return Step{Name: name, Run: func(ctx context.Context, _ locker.Token) error {
		h.mu.Lock()
		h.ran = append(h.ran, name)
		h.mu.Unlock()
		return run(ctx)
	}}
}

func (h *history) want(t *testing.T, ran ...string) {
	t.Helper()
	if !slices.Equal(h.ran, ran) {
		t.Errorf("steps that ran: %q, want %q", h.ran, ran)
	}
}

func succeed(context.Context) error { return nil }

// Three replicas start at once. In a synctest bubble the minute that a step takes
// is over in no time.
func TestUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		var h history
		steps := []Step{
			h.step("add column", func(context.Context) error { time.Sleep(time.Minute); return nil }),
			h.step("fill column", succeed),
		}
		total := make(chan int, 3)
		for range 3 {
			go func() {
				ran, err := Up(t.Context(), store.Open(), "migrate", &h, steps)
				if err != nil {
					t.Errorf("Up = %v, want nil", err)
				}
				total <- ran
			}()
		}
		if n := <-total + <-total + <-total; n != 2 {
			t.Errorf("the replicas say that they ran %d steps, want 2", n)
		}
		h.want(t, "add column", "fill column")
	})
}

// A step that takes long keeps the lock by renewal. Then another takes it: the
// step's ctx ends, nothing is recorded, and the next run begins with that step.
func TestUpLost(t *testing.T) {
	clock := memory.NewClock(time.Unix(1_000_000, 0))
	l := memory.New(func(o *memory.Options) { o.Clock = clock })
	var h history
	long := h.step("long", func(ctx context.Context) error {
		clock.Advance(time.Hour) // renewed all the while
		if err := ctx.Err(); err != nil {
			t.Errorf("ctx.Err() after an hour = %v, want nil", err)
		}
		l.Store().Steal("migrate")
		clock.Advance(time.Minute) // the next renewal finds out
		<-ctx.Done()
		return context.Cause(ctx)
	})
	ran, err := Up(t.Context(), l, "migrate", &h, []Step{h.step("short", succeed), long})
	var lost *locker.LostError
	if ran != 1 || !errors.As(err, &lost) || lost.Reason != locker.LossTaken {
		t.Errorf("Up = %d, %v; want 1 and a LostError that says %q", ran, err, locker.LossTaken)
	}
	if h.done != 1 {
		t.Errorf("the history has %d steps, want 1", h.done)
	}

	clock.Advance(time.Minute) // the thief does not renew
	ran, err = Up(t.Context(), l, "migrate", &h, []Step{h.step("short", succeed), h.step("long", succeed)})
	if ran != 1 || err != nil {
		t.Errorf("Up again = %d, %v; want 1, nil", ran, err)
	}
	h.want(t, "short", "long", "long")
}

// A replica that is paused past the end of its lease, and does not look at its ctx,
// is refused by the history.
func TestUpStale(t *testing.T) {
	clock := memory.NewClock(time.Unix(1_000_000, 0))
	store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
	paused, other := store.Open(), store.Open()
	var h history
	steps := []Step{h.step("paused", func(context.Context) error {
		clock.Advance(time.Minute)
		_, err := Up(t.Context(), other, "migrate", &h, []Step{h.step("other", succeed)})
		return err
	})}
	ran, err := Up(t.Context(), paused, "migrate", &h, steps, locker.WithTTL(10*time.Second), locker.WithoutRenewal())
	if ran != 0 || !errors.Is(err, locker.ErrStale) || !errors.Is(err, locker.ErrLost) {
		t.Errorf("Up = %d, %v; want 0 and both ErrStale and ErrLost", ran, err)
	}
	if h.done != 1 {
		t.Errorf("the history has %d steps, want 1", h.done)
	}
}

func TestUpFails(t *testing.T) {
	l := memory.New()
	var h history
	broken := errors.New("broken")
	steps := []Step{h.step("first", succeed), h.step("second", func(context.Context) error { return broken })}
	for _, want := range []int{1, 0} {
		if ran, err := Up(t.Context(), l, "migrate", &h, steps); ran != want || !errors.Is(err, broken) {
			t.Errorf("Up = %d, %v; want %d, %v", ran, err, want, broken)
		}
	}
	h.want(t, "first", "second", "second")
	if _, err := locker.TryAcquire(t.Context(), l, "migrate"); err != nil {
		t.Errorf("the lock after a step that failed: %v, want it free", err)
	}
}
