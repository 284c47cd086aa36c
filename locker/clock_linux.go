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

// CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC by what the machine was suspended since
// it was booted. Both are read by system calls, since in a bubble package time shows
// another clock.

// suspendedAtLeast returns a lower bound of that: the later the monotonic clock is
// read the lower it is.
func suspendedAtLeast() time.Duration {
	boot, ok1 := readClock(clockBoottime)
	after, ok2 := readClock(clockMonotonic)
	if !ok1 || !ok2 {
		return 0
	}
	return boot - after
}

// suspendedAtMost returns an upper bound. A thread that loses its processor between
// the reads only raises it; the lowest of a few is kept, since it is subtracted from
// whatever suspendedAtLeast returns later.
func suspendedAtMost() time.Duration {
	lowest := time.Duration(0)
	for i := range 4 {
		before, ok1 := readClock(clockMonotonic)
		boot, ok2 := readClock(clockBoottime)
		if !ok1 || !ok2 {
			return 0
		}
		if d := boot - before; i == 0 || d < lowest {
			lowest = d
		}
	}
	return lowest
}

// readClock is clock_gettime(2), which package syscall has no function for. It
// fails only on a kernel without that clock.
func readClock(id uintptr) (time.Duration, bool) {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano()), errno == 0
}
