package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

func TestRenewedInBackground(t *testing.T) {
	worlds(t, func(t *testing.T, w world) {
		a, b := w.store.Open(), w.store.Open()
		lease := acquire(t, a)
		w.sleep(10 * time.Minute)
		wantHeld(t, lease)
		if got := lease.Remaining(); got < ttl*2/3 {
			t.Errorf("Remaining() = %v, want at least two thirds of %v", got, ttl)
		}
		refused(t, b)
		release(t, lease)
		release(t, acquire(t, b))
		closed(t, a, b)
	})
}

func TestExact(t *testing.T) {
	worlds(t, func(t *testing.T, w world) {
		a, b := w.store.Open(), w.store.Open()
		lease := acquire(t, a, locker.WithoutRenewal())
		w.sleep(ttl - 1)
		wantHeld(t, lease)
		if got := refused(t, b).Remaining; got != 1 {
			t.Errorf("Remaining = %v, want 1ns", got)
		}
		w.sleep(1)
		wantLost(t, lease, locker.LossExpired)
		next := acquire(t, b)
		if next.Token() <= lease.Token() {
			t.Errorf("token = %v, want above %v", next.Token(), lease.Token())
		}
		closed(t, a, b)
	})
}

// The example of the package's documentation.
func TestWaitInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		a, b := store.Open(), store.Open()
		acquire(t, a, locker.WithTTL(time.Minute), locker.WithoutRenewal())
		begin := time.Now()
		acquire(t, b, locker.WithoutRenewal())
		if got := time.Since(begin); got != time.Minute {
			t.Errorf("Acquire(%q) waited for %v, want 1m", t.Name(), got)
		}
	})
}

// Everybody who waits gets the lock; the calls of one process in the order in
// which they began to wait.
func TestWaiters(t *testing.T) {
	ends := map[string]func(world, *testing.T, *locker.Lease){
		"release": func(_ world, t *testing.T, lease *locker.Lease) { release(t, lease) },
		"end":     func(w world, _ *testing.T, _ *locker.Lease) { w.sleep(ttl) },
		"expire":  func(w world, t *testing.T, _ *locker.Lease) { w.store.Expire(t.Name()) },
	}
	for name, end := range ends {
		for _, processes := range []int{1, 6} {
			t.Run(fmt.Sprintf("%s/%d", name, processes), func(t *testing.T) {
				worlds(t, func(t *testing.T, w world) { testWaiters(t, w, processes, end) })
			})
		}
	}
}

func testWaiters(t *testing.T, w world, processes int, end func(world, *testing.T, *locker.Lease)) {
	var lockers []*memory.Locker
	for range processes {
		lockers = append(lockers, w.store.Open())
	}
	defer closed(t, lockers...)
	lease := acquire(t, w.store.Open(), locker.WithoutRenewal())
	var mu sync.Mutex
	var got, want []int
	for i := range 6 {
		want = append(want, i)
		go func() {
			_ = locker.Do(t.Context(), lockers[i%processes], t.Name(), func(context.Context, *locker.Lease) error {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, i)
				return nil
			})
		}()
		w.sleep(0)
	}
	end(w, t, lease)
	synctest.Wait()
	if processes > 1 {
		slices.Sort(got)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got it in the order %v, want %v", got, want)
	}
}

// A waiter that gives up at the moment at which it would have been its turn
// does not leave those behind it asleep.
func TestWaiterGivesUp(t *testing.T) {
	worlds(t, func(t *testing.T, w world) {
		for range 30 {
			a, b, c := w.store.Open(), w.store.Open(), w.store.Open()
			lease := acquire(t, a)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if lease, err := b.Acquire(ctx, t.Name()); err == nil {
					release(t, lease)
				}
			}()
			synctest.Wait()
			got := false
			go func() {
				release(t, acquire(t, c))
				got = true
			}()
			synctest.Wait()
			release(t, lease)
			cancel()
			synctest.Wait()
			if !got {
				t.Fatalf("Acquire(%q) still waits, want the lease", t.Name())
			}
			closed(t, a, b, c)
		}
	})
}

func TestInspect(t *testing.T) {
	l := memory.New(func(o *memory.Options) { o.Owner = "me" })
	if info, err := l.Inspect(t.Context(), t.Name()); err != nil || info.State != locker.StateFree {
		t.Errorf("Inspect(%q) = %+v, %v, want free", t.Name(), info, err)
	}
	lease := acquire(t, l)
	info, err := l.Inspect(t.Context(), t.Name())
	if err != nil || info.State != locker.StateHeld || info.Owner != "me" || info.Token != lease.Token() {
		t.Errorf("Inspect(%q) = %+v, %v, want held by me", t.Name(), info, err)
	}
	if _, err := l.Inspect(t.Context(), ""); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("Inspect(%q) = %v, want %v", "", err, locker.ErrInvalid)
	}
	closed(t, l)
}

