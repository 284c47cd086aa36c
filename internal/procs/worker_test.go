//go:build unix

package procs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

// alive is how often a worker reports while it works, glance how often it looks
// at its lease.
const (
	alive  = 150 * time.Millisecond
	glance = 10 * time.Millisecond
)

// work is the whole of a worker's process. It ends when it is killed, or with an
// exit code when it can't go on.
func work(encoded string) int {
	var c config
	if err := json.Unmarshal([]byte(encoded), &c); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 2
	}
	rng := rand.New(rand.NewPCG(c.Seed, uint64(c.Worker)))
	clock := newClock(c.Clock, rng)
	db := client(c.Endpoint)
	if c.Delay > 0 {
		db = client(c.Endpoint, slowNetwork(c.Delay, rand.New(rand.NewPCG(c.Seed, 1<<32))).Use)
	}
	l, err := dynamo.New(db, c.Table, func(o *dynamo.Options) {
		o.Clock, o.DefaultTTL, o.Owner = clock, c.TTL, fmt.Sprintf("worker %d, PID %d", c.Worker, os.Getpid())
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 2
	}
	var wg sync.WaitGroup
	for i, name := range c.Names {
		w := &worker{c: c, l: l, name: name, rng: rand.New(rand.NewPCG(c.Seed, uint64(c.Worker)<<8+uint64(i)))}
		wg.Go(w.run)
	}
	wg.Wait()
	return 0
}

// worker is a goroutine of a worker's process, for one name.
type worker struct {
	c    config
	l    *dynamo.Locker
	name string
	rng  *rand.Rand
}

// tell reports to the referee. Without one there is nothing left to do.
func (w *worker) tell(r report) verdict {
	r.Worker, r.PID, r.Name = w.c.Worker, os.Getpid(), w.name
	v, err := tell(w.c.Referee, r)
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(3)
	}
	return v
}

func (w *worker) run() {
	for {
		w.tell(report{Stage: wants})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		lease, err := w.l.Acquire(ctx, w.name, locker.RequireFencing())
		cancel()
		if err != nil {
			w.tell(report{Stage: refused, Error: err.Error()})
			time.Sleep(100 * time.Millisecond)
			continue
		}
		h := &holding{worker: w, lease: lease, from: sharedClock()}
		h.run()
	}
}

// holding is one lease of a worker.
type holding struct {
	*worker
	lease    *locker.Lease
	from     int64
	believed int64
}

// good looks at the lease. The moment before counts: a lease that is good later
// was good then.
func (h *holding) good() bool {
	now := sharedClock()
	if h.lease.Err() != nil {
		return false
	}
	h.believed = now
	return true
}

// tell reports with what is known of the lease.
func (h *holding) tell(r report) verdict {
	r.Token, r.From, r.Believed = h.lease.Token(), h.from, h.believed
	return h.worker.tell(r)
}

// run reads both registers, works, and writes them. The lease is checked before
// the write, but nothing is between check and write that would keep a process
// from being paused there: this is what fencing is for.
func (h *holding) run() {
	defer h.end()
	h.good()
	h.tell(report{Stage: holds})
	values := h.tell(report{Stage: reads})
	if !h.work() || !h.good() {
		return
	}
	h.tell(report{Stage: checked})
	h.good() // does not change what follows; the referee hears of it
	h.tell(report{Stage: writes, Fenced: values.Fenced + 1, Control: values.Control + 1})
}

// work lasts as long as the config says, and returns early when the lease is over.
func (h *holding) work() bool {
	d := h.c.MinWork + time.Duration(h.rng.Int64N(int64(h.c.MaxWork-h.c.MinWork)+1))
	told := time.Now()
	for begin := told; time.Since(begin) < d; time.Sleep(glance) {
		if !h.good() {
			return false
		}
		if time.Since(told) > alive {
			told = time.Now()
			h.tell(report{Stage: works})
		}
	}
	return true
}

// end releases the lease, or makes sure that one which was lost stays lost: its
// late renewal and its late release have to fail.
func (h *holding) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if h.good() {
		err := h.lease.Release(ctx)
		h.tell(report{Stage: over, Lost: errors.Is(err, locker.ErrLost), Error: text(err)})
		return
	}
	lost := h.lease.Err()
	for what, err := range map[string]error{"Err": lost, "Renew": h.lease.Renew(ctx), "Release": h.lease.Release(ctx)} {
		if !errors.Is(err, locker.ErrLost) {
			h.tell(report{Stage: broken, Error: fmt.Sprintf("%s of a lost lease = %v", what, err)})
		}
	}
	h.tell(report{Stage: over, Lost: true, Error: lost.Error()})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
