package locker_test

import (
	"context"
	"math/rand/v2"
	"strconv"
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
		opts := someOptions(r, ttl)
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
	seed := stressSeed(t)
	grants := 0
	for i, rate := range []int{0, 5, 20, 50, 0, 20} {
		for _, slow := range []time.Duration{0, 300 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				r := &random{rng: rand.New(rand.NewPCG(seed, uint64(i)))}
				y := &flaky{r, rate, slow}
				s := flakyGroups{new(store), y, 2 + 10*r.n(2)}
				y.over(s.store)
				b := newBelievers()
				b.strict = i < 4
				contest{lasts: time.Minute, closes: 50 * time.Second, workers: 3, bent: !b.strict, work: b.workOnMany}.run(t, r, b, s)
				grants += b.grants
			})
		}
	}
	wantGrants(t, grants)
	t.Logf("%d grants", grants)
}
