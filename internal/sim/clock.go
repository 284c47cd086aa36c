package sim

import (
	"time"

	"example.com/holdfast/locker"
)

// clocks are those of a node. Each shows what it showed at since, and what has
// passed from then on at its own rate. The world's mutex guards them.
type clocks struct {
	since time.Duration // of the world's time
	mono  time.Duration // stands still while the node is suspended
	boot  time.Duration
	wall  time.Duration // after the world's start

	rate     int64 // of mono and boot, in parts per million off
	wallRate int64
	asleep   bool
}

// at returns the clocks as they show now. What changes a rate or state starts
// from there.
func (c clocks) at(now time.Duration) clocks {
	d := now - c.since
	c.since = now
	if !c.asleep {
		c.mono += drifted(d, c.rate)
	}
	c.boot += drifted(d, c.rate)
	c.wall += drifted(d, c.wallRate)
	return c
}

func drifted(d time.Duration, ppm int64) time.Duration {
	return d + d*time.Duration(ppm)/1e6
}

// until returns how long, by the world's time, the monotonic clock takes to get
// to at, if nothing happens to it.
func (c clocks) until(at time.Duration) time.Duration {
	d := at - c.mono
	if d <= 0 {
		return 0
	}
	return max(drifted(d, -c.rate), time.Microsecond)
}

// processClock is the clock that a process sees: its node's. The clock of a dead
// process rushes, so that whatever it still waits for ends at once.
type processClock struct{ p *process }

var _ locker.BootClock = processClock{}

// rush is how far the clock of a dead process moves each time it is read.
const rush = time.Hour

// read returns the node's clocks, and what to add to them.
func (c processClock) read() (clocks, time.Duration) {
	w := c.p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.p.dead {
		c.p.rushed += rush
	}
	return c.p.node.clocks.at(w.now()), c.p.rushed
}

func (c processClock) Now() time.Time {
	cl, more := c.read()
	return c.p.world.start.Add(cl.wall + more).Round(0)
}

func (c processClock) Monotonic() time.Duration {
	cl, more := c.read()
	return cl.mono + more
}

func (c processClock) Boottime() time.Duration {
	cl, more := c.read()
	return cl.boot + more
}

func (c processClock) AfterFunc(d time.Duration, f func()) locker.Timer {
	t := &timer{p: c.p, f: f}
	t.Reset(d)
	return t
}

// timer runs by the monotonic clock of its node.
type timer struct {
	p *process
	f func()

	due time.Duration // on the monotonic clock
	e   *event        // nil or off when the timer is not running
}

func (t *timer) Stop() bool {
	w := t.p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cancelLocked(t.e)
}

func (t *timer) Reset(d time.Duration) bool {
	w := t.p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	active := w.cancelLocked(t.e)
	t.due = t.p.node.clocks.at(w.now()).mono + max(d, 0)
	t.planLocked()
	return active
}

// planLocked plans the moment at which the timer should fire.
func (t *timer) planLocked() {
	w := t.p.world
	d := t.p.node.clocks.at(w.now()).until(t.due)
	if t.p.dead {
		d = 0
	}
	t.e = w.reachLocked(t.p, d, t.fire)
}

// fire calls the function, unless the clock was stopped or slowed down meanwhile.
func (t *timer) fire() {
	w := t.p.world
	w.mu.Lock()
	if t.p.node.clocks.at(w.now()).mono < t.due && !t.p.dead {
		t.planLocked()
		w.mu.Unlock()
		return
	}
	w.mu.Unlock()
	t.f()
}