func TestOptions(t *testing.T) {
	clock := memory.NewClock(start)
	store := memory.NewStore(func(o *memory.Options) { o.Clock, o.Owner, o.DefaultTTL = clock, "all", time.Hour })
	a, b := store.Open(nil), store.Open(func(o *memory.Options) { o.Owner, o.Fencing = "b", false })
	if a.Store() != store || memory.New(nil).Store() == store {
		t.Errorf("Store() of two lockers = %p, want %p of the one only", a.Store(), store)
	}
	for l, want := range map[*memory.Locker]string{a: "all", b: "b"} {
		lease, err := l.Acquire(t.Context(), t.Name())
		if err != nil {
			t.Fatalf("Acquire(%q) = %v", t.Name(), err)
		}
		if info, err := l.Inspect(t.Context(), t.Name()); err != nil || info.Owner != want || info.TTL != time.Hour {
			t.Errorf("Inspect(%q) = %+v, %v, want owner %q, TTL 1h", t.Name(), info, err, want)
		}
		release(t, lease)
	}
	if lease, err := a.Acquire(t.Context(), t.Name(), locker.RequireFencing(), locker.WithTTL(time.Millisecond)); err != nil {
		t.Errorf("Acquire(%q) with fencing and the shortest TTL = %v", t.Name(), err)
	} else {
		release(t, lease)
	}
	if _, err := b.Acquire(t.Context(), t.Name(), locker.RequireFencing()); !errors.Is(err, locker.ErrNoFencing) {
		t.Errorf("Acquire(%q) = %v, want %v", t.Name(), err, locker.ErrNoFencing)
	}
	if _, err := a.Acquire(t.Context(), t.Name(), locker.WithTTL(time.Millisecond-1)); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("Acquire(%q) = %v, want %v", t.Name(), err, locker.ErrInvalid)
	}
	closed(t, a, b)
}

// slow is a network on which an answer takes long.
type slow struct {
	locker.Backend
	clock *memory.Clock
}

func (b slow) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	g, err := b.Backend.Acquire(ctx, a)
	b.clock.Advance(ttl / 4)
	return g, err
}

func TestBackendWrapped(t *testing.T) {
	clock := memory.NewClock(start)
	store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
	client := locker.New(slow{store.Backend(), clock}, func(o *locker.ClientOptions) { o.Clock = clock })
	lease := acquire(t, client, locker.WithoutRenewal())
	if got := lease.Remaining(); got <= ttl/2 || got > ttl*3/4 {
		t.Errorf("Remaining() = %v, want somewhat less than three quarters of %v", got, ttl)
	}
	refused(t, store.Open())
	release(t, lease)
}

// uncomparable is a Clock that == can't be used on.
type uncomparable struct {
	locker.Clock
	_ []int
}

// A process with a clock of its own that stands still hangs: it believes in its
// lease long after others have taken it, and only the token tells.
func TestProcessHangs(t *testing.T) {
	clock, own := memory.NewClock(start), memory.NewClock(start)
	for _, c := range []locker.Clock{own, uncomparable{Clock: own}} {
		store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
		hangs, b := store.Open(func(o *memory.Options) { o.Clock = c }), store.Open()
		lease := acquire(t, hangs)
		clock.Advance(ttl)
		next := acquire(t, b)
		wantHeld(t, lease)
		var fence locker.Fence
		if err := fence.Check(t.Name(), next.Token()); err != nil {
			t.Errorf("Check(%v) = %v", next.Token(), err)
		}
		if err := fence.Check(t.Name(), lease.Token()); !errors.Is(err, locker.ErrStale) {
			t.Errorf("Check(%v) = %v, want %v", lease.Token(), err, locker.ErrStale)
		}
		own.Advance(ttl)
		if !errors.Is(lease.Err(), locker.ErrLost) {
			t.Errorf("Err() = %v, want %v", lease.Err(), locker.ErrLost)
		}
		closed(t, hangs, b)
	}
}

// Many goroutines of many processes on few names: no two hold one at a time.
func TestExclusion(t *testing.T) {
	store := memory.NewStore()
	names := []string{"a", "b", "c"}
	var holders [3]int
	var tokens [3]locker.Token
	var wg sync.WaitGroup
	for range 4 {
		l := store.Open()
		for g := range 6 {
			wg.Go(func() {
				for range 30 {
					err := locker.Do(t.Context(), l, names[g%3], func(_ context.Context, lease *locker.Lease) error {
						holders[g%3]++ // the race detector is the judge
						defer func() { holders[g%3]-- }()
						if holders[g%3] != 1 || lease.Token() <= tokens[g%3] {
							t.Errorf("%d holders, token %v after %v; want 1, rising", holders[g%3], lease.Token(), tokens[g%3])
						}
						tokens[g%3] = lease.Token()
						return nil
					})
					if err != nil {
						t.Errorf("Do(%q) = %v", names[g%3], err)
					}
				}
			})
		}
	}
	wg.Wait()
}
