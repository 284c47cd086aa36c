package locker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// fill holds n slots through one Semaphore, and checks that they differ.
func fill(t *testing.T, s locker.Locker, n int) []*locker.Lease {
	t.Helper()
	var leases []*locker.Lease
	names := make(map[string]bool)
	for range n {
		lease, err := locker.TryAcquire(t.Context(), s, "printers")
		if err != nil {
			t.Fatalf("slot %d of %d: %v", len(leases)+1, n, err)
		}
		leases = append(leases, lease)
		names[lease.Name()] = true
	}
	for i := range n {
		if name := fmt.Sprintf("printers/%d", i); !names[name] {
			t.Errorf("nobody holds %q, leases are on %v", name, names)
		}
	}
	return leases
}

func TestSemaphoreNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c, other := newClient(t, &s), newClient(t, &s)
		leases := fill(t, locker.Semaphore(c, 3), 3)
		for _, l := range []locker.Locker{c, other} {
			before := s.counts()
			_, err := locker.TryAcquire(t.Context(), locker.Semaphore(l, 3), "printers")
			var held *locker.HeldError
			if !errors.As(err, &held) || held.Name != "printers" || !strings.HasPrefix(held.Holder.Name, "printers/") || held.Holder.AcquisitionID == "" || held.Cause != nil {
				t.Errorf("TryAcquire = %#v, want a HeldError that shows the holder of a slot", err)
			}
			after := s.counts()
			if n := after.acquire - before.acquire; l == locker.Locker(other) && n != 3 || l == locker.Locker(c) && n != 0 {
				t.Errorf("%d requests, want 3 from another process, none from the holders' own", n)
			}
		}
		want(t, "Release", leases[1].Release(t.Context()))
		lease, err := locker.TryAcquire(t.Context(), locker.Semaphore(other, 3), "printers")
		want(t, "TryAcquire", err)
		if lease != nil && lease.Name() != leases[1].Name() {
			t.Errorf("got %q, want the one that is free, %q", lease.Name(), leases[1].Name())
		}
	})
}

// A free slot costs one request.
func TestSemaphoreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		starts := make(map[string]bool)
		for range 100 {
			lease := acquire(t, locker.Semaphore(c, 4), "printers")
			starts[lease.Name()] = true
			want(t, "Release", lease.Release(t.Context()))
		}
		if n := s.counts(); n.acquire != 100 || n.release != 100 || n.poll != 0 {
			t.Errorf("requests: %+v, want 100 to acquire and 100 to release", n)
		}
		if len(starts) != 4 {
			t.Errorf("slots used first: %v, want all", starts)
		}
	})
}

func TestSemaphoreWaits(t *testing.T) {
	for _, local := range []bool{true, false} { // where the holders are
		synctest.Test(t, func(t *testing.T) {
			var s store
			a, b := newClient(t, &s), newClient(t, &s)
			if local {
				b = a
			}
			leases := fill(t, locker.Semaphore(a, 3), 3)
			const callers = 6
			var order []int
			var mu sync.Mutex
			got := make(chan *locker.Lease, callers)
			for i := range callers {
				go func() {
					lease := acquire(t, locker.Semaphore(b, 3), "printers") // one of its own for each call
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
					got <- lease
				}()
				time.Sleep(time.Minute + 7) // all slots are waited at; and no renewal is due at the instant of a release
			}
			before := s.counts()
			for range callers {
				i := rand.IntN(len(leases))
				want(t, "Release", leases[i].Release(t.Context()))
				start := time.Now()
				leases[i] = <-got
				if d := time.Since(start); d > 2*time.Second || local && d > 0 {
					t.Errorf("granted %v after the release", d)
				}
				time.Sleep(time.Minute + 7)
			}
			if !slices.IsSorted(order) {
				t.Errorf("granted in the order %v, want in the order in which they began to wait", order)
			}
			if n := s.counts().acquire - before.acquire; local && n != callers { // this store has no tokens ahead
				t.Errorf("%d requests to acquire, want one for each hand-over", n)
			}
			for _, lease := range leases {
				want(t, "Err", lease.Err())
				lease.Release(t.Context())
			}
		})
	}
}

