package locker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// random is a source of random numbers for several goroutines.
type random struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (r *random) n(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(n)
}

// upTo returns a random duration below d, which is above 0.
func (r *random) upTo(d time.Duration) time.Duration {
	return time.Duration(r.n(int(d/time.Millisecond)))*time.Millisecond + time.Duration(r.n(int(time.Millisecond)))
}

// flaky makes a store's requests slow, and lets a few in a hundred get lost, lose
// their answers, come late or come twice.
type flaky struct {
	*random
	rate int           // of faults, in percent
	slow time.Duration // most that either way takes; 0: nothing
}

// flakily calls f, once or twice, in time or later, and returns what f did or an
// error that does not tell.
func flakily[R any](ctx context.Context, y *flaky, f func() (R, error)) (R, error) {
	var none R
	if err := y.delay(ctx); err != nil {
		if y.n(2) == 0 { // on its way all the same
			time.AfterFunc(y.upTo(time.Second), func() { f() })
		}
		return none, err
	}
	fault := -1
	if y.n(100) < y.rate {
		fault = y.n(4)
	}
	switch fault {
	case 0: // the request is lost
		return none, errDown
	case 1: // the request is late
		time.AfterFunc(y.upTo(3*time.Second), func() { f() })
		return none, errDown
	}
	r, err := f()
	switch fault {
	case 2: // the answer is lost
		return none, errDown
	case 3: // a copy of the request is late
		time.AfterFunc(y.upTo(3*time.Second), func() { f() })
	}
	if late := y.delay(ctx); late != nil {
		return none, late
	}
	return r, err
}

func (y *flaky) delay(ctx context.Context) error {
	if y.slow == 0 {
		return nil
	}
	select {
	case <-time.After(y.upTo(y.slow)):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errDown, ctx.Err())
	}
}

// over makes s flaky.
func (y *flaky) over(s *store) {
	s.onAcquire(func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
		return flakily(ctx, y, func() (locker.Grant, error) { return s.doAcquire(a) })
	})
	s.onRenew(func(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
		next, err := flakily(ctx, y, func() (locker.Grant, error) { return s.doRenew(g, r) })
		if next.ID == "" { // a Grant is returned beside an error too: with the sequence that was used
			next = g
			next.Revision = nextRevision(g)
		}
		return next, err
	})
	s.onRelease(func(ctx context.Context, g locker.Grant, hold time.Duration) error {
		_, err := flakily(ctx, y, func() (struct{}, error) { return struct{}{}, s.doRelease(g, hold) })
		return err
	})
	s.onPoll(func(ctx context.Context, name string) (locker.Info, error) {
		return flakily(ctx, y, func() (locker.Info, error) { return s.info(name), nil })
	})
}

// believers are all leases of a history.
type believers struct {
	mu     sync.Mutex
	leases map[string][]*locker.Lease // by name, those that may still be believed in
	high   map[string]locker.Token
	grants int
	strict bool // no machine is suspended: what is granted lasts
}

// add notes a new lease and compares it with all others of its name.
func (b *believers) add(t *testing.T, lease *locker.Lease) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := lease.Name()
	b.grants++
	if lease.Token() <= b.high[name] {
		t.Errorf("%s: token %v after %v", name, lease.Token(), b.high[name])
	}
	b.high[name] = lease.Token()
	b.leases[name] = append(b.leases[name], lease)
	b.checkLocked(t)
}

// check compares all pairs.
func (b *believers) check(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checkLocked(t)
}

func (b *believers) checkLocked(t *testing.T) {
	for name, leases := range b.leases {
		believing := slices.DeleteFunc(leases, func(l *locker.Lease) bool { return l.Err() != nil })
		b.leases[name] = believing
		for i, l := range believing {
			for _, other := range believing[:i] {
				t.Errorf("%s: two believe in their leases: token %v for %v, token %v for %v", name, other.Token(), other.Remaining(), l.Token(), l.Remaining())
			}
		}
	}
}

