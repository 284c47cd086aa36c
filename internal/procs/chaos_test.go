//go:build unix

package procs

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
)

// chaosClocks are the clocks of TestChaos's workers.
var chaosClocks = []clockKind{rightClock, aheadClock, behindClock, steppyClock, rightClock, rightClock}

// TestChaos lets six processes work under six names while they are stopped,
// killed and restarted at random.
func TestChaos(t *testing.T) {
	t.Parallel()
	d := *duration
	if testing.Short() {
		d = min(d, 10*time.Second)
	}
	c := newChaos(t)
	end := sharedClock() + int64(d)
	var wg sync.WaitGroup
	for sharedClock() < end && !t.Failed() {
		time.Sleep(c.between(200*time.Millisecond, 1200*time.Millisecond))
		n := c.intN(len(chaosClocks))
		if c.intN(5) < 2 {
			c.crew.kill(n)
			c.launch(n)
			continue
		}
		if d := c.stoppage(); !c.crowded() {
			wg.Go(func() { c.crew.pause(n, d, nil) })
		}
	}
	c.calm()
	wg.Wait()

	// Undisturbed, every name moves on.
	for _, name := range c.names {
		c.r.mu.Lock()
		last := c.r.names[name].highest
		c.r.mu.Unlock()
		c.r.awaitGrant(t, limit+ttl+time.Second, name, last)
	}
	c.crew.stop()
	c.r.judgeKills(t, sharedClock())
	c.r.judge(t, ttl)
	c.r.table(t)
	if d > time.Minute && c.r.counted().control.lost == 0 {
		t.Error("the unfenced control lost no update: this run proves nothing about fencing")
	}
}

// chaos is what TestChaos draws from.
type chaos struct {
	t     *testing.T
	r     *referee
	crew  *crew
	names []string
	start config

	mu     sync.Mutex
	rng    *rand.Rand
	quiet  bool           // nobody is to be stopped any more
	aiming sync.WaitGroup // stops between check and write
}

func newChaos(t *testing.T) *chaos {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("-procs-seed %d", s)
	endpoint := dynamodblocal.Endpoint(t)
	_, table := newTable(t, endpoint)
	c := &chaos{t: t, r: newReferee(t), names: []string{"a", "b", "c", "d", "e", "f"}, rng: rand.New(rand.NewPCG(s, 0))}
	c.r.pause = c.aim
	c.crew = newCrew(t, c.r)
	c.start = config{Endpoint: endpoint, Table: table, Names: c.names, TTL: ttl, MaxWork: ttl, Delay: ttl / 5}
	for n := range chaosClocks {
		c.launch(n)
	}
	return c
}

// launch starts a worker.
func (c *chaos) launch(n int) {
	cfg := c.start
	cfg.Worker, cfg.Clock = n, chaosClocks[n]
	c.mu.Lock()
	cfg.Seed = c.rng.Uint64()
	c.mu.Unlock()
	c.crew.start(cfg)
}

// aim stops one worker in six just after it has checked its lease and before it
// writes: nothing but the token protects what it then overwrites.
func (c *chaos) aim(r report) {
	d := c.stoppage()
	stopped := make(chan bool, 1)
	c.mu.Lock()
	hit := !c.quiet && c.rng.IntN(6) == 0 && !c.crowded()
	if hit {
		c.aiming.Go(func() { c.crew.pause(r.Worker, d, stopped) })
	}
	c.mu.Unlock()
	if hit && <-stopped { // then the answer goes to a process that is stopped
		c.r.mu.Lock()
		c.r.figures.aimed++
		c.r.mu.Unlock()
	}
}

// crowded reports whether half of the workers are stopped.
func (c *chaos) crowded() bool { return c.crew.stopped() >= len(chaosClocks)/2 }

// calm ends the stops, and returns when all workers go on.
func (c *chaos) calm() {
	c.mu.Lock()
	c.quiet = true
	c.mu.Unlock()
	c.aiming.Wait()
}

// stoppage draws how long a worker is stopped.
func (c *chaos) stoppage() time.Duration { return c.between(ttl/5, 3*ttl) }

func (c *chaos) between(from, to time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return from + time.Duration(c.rng.Int64N(int64(to-from)))
}

func (c *chaos) intN(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
}
