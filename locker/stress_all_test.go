package locker_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// flakyGroups is a flaky store that acquires up to limit names by one request, and
// gives blocks of tokens, so that leases are handed on inside of a client.
type flakyGroups struct {
	*store
	y     *flaky
	limit int
}

func (s flakyGroups) GroupLimit() int { return s.limit }

func (s flakyGroups) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	g, err := s.store.Acquire(ctx, a)
	return inBlocks(g, a), err
}

func (s flakyGroups) AcquireGroup(ctx context.Context, all []locker.Attempt) ([]locker.Grant, error) {
	return flakily(ctx, s.y, func() ([]locker.Grant, error) { return s.doGroup(all) })
}

// doGroup is doAcquire of several names, all or none.
func (s flakyGroups) doGroup(all []locker.Attempt) (grants []locker.Grant, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, take := range []bool{false, true} {
		for _, a := range all {
			g, err := s.acquireLocked(a, take)
			if err != nil {
				return nil, err
			}
			if take {
				grants = append(grants, inBlocks(g, a))
			}
		}
	}
	return grants, nil
}

func inBlocks(g locker.Grant, a locker.Attempt) locker.Grant {
	g.Token *= 10_000
	g.Tokens = a.Tokens
	return g
}

// workOnMany acquires, uses and releases groups, and leases of a semaphore, until end.
func (b *believers) workOnMany(t *testing.T, r *random, c *locker.Client, end time.Time) {
	for time.Now().Before(end) {
		ctx, cancel := context.WithTimeout(t.Context(), r.upTo(4*time.Second))
		ttl := 500*time.Millisecond + r.upTo(2*time.Second)
		opts := []locker.Option{locker.WithTTL(ttl)}
		for _, opt := range []locker.Option{locker.NoWait(), locker.WithWait(time.Second), locker.WithoutRenewal(), locker.WithMinHold(300 * time.Millisecond), locker.WithMaxHold(time.Second)} {
			if r.n(3) == 0 {
				opts = append(opts, opt)
			}
		}
		names := make([]string, 1+r.n(3)) // of one name: Acquire
		for i := range names {
			names[i] = "name " + strconv.Itoa(r.n(3))
		}
		var l locker.Locker = c
		if r.n(4) == 0 {
			l = locker.Prefix(locker.LockerFunc(c.Acquire), "name ") // one by one
			for i := range names {
				names[i] = strconv.Itoa(r.n(3))
			}
		}
		group, err := locker.AcquireAll(ctx, l, names, opts...)
		if err == nil {
			for lease := range group.All() {
				if left := lease.Remaining(); left < ttl/2 && lease.Err() == nil && b.strict {
					t.Errorf("%v of %v remaining", left, ttl)
				}
				b.add(t, lease)
			}
			for lease := range group.All() {
				if r.n(3) == 0 {
					use(ctx, r, lease)
				}
			}
			if r.n(2) == 0 {
				select {
				case <-group.Done():
				case <-time.After(3 * time.Second):
				}
			}
			err = group.Release(ctx)
		}
		cancel()
		wantKnown(t, err)
		time.Sleep(r.upTo(20 * time.Millisecond))
	}
}

// Three processes contend for groups, and parts of them, on a store that nobody can
// rely on.
func TestStressAll(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("HOLDFAST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HOLDFAST_SEED=%d", seed)
	grants := 0
	for i, rate := range []int{0, 5, 20, 50, 0, 20} {
		for _, slow := range []time.Duration{0, 300 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				r := &random{rng: rand.New(rand.NewPCG(seed, uint64(i)))}
				y := &flaky{r, rate, slow}
				s := flakyGroups{new(store), y, 2 + 10*r.n(2)}
				y.over(s.store)
				b := &believers{leases: make(map[string][]*locker.Lease), high: make(map[string]locker.Token), strict: i < 4}
				end := time.Now().Add(time.Minute)
				var wg sync.WaitGroup
				var clients []*locker.Client
				for n := range 3 {
					m, events := newMachine(), &events{}
					backend := []locker.Backend{s, struct{ locker.Backend }{s}}[r.n(2)]
					c := newClient(t, backend, m.on, events.observe)
					clients = append(clients, c)
					for range 3 {
						wg.Go(func() { b.workOnMany(t, r, c, end) })
					}
					wg.Go(func() {
						for i >= 4 && n > 0 && time.Now().Before(end) {
							time.Sleep(r.upTo(5 * time.Second))
							m.setWall(r.upTo(2*time.Hour) - time.Hour)
							m.suspend(r.upTo(time.Second))
						}
					})
				}
				wg.Go(func() {
					for ; time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
						b.check(t)
					}
				})
				time.Sleep(50 * time.Second)
				clients[r.n(3)].Close(t.Context())
				wg.Wait()
				for _, c := range clients {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
					if err := c.Close(ctx); errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("Close = %v", err)
					}
					cancel()
				}
				b.check(t)
				grants += b.grants
				time.Sleep(10 * time.Second) // for what is late
			})
		}
	}
	if grants < 100 {
		t.Errorf("%d grants, which tells nothing", grants)
	}
	t.Logf("%d grants", grants)
}
