// Package moment reads every clock that a timing rule may depend on at one
// point, and says how much time has passed between two such readings.
//
// The arithmetic is pure: a rule takes readings as arguments and never asks a
// clock itself. Package locker explains why a holder and a contender have to
// count differently.
package moment

import "time"

// Clock is the part of a clock that a [Reader] needs.
type Clock interface{ Now() time.Time }

// bootClock is what a clock may implement besides Now; see locker.BootClock.
type bootClock interface {
	Monotonic() time.Duration
	Boottime() time.Duration
}

// Reader reads a clock. Create it with [NewReader].
type Reader struct {
	clock Clock
	boot  bootClock
	base  time.Time
}

// NewReader returns a Reader of c. Without the optional methods Monotonic and
// Boottime on c, the differences of c.Now stand for both.
func NewReader(c Clock) Reader {
	boot, _ := c.(bootClock)
	return Reader{clock: c, boot: boot, base: c.Now()}
}

// Read returns what the clocks show now.
func (r Reader) Read() Reading {
	now := r.clock.Now()
	if r.boot != nil {
		return Reading{Wall: now.Round(0), Mono: r.boot.Monotonic(), Boot: r.boot.Boottime()}
	}
	mono := now.Sub(r.base)
	return Reading{Wall: now.Round(0), Mono: mono, Boot: mono}
}

// Mono returns what the monotonic clock of a [Reading] taken now would show.
func (r Reader) Mono() time.Duration {
	if r.boot != nil {
		return r.boot.Monotonic()
	}
	return r.clock.Now().Sub(r.base)
}

// Reading is one look at the clocks of a machine. Readings of different
// machines or [Reader]s can't be compared.
type Reading struct {
	Wall time.Time     // the time of day; it may step
	Mono time.Duration // never steps, stands still while the machine is suspended
	Boot time.Duration // never steps, runs on while the machine is suspended
}

// Mono returns how long the machine was awake between two readings: the
// elapsed time of one who must not act too early. No step of a wall clock and
// no suspension shortens what he has to wait.
func Mono(from, to Reading) time.Duration { return to.Mono - from.Mono }

// Held returns the longest time that may have passed between two readings: the
// elapsed time of one who must not believe for too long. A wall clock that was
// set forward ends a belief early, which is safe; one that was set back
// changes nothing.
func Held(from, to Reading) time.Duration {
	return max(to.Boot-from.Boot, to.Mono-from.Mono, to.Wall.Sub(from.Wall))
}
