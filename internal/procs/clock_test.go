//go:build unix

package procs

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"example.com/holdfast/locker"
)

// clockKind is how wrong a worker's wall clock is.
//
// The clock is shifted where the Locker reads it. The usual tool for it,
// faketime, does nothing for a Go program: it replaces the C library's functions
// by LD_PRELOAD, and Go's runtime asks the kernel itself (tried with
// libfaketime 0.9.10 and Go 1.26, with and without cgo: date showed the shifted
// time, time.Now the real one). A Linux time namespace shifts only the clocks
// that nobody compares between machines.
type clockKind string

const (
	rightClock  clockKind = ""
	aheadClock  clockKind = "an hour ahead"
	behindClock clockKind = "an hour behind"
	steppyClock clockKind = "steps by up to an hour every few seconds"
)

// newClock returns a worker's clock.
func newClock(kind clockKind, rng *rand.Rand) locker.Clock {
	c := &wrongClock{BootClock: locker.SystemClock().(locker.BootClock)}
	switch kind {
	case rightClock:
		return c.BootClock
	case aheadClock:
		c.by.Store(int64(time.Hour))
	case behindClock:
		c.by.Store(-int64(time.Hour))
	case steppyClock:
		go func() {
			for {
				time.Sleep(2*time.Second + time.Duration(rng.Int64N(int64(8*time.Second))))
				c.by.Store(rng.Int64N(int64(2*time.Hour)) - int64(time.Hour))
			}
		}()
	}
	return c
}

// wrongClock is a machine's clock with a wrong wall clock.
type wrongClock struct {
	locker.BootClock
	by atomic.Int64
}

// Now implements [locker.Clock].
func (c *wrongClock) Now() time.Time { return c.BootClock.Now().Add(time.Duration(c.by.Load())) }
