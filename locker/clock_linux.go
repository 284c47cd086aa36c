package locker

import (
	"syscall"
	"time"
	"unsafe"
)

// Numbers of Linux's clocks; clock_gettime(2).
const (
	clockMonotonic = 1
	clockBoottime  = 7
)

// suspended reads by how much CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC: both by
// system calls, since in a bubble package time shows another clock. A
// thread that loses its processor between the reads only widens the bounds; the
// narrowest of a few looks is kept.
func suspended() suspension {
	var best suspension
	for i := range 4 {
		before, ok1 := readClock(clockMonotonic)
		boot, ok2 := readClock(clockBoottime)
		after, ok3 := readClock(clockMonotonic)
		if !ok1 || !ok2 || !ok3 {
			return suspension{}
		}
		s := suspension{atLeast: boot - after, atMost: boot - before}
		if i == 0 || s.atMost-s.atLeast < best.atMost-best.atLeast {
			best = s
		}
		if best.atMost-best.atLeast < 50*time.Microsecond {
			break
		}
	}
	return best
}

// readClock is clock_gettime(2), which package syscall has no function for. It
// fails only on a kernel without that clock.
func readClock(id uintptr) (time.Duration, bool) {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano()), errno == 0
}