// work acquires, uses and releases leases until end.
func (b *believers) work(t *testing.T, r *random, c *locker.Client, end time.Time) {
	for time.Now().Before(end) {
		ctx, cancel := context.WithTimeout(t.Context(), r.upTo(4*time.Second))
		opts := someOptions(r, 500*time.Millisecond+r.upTo(2*time.Second))
		lease, err := c.Acquire(ctx, "name "+strconv.Itoa(r.n(2)), opts...)
		if err == nil {
			b.add(t, lease)
			use(ctx, r, lease)
			if r.n(8) != 0 { // else nobody cares any more
				err = lease.Release(ctx)
			}
		}
		cancel()
		wantKnown(t, err)
		time.Sleep(r.upTo(20 * time.Millisecond))
	}
}

// someOptions returns the TTL and each of the other options with a chance of a third.
func someOptions(r *random, ttl time.Duration) []locker.Option {
	opts := []locker.Option{locker.WithTTL(ttl)}
	for _, opt := range []locker.Option{locker.NoWait(), locker.WithWait(time.Second), locker.WithoutRenewal(), locker.WithMinHold(300 * time.Millisecond), locker.WithMaxHold(time.Second)} {
		if r.n(3) == 0 {
			opts = append(opts, opt)
		}
	}
	return opts
}

// wantKnown checks that an error is one of those that a flaky store leads to.
func wantKnown(t *testing.T, err error) {
	t.Helper()
	var failed *locker.ReleaseError
	if err != nil && !errors.Is(err, locker.ErrHeld) && !errors.Is(err, locker.ErrUnavailable) && !errors.Is(err, locker.ErrLost) &&
		!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, locker.ErrClosed) && !errors.As(err, &failed) {
		t.Errorf("an error of no known kind: %v", err)
	}
}

func use(ctx context.Context, r *random, lease *locker.Lease) {
	for range r.n(4) {
		switch r.n(6) {
		case 0:
			lease.Renew(ctx)
		case 1:
			lease.Ensure(ctx, r.upTo(3*time.Second))
		case 2:
			lease.SetData(ctx, []byte("x"))
		case 3:
			go lease.Renew(ctx)
		case 4:
			go lease.Release(ctx)
		default:
			time.Sleep(r.upTo(3 * time.Second))
		}
	}
}

// contest is a time in which three processes contend on a store that nobody can rely
// on. One of them is closed before the end.
type contest struct {
	lasts, closes time.Duration
	workers       int  // of each process
	bent          bool // the machines of all but the first are suspended, and their wall clocks set
	work          func(t *testing.T, r *random, c *locker.Client, end time.Time)
}

// run runs the contest, and checks all the time what b knows of.
func (o contest) run(t *testing.T, r *random, b *believers, s locker.Backend) {
	end := time.Now().Add(o.lasts)
	var wg sync.WaitGroup
	var clients []*locker.Client
	for i := range 3 {
		m, events := newMachine(), &events{}
		backend := []locker.Backend{s, struct{ locker.Backend }{s}}[r.n(2)]
		c := newClient(t, backend, m.on, events.observe)
		clients = append(clients, c)
		for range o.workers {
			wg.Go(func() { o.work(t, r, c, end) })
		}
		wg.Go(func() {
			for o.bent && i > 0 && time.Now().Before(end) {
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
	time.Sleep(o.closes)
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
	time.Sleep(10 * time.Second) // for what is late
}

// stressSeed returns the seed to repeat, or a new one.
func stressSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if s := os.Getenv("HOLDFAST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HOLDFAST_SEED=%d", seed)
	return seed
}

func newBelievers() *believers {
	return &believers{leases: make(map[string][]*locker.Lease), high: make(map[string]locker.Token)}
}

// wantGrants fails a test in which there were too few.
func wantGrants(t *testing.T, grants int) {
	t.Helper()
	if grants < 100 {
		t.Errorf("%d grants, which tells nothing", grants)
	}
}

// Three processes, whose wall clocks nobody can rely on, contend for two names on
// a store that nobody can rely on either.
func TestStress(t *testing.T) {
	seed := stressSeed(t)
	grants := 0
	for _, rate := range []int{0, 5, 20, 50} {
		for _, slow := range []time.Duration{0, 300 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				r := &random{rng: rand.New(rand.NewPCG(seed, uint64(rate)))}
				var s store
				(&flaky{r, rate, slow}).over(&s)
				b := newBelievers()
				contest{lasts: 12 * time.Second, closes: 8 * time.Second, workers: 5, bent: true, work: b.work}.run(t, r, b, &s)
				grants += b.grants
			})
		}
	}
	wantGrants(t, grants)
}
