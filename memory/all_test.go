package memory_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// counted is a process's backend that counts its requests.
type counted struct {
	backend
	acquires, groups, releases *atomic.Int64
}

// backend is all that a store's backend is.
type backend interface {
	locker.Backend
	locker.Poller
	locker.Notifier
	locker.Grouper
}

func (c counted) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	c.acquires.Add(1)
	return c.backend.Acquire(ctx, a)
}

func (c counted) AcquireGroup(ctx context.Context, all []locker.Attempt) ([]locker.Grant, error) {
	c.groups.Add(1)
	return c.backend.AcquireGroup(ctx, all)
}

func (c counted) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	c.releases.Add(1)
	return c.backend.Release(ctx, g, hold)
}

// TestAcquireAllOpposite lets calls of two processes, two of each, want overlapping
// names in opposite order, 1,000 rounds of each: none waits for ever, and none holds a
// part.
func TestAcquireAllOpposite(t *testing.T) {
	t.Parallel()
	const rounds = 1000
	synctest.Test(t, func(t *testing.T) {
		s := memory.NewStore()
		c := counted{s.Backend().(backend), new(atomic.Int64), new(atomic.Int64), new(atomic.Int64)}
		process := func() *locker.Client {
			return locker.New(c, func(o *locker.ClientOptions) { o.InProcess, o.MinTTL = true, time.Millisecond })
		}
		a, b := process(), process()
		var mu sync.Mutex
		holds := make(map[string]int)
		change := func(names []string, by int) {
			mu.Lock()
			defer mu.Unlock()
			for _, name := range names {
				if holds[name] += by; holds[name] > 1 {
					t.Errorf("%q is held %d times", name, holds[name])
				}
			}
		}
		var callers sync.WaitGroup
		for i, names := range [][]string{{"a", "b"}, {"b", "a", "c"}, {"c", "b"}, {"a", "c", "b"}} {
			p := []*locker.Client{a, b}[i%2]
			callers.Go(func() {
				for range rounds {
					group, err := locker.AcquireAll(t.Context(), p, names)
					if err != nil {
						t.Errorf("AcquireAll(%q) = %v", names, err)
						return
					}
					change(names, 1)
					time.Sleep(time.Millisecond)
					change(names, -1)
					if err := group.Release(t.Context()); err != nil {
						t.Errorf("Release of %q = %v", names, err)
					}
				}
			})
		}
		callers.Wait()
		const names = rounds * (2 + 3 + 2 + 3)
		t.Logf("%d rounds of 4 calls: %d requests for groups, %d for one name, %d releases", rounds, c.groups.Load(), c.acquires.Load(), c.releases.Load())
		if c.acquires.Load() != 0 || c.releases.Load() != names || c.groups.Load() < 4*rounds {
			t.Errorf("want none for one name, %d releases and at least %d for groups", names, 4*rounds)
		}
		for _, p := range []*locker.Client{a, b} {
			if err := p.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
	})
}

// TestAcquireAllAtOnce takes several names in one step, or none.
func TestAcquireAllAtOnce(t *testing.T) {
	t.Parallel()
	s := memory.NewStore()
	p, other := s.Open(), s.Open()
	lease, err := other.Acquire(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	s.FailNext(memory.OpAcquire, nil)
	s.FailNext(memory.OpAcquire, errors.New("a second request"))
	if group, err := p.AcquireAll(t.Context(), []string{"a", "b", "c"}, locker.NoWait()); !errors.Is(err, locker.ErrHeld) {
		t.Fatalf("AcquireAll = %v, %v, want an error that is ErrHeld", group, err)
	}
	for _, name := range []string{"a", "c"} {
		if info, err := p.Inspect(t.Context(), name); err != nil || info.State != locker.StateFree || info.AcquisitionID != "" {
			t.Errorf("Inspect(%q) = %+v, %v, want a name that was never held", name, info, err)
		}
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.AcquireAll(t.Context(), []string{"a", "b"}); err == nil || err.Error() != "a second request" {
		t.Errorf("AcquireAll = %v, want the error that was ordered", err)
	}
	s.DropResponse(memory.OpAcquire)
	group, err := p.AcquireAll(t.Context(), []string{"a", "b", "c"})
	if err != nil {
		t.Fatalf("AcquireAll = %v", err)
	}
	var tokens []locker.Token
	for lease := range group.All() {
		tokens = append(tokens, lease.Token())
	}
	if want := []locker.Token{1, 2, 1}; !slices.Equal(tokens, want) {
		t.Errorf("tokens %v, want %v: one grant each", tokens, want)
	}
}
