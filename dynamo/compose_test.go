package dynamo

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// entered counts those who are inside, and keeps the most.
type entered struct{ now, most atomic.Int64 }

func (e *entered) enter() (leave func()) {
	now := e.now.Add(1)
	for m := e.most.Load(); now > m && !e.most.CompareAndSwap(m, now); m = e.most.Load() {
	}
	return func() { e.now.Add(-1) }
}

// Three processes with four callers each want one of two slots.
func TestSemaphore(t *testing.T) {
	t.Parallel()
	const n, processes, callers = 2, 3, 4
	var inside entered
	var grants [processes]atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	enough := func() bool { // for each
		for i := range grants {
			if grants[i].Load() < 30 {
				return false
			}
		}
		return true
	}
	var all sync.WaitGroup
	for i := range processes {
		s := locker.Semaphore(openWarm(t).Locker, n)
		for range callers {
			all.Go(func() {
				for ctx.Err() == nil && !enough() {
					err := locker.Do(ctx, s, t.Name(), func(context.Context, *locker.Lease) error {
						defer inside.enter()()
						grants[i].Add(1)
						time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
						return nil
					})
					if err != nil && ctx.Err() == nil {
						t.Errorf("Do = %v", err)
					}
				}
			})
		}
	}
	all.Wait()
	if got := inside.most.Load(); got != n {
		t.Errorf("%d held at once at most, want %d", got, n)
	}
	for i := range grants {
		got := grants[i].Load()
		t.Logf("process %d: %d grants", i+1, got)
		if got == 0 {
			t.Errorf("process %d got nothing", i+1)
		}
	}
}

// Three Electors; whoever leads loses it by Break, or by its process being cut off.
func TestElector(t *testing.T) {
	t.Parallel()
	const rounds = 6
	ttl := locker.WithTTL(2 * time.Second)
	var last atomic.Pointer[locker.Lease]
	var processes [3]*process
	var electors [3]*locker.Elector
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var terms [3]atomic.Int64
	for i := range electors {
		processes[i] = openWarm(t)
		e := locker.NewElector(processes[i].Locker, t.Name(), ttl)
		electors[i] = e
		all.Go(func() {
			err := e.Run(ctx, func(ctx context.Context, lease *locker.Lease) error {
				if before := last.Swap(lease); before != nil && before.Err() == nil && lease.Err() == nil {
					t.Errorf("token %v leads while the lease with token %v is not over", lease.Token(), before.Token())
				}
				terms[i].Add(1)
				<-ctx.Done()
				return ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run = %v, want it to end with ctx", err)
			}
		})
	}
	leader := -1
	look := func() bool {
		leads := 0
		for i, e := range electors {
			if e.IsLeader(ctx) == nil {
				leader = i
				leads++
			}
		}
		return leads == 1
	}
	for round := range rounds {
		eventually(t, 30*time.Second, "one leads", look)
		term := terms[leader].Load()
		before := leader
		if round%2 == 0 {
			breakSeen(t, processes[(before+1)%3], see(t, processes[before]))
		} else {
			processes[before].cutOff()
		}
		eventually(t, 30*time.Second, "the term ends", func() bool {
			return electors[before].IsLeader(ctx) != nil || terms[before].Load() > term
		})
		if round%2 != 0 {
			eventually(t, 30*time.Second, "another leads", func() bool { return look() && leader != before })
			processes[before].faults.Clear()
		}
	}
	cancel()
	all.Wait()
	if got := terms[0].Load() + terms[1].Load() + terms[2].Load(); got <= rounds {
		t.Errorf("%d terms, want more than %d", got, rounds)
	}
}
