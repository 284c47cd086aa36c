package locker_test

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
)

// waiters are calls of Acquire for one name that were made one after the other.
// Each that gets the lock holds it for a second and releases it.
type waiters struct {
	wg     sync.WaitGroup
	cancel []context.CancelFunc // by number

	mu    sync.Mutex
	order []int // of those that got the lock
	fails map[int]error
	ended map[int]time.Time // of those that failed
}

// enter makes the next call.
func (w *waiters) enter(t *testing.T, c *locker.Client, opts ...locker.Option) {
	t.Helper()
	i := len(w.cancel)
	ctx, cancel := context.WithCancel(t.Context())
	w.cancel = append(w.cancel, cancel)
	if w.fails == nil {
		w.fails, w.ended = make(map[int]error), make(map[int]time.Time)
	}
	w.wg.Go(func() {
		lease, err := c.Acquire(ctx, t.Name(), opts...)
		w.mu.Lock()
		if err != nil {
			w.fails[i], w.ended[i] = err, time.Now()
		} else {
			w.order = append(w.order, i)
		}
		w.mu.Unlock()
		if err == nil {
			time.Sleep(time.Second)
			want(t, "Release", lease.Release(context.Background()))
		}
	})
	synctest.Wait()
}

// got waits until all calls have ended, and checks who got the lock.
func (w *waiters) got(t *testing.T, want ...int) {
	t.Helper()
	w.wg.Wait()
	if !slices.Equal(w.order, want) {
		t.Errorf("the lock went to %v, want %v", w.order, want)
	}
	for _, cancel := range w.cancel {
		cancel()
	}
}

func TestQueueFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		lease := acquire(t, c, t.Name())
		var w waiters
		var all []int
		for i := range 20 {
			w.enter(t, c)
			all = append(all, i)
		}
		if n := s.counts(); n.acquire != 1 || n.poll != 0 {
			t.Errorf("%d acquires and %d polls while the client itself holds, want 1 and 0", n.acquire, n.poll)
		}
		start := time.Now()
		want(t, "Release", lease.Release(t.Context()))
		w.got(t, all...)
		if d := time.Since(start); d != 20*time.Second {
			t.Errorf("20 holds of a second took %v, want no pauses between them", d)
		}
		if n := s.counts(); n.acquire != 21 || n.poll != 0 || n.release != 1 {
			t.Errorf("%+v requests for 21 leases, want 21 acquires, each but the first a take-over, and a release", n)
		}
	})
}

// However many wait, one of them asks the store.
func TestQueueOnePoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		var s store
		g := s.foreign(t.Name(), time.Hour)
		var under, most atomic.Int64
		s.onPoll(func(_ context.Context, name string) (locker.Info, error) {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			time.Sleep(5 * time.Millisecond)
			return s.info(name), nil
		})
		c := newClient(t, &s)
		var wg sync.WaitGroup
		var held atomic.Int64
		for range n {
			wg.Go(func() {
				lease, err := c.Acquire(t.Context(), t.Name())
				if err != nil {
					t.Errorf("Acquire = %v", err)
					return
				}
				if held.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				time.Sleep(10 * time.Millisecond)
				held.Add(-1)
				want(t, "Release", lease.Release(t.Context()))
			})
		}
		time.Sleep(10 * time.Second)
		if got := s.counts(); got.acquire != 1 || got.poll < 40 || got.poll > 80 || most.Load() != 1 {
			t.Errorf("%d acquires and %d polls in 10 s, %d at once; want 1, and what one call needs", got.acquire, got.poll, most.Load())
		}
		polls := s.counts().poll
		want(t, "the other's release", s.doRelease(g, 0))
		wg.Wait()
		if got := s.counts(); got.acquire != n+1 || got.release != 1 || got.poll-polls > 1 {
			t.Errorf("%d acquires, %d releases and %d polls for %d leases", got.acquire-1, got.release, got.poll-polls, n)
		}
	})
}

