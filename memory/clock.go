package memory

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// Clock is a [locker.Clock] that stands still until [Clock.Advance] moves it, so
// that a test decides when a lease is renewed and when it ends. Create it with
// [NewClock]. Its methods are safe for use by several goroutines at once.
type Clock struct {
	mu        sync.Mutex
	idle      sync.Cond // signalled when advancing becomes false
	advancing bool      // an Advance runs
	now       time.Time
	pending   []*timer // ordered by compareTimers
	lastSeq   uint64
	blocked   []*blocked
}

// timer is a pending or past call of AfterFunc. Its fields are guarded by
// Clock.mu, apart from clock and f, which never change.
type timer struct {
	clock *Clock
	f     func()
	at    time.Time
	seq   uint64 // orders the timers of one instant: the one set first runs first
}

// blocked is a call of BlockUntil. Its channel is closed once n timers pend.
type blocked struct {
	n       int
	reached chan struct{}
}

// NewClock returns a Clock that shows start.
func NewClock(start time.Time) *Clock {
	c := &Clock{now: start.Round(0)} // without the monotonic reading, so that times compare with ==
	c.idle.L = &c.mu
	return c
}

// Now returns the time that c shows. Inside of a callback that is the instant
// at which the callback is due. It does not block.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc arranges that f is called once, when c has been moved by d, in the
// goroutine that calls [Clock.Advance]. It does not block.
//
// A d of zero or less is due already. While an Advance runs, it calls f too
// before it returns. Otherwise f is called at once in a goroutine of its own,
// as with [time.AfterFunc], because whoever waits for it may be the one who
// would have to call Advance; such a timer never counts as pending.
//
// f may use c but must not call Advance. It should not block: Advance waits
// for it.
func (c *Clock) AfterFunc(d time.Duration, f func()) locker.Timer {
	t := &timer{clock: c, f: f}
	t.Reset(d)
	return t
}

// Reset arranges that the call happens once c has been moved by d from now on,
// as [Clock.AfterFunc] does, and reports whether it was pending until then.
func (t *timer) Reset(d time.Duration) bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.removeLocked(t)
	if d <= 0 && !c.advancing {
		go t.f()
		return was
	}
	t.at = c.now.Add(max(d, 0))
	c.lastSeq++
	t.seq = c.lastSeq
	i, _ := slices.BinarySearchFunc(c.pending, t, compareTimers)
	c.pending = slices.Insert(c.pending, i, t)
	c.releaseLocked()
	return was
}

// Stop prevents the call and reports whether it was pending. It does not wait
// for a call that has begun.
func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.clock.removeLocked(t)
}

// removeLocked takes t out of the pending timers and reports whether it was one.
func (c *Clock) removeLocked(t *timer) bool {
	i, found := slices.BinarySearchFunc(c.pending, t, compareTimers)
	if found {
		c.pending = slices.Delete(c.pending, i, i+1)
	}
	return found
}

// Advance moves c by d. Before it returns it runs every callback that is due by
// then, those too that callbacks add meanwhile, one after the other in the
// calling goroutine: in the order of their times, those of one time in the
// order in which they were set, each with [Clock.Now] showing its own time.
// Advance(0) runs what is due now.
//
// Goroutines that a callback wakes go on by themselves: Advance does not wait
// for them. A test that has to know that they sleep again uses
// [Clock.BlockUntil]; inside of a testing/synctest bubble, synctest.Wait.
//
// Calls from several goroutines take turns. A call from inside of a callback
// would wait for itself and panics instead, as does a negative d: time does not
// run backwards. A callback that panics ends Advance where it is.
func (c *Clock) Advance(d time.Duration) {
	if d < 0 {
		panic("memory: Clock.Advance by " + d.String() + ": time does not run backwards")
	}
	c.mu.Lock()
	if c.advancing && nested() {
		c.mu.Unlock()
		panic("memory: Clock.Advance was called from inside of a timer's callback")
	}
	for c.advancing {
		c.idle.Wait()
	}
	c.advancing = true
	end := c.now.Add(d)
	// The mutex is held here whether a callback returned, panicked or ended the
	// goroutine: see run.
	defer func() {
		c.advancing = false
		c.idle.Signal()
		c.mu.Unlock()
	}()
	for len(c.pending) > 0 && !c.pending[0].at.After(end) {
		t := c.pending[0]
		c.removeLocked(t)
		c.now = t.at
		c.run(t)
	}
	c.now = end
}

// run calls t's callback without the mutex, which the caller holds before and
// after.
func (c *Clock) run(t *timer) {
	c.mu.Unlock()
	defer c.mu.Lock()
	t.f()
}

// BlockUntil blocks until at least n timers are pending. It has no time limit
// of its own: the test's ends it.
//
// It tells when goroutines that the test has started, or woken by
// [Clock.Advance], have come to the point where only time can help them: count
// from [Clock.Pending] before they were started. How many timers they set is up
// to the code under test: a call of Acquire that waits for a lock held by another
// process has one, and so has each [Locker] that holds a lease; a call without a
// limit that waits for another of the same Locker has none. Where that matters, a
// testing/synctest bubble with synctest.Wait tells more.
func (c *Clock) BlockUntil(n int) {
	c.mu.Lock()
	b := &blocked{n: n, reached: make(chan struct{})}
	c.blocked = append(c.blocked, b)
	c.releaseLocked()
	c.mu.Unlock()
	<-b.reached
}

// Pending returns how many timers are set and not due yet. It does not block.
func (c *Clock) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pending)
}

// releaseLocked lets the calls of BlockUntil go that have what they wait for.
func (c *Clock) releaseLocked() {
	c.blocked = slices.DeleteFunc(c.blocked, func(b *blocked) bool {
		enough := len(c.pending) >= b.n
		if enough {
			close(b.reached)
		}
		return enough
	})
}

// compareTimers orders timers by when they are due.
func compareTimers(a, b *timer) int {
	if order := a.at.Compare(b.at); order != 0 {
		return order
	}
	switch {
	case a.seq < b.seq:
		return -1
	case a.seq > b.seq:
		return 1
	}
	return 0
}

// nested reports whether the function that calls it is on the stack of this
// goroutine twice.
func nested() bool {
	const deepest = 1 << 10
	pcs := make([]uintptr, deepest)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	caller, more := frames.Next()
	for more {
		var frame runtime.Frame
		if frame, more = frames.Next(); frame.Function == caller.Function {
			return true
		}
	}
	return false
}
