package linear

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

var (
	histories = flag.Int("linear-histories", 120, "how many histories to run")
	atOnce    = flag.Int("linear-at-once", 16, "how many of them at once")
	firstSeed = flag.Uint64("linear-seed", 0, "the seed of the first history; each next one has the next; 0: by the clock")
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }

// TestHistories runs histories against DynamoDB, and has porcupine judge each.
func TestHistories(t *testing.T) {
	t.Parallel()
	n := *histories
	if testing.Short() {
		n = min(n, 20)
	}
	seed := *firstSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	s := newStore(t)
	f := &figures{seed: seed, start: time.Now()}
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, *atOnce))
	for i := range n {
		slots <- struct{}{}
		if t.Failed() {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := s.history(f, seed+uint64(i)); err != nil {
				t.Errorf("history with -linear-seed %d -linear-histories 1: %v", seed+uint64(i), err)
			}
		})
	}
	wg.Wait()
	t.Log(f)
	for _, what := range []string{"handed over", "bound", "sessions ended"} {
		if n >= 100 && f.counted(what) == 0 && !t.Failed() {
			t.Errorf("%s: none in %d histories, so that they prove nothing of it", what, n)
		}
	}
	if grants := f.counted("granted"); grants < n && !t.Failed() {
		t.Errorf("%d grants in %d histories: this machine is too busy for them to prove anything", grants, n)
	}
}

// store is the table that all histories share, and the connections to it.
type store struct {
	t     *testing.T
	table string
	conns *http.Transport
}

func newStore(t *testing.T) *store {
	s := &store{t: t, table: fmt.Sprintf("linear-%d-%d", os.Getpid(), time.Now().UnixNano())}
	s.conns = http.DefaultTransport.(*http.Transport).Clone()
	s.conns.MaxIdleConnsPerHost = 512
	l, err := dynamo.New(dynamodblocal.Client(t), s.table)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.conns.CloseIdleConnections()
		if err := l.DeleteTable(context.Background()); err != nil {
			t.Error(err)
		}
		_ = l.Close(context.Background())
	})
	return s
}

// history runs one history and judges it.
func (s *store) history(f *figures, seed uint64) error {
	const clients, workers, tasks = 3, 7, 3 // one client has three workers, two have two each
	rng := rand.New(rand.NewPCG(seed, 0))
	ttl := time.Duration(600+rng.IntN(600)) * time.Millisecond
	names := []string{fmt.Sprintf("%d/a", seed), fmt.Sprintf("%d/b", seed)}[:1+rng.IntN(2)]
	rate := []float64{0, 0.1, 0.2, 0.3}[rng.IntN(4)]
	h := newHistory(workers)

	var lockers [clients]*dynamo.Locker
	var networks [clients]*network
	for i := range clients {
		n := &network{
			Transport: faulthttp.New(s.conns), figures: f, history: h, who: fmt.Sprintf("client %d", i), ttl: ttl,
			rng: rand.New(rand.NewPCG(seed, uint64(i)+1)), rate: rate,
			ahead: time.Duration(rng.Int64N(int64(dynamo.DefaultClockMargin) / 2)), // what ClockMargin covers
		}
		n.Always(n.fault)
		clock := wrongClock{locker.SystemClock().(locker.BootClock), time.Duration(rng.IntN(7201)-3600) * time.Second}
		ruleB, shares := rng.IntN(4) > 0, rng.IntN(2) == 0
		l, err := dynamo.New(&api{dynamodblocal.Client(s.t, n.Use), n}, s.table, func(o *dynamo.Options) {
			o.Clock, o.Owner, o.Observer = clock, n.who, h.observe
			o.SharedHeartbeat = shares
			if !ruleB {
				o.ClockMargin = -1
			}
		})
		if err != nil {
			return err
		}
		networks[i], lockers[i] = n, l
	}

	var wg sync.WaitGroup
	errs := make([]error, workers+clients)
	for i := range workers {
		client := i % clients
		w := &worker{
			h: h, fig: f, l: lockers[client], n: networks[client], ttl: ttl, lane: i,
			who: fmt.Sprintf("client %d, worker %d", client, i),
		}
		orders := script(rng, names, ttl, tasks)
		wg.Go(func() { errs[i] = w.run(orders) })
	}
	wg.Wait()
	for i := range clients {
		networks[i].heal()
		errs[workers+i] = lockers[i].Close(context.Background()) // nothing is sent after that
		networks[i].late.Wait()
	}
	ops, begin := h.operations(), time.Now()
	failure := verify(ops, checkTimeout)
	f.judged(len(ops), time.Since(begin))
	if failure != nil {
		errs = append(errs, failure.report(s.t, seed))
	}
	return errors.Join(errs...)
}

// wrongClock is a machine whose wall clock is wrong.
type wrongClock struct {
	locker.BootClock
	by time.Duration
}

// Now implements [locker.Clock].
func (c wrongClock) Now() time.Time { return c.BootClock.Now().Add(c.by) }