// The whole call lasts for as long as one wait, whatever ends it.
func TestSemaphoreWaitEnds(t *testing.T) {
	for _, unit := range []time.Duration{time.Nanosecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			c, other := newClient(t, &s), newClient(t, &s)
			fill(t, locker.Semaphore(other, 3), 3)
			sem := locker.Semaphore(c, 3)
			start := time.Now()
			_, err := sem.Acquire(t.Context(), "printers", locker.WithWait(unit))
			want(t, "Acquire", err, locker.ErrHeld)
			if errors.Is(err, context.Canceled) {
				t.Errorf("Acquire = %v, want no mention of a ctx", err)
			}
			if d := time.Since(start); d != unit && d > time.Millisecond {
				t.Errorf("waited for %v, want %v", d, unit)
			}
			ctx, cancel := context.WithTimeout(t.Context(), unit)
			defer cancel()
			start = time.Now()
			_, err = sem.Acquire(ctx, "printers")
			want(t, "Acquire", err, context.DeadlineExceeded)
			if unit > time.Second {
				want(t, "Acquire", err, locker.ErrHeld)
			}
			if d := time.Since(start); d != unit {
				t.Errorf("waited for %v, want %v", d, unit)
			}
			_, err = sem.Acquire(ctx, "free")
			want(t, "Acquire with a done ctx", err, context.DeadlineExceeded)
			if n := len(slices.DeleteFunc(s.asked("acquire"), func(c call) bool { return !strings.HasPrefix(c.name, "free") })); n != 0 {
				t.Errorf("%d requests with a done ctx, want none", n)
			}
		})
	}
}

// Slots that come at the same time are given back, all but one.
func TestSemaphoreSurplus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memory.NewStore()
		a, b := st.Open(), st.Open()
		defer a.Close(t.Context())
		defer b.Close(t.Context())
		for range 100 {
			leases := fill(t, locker.Semaphore(a, 3), 3)
			got := make(chan *locker.Lease, 1)
			go func() { got <- acquire(t, locker.Semaphore(b, 3), "printers") }()
			synctest.Wait()
			for _, lease := range leases {
				go lease.Release(t.Context())
			}
			lease := <-got
			synctest.Wait()
			held := 0
			for i := range 3 {
				info, err := b.Inspect(t.Context(), fmt.Sprintf("printers/%d", i))
				want(t, "Inspect", err)
				if info.State == locker.StateHeld {
					held++
				}
			}
			if held != 1 {
				t.Fatalf("%d slots are held, want the one that was granted", held)
			}
			want(t, "Release", lease.Release(t.Context()))
			time.Sleep(time.Second)
		}
	})
}

func TestSemaphoreInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		for _, test := range []struct {
			n    int
			name string
		}{
			{0, "printers"},
			{-1, "printers"},
			{3, ""},
			{3, "_session/x"},
			{11, strings.Repeat("x", locker.MaxNameBytes-2)},
		} {
			lease, err := locker.Semaphore(c, test.n).Acquire(t.Context(), test.name)
			if lease != nil || !errors.Is(err, locker.ErrInvalid) {
				t.Errorf("Semaphore(l, %d).Acquire(%.20q) = %v, %v, want ErrInvalid", test.n, test.name, lease, err)
			}
		}
		if n := s.counts().acquire; n != 0 {
			t.Errorf("%d requests, want none", n)
		}
		acquire(t, locker.Semaphore(c, 10), strings.Repeat("x", locker.MaxNameBytes-2))
	})
}

