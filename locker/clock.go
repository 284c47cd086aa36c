package locker

import "time"

// Clock is the time that a Locker lives by. The default is [SystemClock];
// memory.Clock is one that a test moves by hand.
//
// A Clock is safe for use by several goroutines at once. AfterFunc calls f once
// d has passed, not before AfterFunc has returned, in a goroutine of the Clock's
// choosing; the Locker makes sure that f does not block.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a pending call of [Clock].AfterFunc. It is satisfied by *time.Timer,
// whose documentation holds for the two methods.
type Timer interface {
	Stop() bool
	Reset(d time.Duration) bool
}

// BootClock is a [Clock] that also tells time that never steps. Without these
// methods the differences of Now, by its monotonic reading where it has one,
// stand for both.
//
// Monotonic stands still while the machine is suspended, Boottime runs on. Both
// count from an arbitrary moment.
type BootClock interface {
	Clock
	Monotonic() time.Duration
	Boottime() time.Duration
}

// SystemClock returns a clock that shows package time's time, and, on Linux,
// how long the machine was suspended. Created inside of a testing/synctest
// bubble it shows the bubble's time.
func SystemClock() Clock {
	return &systemClock{start: time.Now(), suspended: suspendedAtMost()}
}

type systemClock struct {
	start     time.Time
	suspended time.Duration // before start, at most
}

func (*systemClock) Now() time.Time { return time.Now() }

func (*systemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

func (c *systemClock) Monotonic() time.Duration { return time.Since(c.start) }

// Boottime adds to the monotonic clock what was certainly spent suspended since the
// start, so that the noise of reading two clocks one after the other never shows as
// a suspension. It is what the boot clock shows at some moment of the call: whatever
// the goroutine loses between the reads is in the monotonic clock, which is read last.
func (c *systemClock) Boottime() time.Duration {
	gained := suspendedAtLeast() - c.suspended
	return max(gained, 0) + c.Monotonic()
}
