//go:build unix && !linux

package procs

import (
	"syscall"
	"time"
)

// sharedClock is the wall clock: nothing better is the same for all processes
// everywhere.
func sharedClock() int64 { return time.Now().UnixNano() }

// dieWithParent does nothing: a worker ends itself when the referee is gone.
func dieWithParent(*syscall.SysProcAttr) {}

// awaitStopped gives SIGSTOP the time to take effect.
func awaitStopped(int) error {
	time.Sleep(100 * time.Millisecond)
	return nil
}