// An outcome that is not known is neither a grant nor a refusal; nothing stays held.
func TestSemaphoreUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
			s.doAcquire(a)
			return locker.Grant{}, errDown
		})
		start := time.Now()
		_, err := locker.TryAcquire(t.Context(), locker.Semaphore(c, 3), "printers")
		want(t, "TryAcquire", err, locker.ErrUnavailable)
		if d := time.Since(start); d > 6*time.Second {
			t.Errorf("TryAcquire took %v, want no longer than for a lock", d)
		}
		_, err = locker.Semaphore(c, 3).Acquire(t.Context(), "printers", locker.WithWait(10*time.Second))
		want(t, "Acquire", err, locker.ErrUnavailable)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("Acquire took %v, want about its wait", d)
		}
		s.heal()
		time.Sleep(time.Minute)
		fill(t, locker.Semaphore(c, 3), 3)
	})
}

// A slot that does not answer does not hide those that are free.
func TestSemaphoreSilentSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		s.onAcquire(func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
			if a.Name != "printers/1" {
				return locker.Grant{}, hung(ctx)
			}
			return s.doAcquire(a)
		})
		for range 8 {
			start := time.Now()
			lease := acquire(t, locker.Semaphore(c, 3), "printers")
			if d := time.Since(start); lease.Name() != "printers/1" || d > 2*time.Second {
				t.Errorf("got %q after %v, want the slot that answers within two seconds", lease.Name(), d)
			}
			want(t, "Release", lease.Release(t.Context()))
		}
	})
}

// Calls that hand slots to each other quickly ask rarely for one that others hold.
func TestSemaphoreAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onAcquire(func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
			time.Sleep(time.Millisecond)
			g, err := s.doAcquire(a)
			g.Tokens = 1000
			return g, err
		})
		c, other := newClient(t, &s), newClient(t, &s)
		lease, err := other.Acquire(t.Context(), "printers/1")
		want(t, "Acquire", err)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				for ctx.Err() == nil {
					locker.Do(ctx, locker.Semaphore(c, 2), "printers", func(context.Context, *locker.Lease) error {
						time.Sleep(10 * time.Millisecond)
						return nil
					})
				}
			})
		}
		all.Wait()
		var tries, gaveUp int // a call that gets another slot meanwhile gives its try up
		for _, c := range s.asked("acquire") {
			if c.name == "printers/1" {
				tries++
			}
		}
		for _, c := range s.asked("release") {
			if c.name == "printers/1" {
				gaveUp++
			}
		}
		if limit := 30 * 24; tries > limit || gaveUp > tries {
			t.Errorf("in 30 s %d tries, %d of them given up, at the slot that another process holds, want at most %d", tries, gaveUp, limit)
		}
		want(t, "Release", lease.Release(t.Context()))
	})
}

// Processes that crash, wait and cancel never hold more than n.
func TestSemaphoreStress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, processes, callers, rounds = 3, 3, 5, 20
		st := memory.NewStore()
		var holding, most, cancelled atomic.Int64
		var grants [processes]atomic.Int64
		var all sync.WaitGroup
		for p := range processes {
			l := st.Open()
			defer l.Close(t.Context())
			sem := locker.Semaphore(locker.Prefix(l, "pool/"), n)
			for range callers {
				all.Go(func() {
					for range rounds {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Millisecond)
						err := locker.Do(ctx, sem, "printers", func(context.Context, *locker.Lease) error {
							now := holding.Add(1)
							defer holding.Add(-1)
							for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
							}
							grants[p].Add(1)
							time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
							return nil
						})
						cancel()
						if err != nil {
							cancelled.Add(1)
							want(t, "Do", err, context.DeadlineExceeded)
						}
					}
				})
			}
		}
		all.Wait()
		if got := most.Load(); got != n {
			t.Errorf("%d held at once, want %d", got, n)
		}
		for p := range processes {
			if grants[p].Load() == 0 {
				t.Errorf("process %d got nothing", p)
			}
		}
		if cancelled.Load() == 0 {
			t.Error("no call was cancelled while it waited: the test shows nothing of that")
		}
		time.Sleep(time.Minute)
		for i := range n {
			if info, err := st.Open().Inspect(t.Context(), fmt.Sprintf("pool/printers/%d", i)); err != nil || info.State != locker.StateFree {
				t.Errorf("slot %d: %v, %v, want it free at the end", i, info.State, err)
			}
		}
	})
}