// Those who give up, at the head or in the middle, keep nobody.
func TestQueueCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		g := s.foreign(t.Name(), time.Hour)
		c := newClient(t, &s)
		var w waiters
		for range 10 {
			w.enter(t, c)
		}
		time.Sleep(time.Second)
		gone := []int{4, 0, 1, 9, 7}
		cancelled := time.Now()
		for _, i := range gone {
			w.cancel[i]()
			synctest.Wait()
		}
		for _, i := range gone {
			w.mu.Lock()
			err, at := w.fails[i], w.ended[i]
			w.mu.Unlock()
			want(t, "Acquire", err, locker.ErrHeld, context.Canceled)
			var held *locker.HeldError
			if errors.As(err, &held) && held.Holder.AcquisitionID != g.ID {
				t.Errorf("call %d: the holder is %+v, want the one that the head saw", i, held.Holder)
			}
			if !at.Equal(cancelled) {
				t.Errorf("call %d ended %v after it was cancelled", i, at.Sub(cancelled))
			}
		}
		polls := s.counts().poll
		time.Sleep(time.Second)
		if s.counts().poll == polls {
			t.Error("nobody polls after the head has gone")
		}
		want(t, "the other's release", s.doRelease(g, 0))
		w.got(t, 2, 3, 5, 6, 8)
	})
}

// A head that gives up leaves the pace of its looks to the next, whose time is short too.
func TestQueueNextHead(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var s store
			g := s.foreign(t.Name(), time.Hour)
			c := newClient(t, &s)
			first, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
			defer cancel()
			go c.Acquire(first, t.Name())
			synctest.Wait()
			time.AfterFunc(80*time.Millisecond, func() { want(t, "Release of the other", s.doRelease(g, 0)) })
			second, cancel := context.WithTimeout(t.Context(), 215*time.Millisecond)
			defer cancel()
			_, err := c.Acquire(second, t.Name())
			want(t, "Acquire of a lock that has been free for long", err)
		})
	}
}

func TestQueueWithWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		lease := acquire(t, c, t.Name())
		var w waiters
		start := time.Now()
		w.enter(t, c)
		w.enter(t, c, locker.WithWait(5*time.Second))
		w.enter(t, c, locker.WithWait(11500*time.Millisecond)) // enough
		w.enter(t, c, locker.WithWait(11500*time.Millisecond)) // not enough
		time.Sleep(10 * time.Second)
		want(t, "Release", lease.Release(t.Context()))
		w.got(t, 0, 2)
		for i, after := range map[int]time.Duration{1: 5 * time.Second, 3: 11500 * time.Millisecond} {
			var held *locker.HeldError
			if !errors.As(w.fails[i], &held) || held.Holder.State != locker.StateHeld || held.Holder.AcquisitionID == "" {
				t.Errorf("call %d: %v, want a HeldError that names a holder", i, w.fails[i])
			}
			if d := w.ended[i].Sub(start); d != after {
				t.Errorf("call %d ended after %v, want %v", i, d, after)
			}
		}
	})
}

// What the client itself holds it refuses without a request.
func TestQueueNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		lease := acquire(t, c, t.Name(), locker.WithOwner("owner"))
		for range 100 {
			_, err := locker.TryAcquire(t.Context(), c, t.Name())
			var held *locker.HeldError
			if !errors.As(err, &held) || held.Holder.AcquisitionID != lease.ID() || held.Holder.Owner != "owner" || held.Holder.Token != lease.Token() {
				t.Fatalf("TryAcquire = %v, want a HeldError that names the client's own lease", err)
			}
		}
		if n := s.counts(); n.acquire != 1 || n.poll != 0 {
			t.Errorf("%d acquires and %d polls, want 1 and 0", n.acquire, n.poll)
		}
		want(t, "Release", lease.Release(t.Context()))
		acquire(t, c, t.Name(), locker.NoWait())
	})
}

// A call that doesn't wait does not queue behind those that do.
func TestQueueNoWaitOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		g := s.foreign(t.Name(), time.Hour)
		c := newClient(t, &s)
		var w waiters
		w.enter(t, c)
		start := time.Now()
		_, err := locker.TryAcquire(t.Context(), c, t.Name())
		want(t, "TryAcquire", err, locker.ErrHeld)
		if d := time.Since(start); d != 0 {
			t.Errorf("TryAcquire took %v", d)
		}
		want(t, "the other's release", s.doRelease(g, 0))
		lease := acquire(t, c, t.Name(), locker.NoWait())
		time.Sleep(time.Minute)
		want(t, "Release", lease.Release(t.Context()))
		w.got(t, 0)
	})
}
