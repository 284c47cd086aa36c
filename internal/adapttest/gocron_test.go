package adapttest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
)

// midnight is when the schedulers' clocks start.
var midnight = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// cluster is some schedulers with one job, each with a clock of its own, and what
// they did.
type cluster struct {
	t          *testing.T
	name       string // of the job
	schedulers []gocron.Scheduler
	clocks     []*clockwork.FakeClock

	ran     chan string // who runs the job: it goes on until finish
	refused chan error  // why somebody does not
	finish  chan struct{}
	end     func() // closes finish
}

// newCluster starts n schedulers whose job is due every minute, with options(i).
func newCluster(t *testing.T, n int, options func(i int) []gocron.SchedulerOption) *cluster {
	t.Helper()
	c := &cluster{
		t: t, name: lockName(t),
		ran: make(chan string, n), refused: make(chan error, n), finish: make(chan struct{}),
	}
	c.end = sync.OnceFunc(func() { close(c.finish) })
	for i := range n {
		clock := clockwork.NewFakeClockAt(midnight)
		s, err := gocron.NewScheduler(append(options(i), gocron.WithClock(clock), gocron.WithLocation(time.UTC))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Shutdown() })
		_, err = s.NewJob(
			gocron.DurationJob(time.Minute),
			gocron.NewTask(func() { c.ran <- fmt.Sprint(i); <-c.finish }),
			gocron.WithName(c.name),
			gocron.WithStartAt(gocron.WithStartDateTime(midnight.Add(time.Minute))),
			gocron.WithEventListeners(gocron.AfterLockError(func(_ uuid.UUID, _ string, err error) { c.refused <- err })),
		)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		c.schedulers, c.clocks = append(c.schedulers, s), append(c.clocks, clock)
	}
	t.Cleanup(c.end) // or a test that fails would wait for its jobs
	return c
}

// tick makes the job due on scheduler i.
func (c *cluster) tick(i int) {
	c.t.Helper()
	if err := c.clocks[i].BlockUntilContext(c.t.Context(), 1); err != nil {
		c.t.Fatal(err)
	}
	c.clocks[i].Advance(time.Minute)
}

// outcome waits until a scheduler runs the job, or until the lock is refused to it.
func (c *cluster) outcome() (who string, refused error) {
	c.t.Helper()
	select {
	case who = <-c.ran:
	case refused = <-c.refused:
	case <-time.After(time.Minute):
		c.t.Fatal("no scheduler does anything")
	}
	return who, refused
}

func (c *cluster) wantRun() {
	c.t.Helper()
	if _, err := c.outcome(); err != nil {
		c.t.Fatalf("the lock is refused: %v, want the job to run", err)
	}
}

func (c *cluster) wantRefused() {
	c.t.Helper()
	if who, err := c.outcome(); !errors.Is(err, locker.ErrHeld) {
		c.t.Errorf("scheduler %q runs the job, error %v; want it refused, %v", who, err, locker.ErrHeld)
	}
}

// shutdown stops all schedulers.
func (c *cluster) shutdown() {
	c.t.Helper()
	for _, s := range c.schedulers {
		if err := s.Shutdown(); err != nil {
			c.t.Errorf("Shutdown = %v, want nil", err)
		}
	}
}

// keyed makes gocron's options of a Locker.
func keyed(l locker.Locker, opts ...locker.Option) []gocron.SchedulerOption {
	return []gocron.SchedulerOption{gocron.WithDistributedLocker(adapt.Keyed[gocron.Lock]{Locker: l, Options: opts})}
}

// Three schedulers run each tick once, and hold nothing when they are shut down.
func TestGocron(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		const ticks, schedulers = 20, 3
		p := open()
		c := newCluster(t, schedulers, func(int) []gocron.SchedulerOption { return keyed(open()) })
		runs := make(map[string]int)
		for n := range ticks {
			for i := range schedulers {
				c.tick(i)
			}
			ran := 0
			for range schedulers { // the job goes on meanwhile
				switch who, err := c.outcome(); {
				case err == nil:
					ran++
					runs[who]++
				case !errors.Is(err, locker.ErrHeld):
					t.Errorf("tick %d: %v, want %v", n, err, locker.ErrHeld)
				}
			}
			if ran != 1 {
				t.Fatalf("tick %d ran on %d schedulers, want one", n, ran)
			}
			if n == ticks-1 {
				break // shut down in the middle of the job
			}
			c.finish <- struct{}{}
			await(t, "the lock is released", func() bool {
				info, err := p.Inspect(t.Context(), c.name)
				return err == nil && info.State == locker.StateFree
			})
		}
		c.end()
		c.shutdown()
		wantFree(t, p, c.name)
		t.Logf("runs by scheduler: %v", runs)
	})
}

// A scheduler whose clock is late does not run again what is done already, thanks to
// the minimum hold (gocron's issue 841).
func TestGocronLate(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		hold := []locker.Option{locker.WithTTL(time.Hour), locker.WithMinHold(time.Hour)}
		c := newCluster(t, 3, func(int) []gocron.SchedulerOption { return keyed(open(), hold...) })
		c.end()
		c.tick(0)
		c.wantRun()
		c.tick(1)
		c.wantRefused()
		c.tick(2)
		c.wantRefused()
		c.shutdown()
	})
}

// Without one it does.
func TestGocronLateWithoutMinHold(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		p := open()
		c := newCluster(t, 2, func(int) []gocron.SchedulerOption { return keyed(open()) })
		c.end()
		for i := range 2 {
			c.tick(i)
			c.wantRun()
			await(t, "the lock is released", func() bool {
				info, err := p.Inspect(t.Context(), c.name)
				return err == nil && info.State == locker.StateFree
			})
		}
		c.shutdown()
		wantFree(t, p, c.name)
	})
}
