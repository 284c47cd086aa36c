package procs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// sharedClock is the monotonic clock, which is the same for all processes of a
// machine; clock_gettime(2).
func sharedClock() int64 {
	const clockMonotonic = 1
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		panic(errno)
	}
	return ts.Nano()
}

// dieWithParent has a worker killed when the thread that started it ends.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// awaitStopped returns when every thread of a process has stopped: SIGSTOP takes
// effect some time after kill(2).
func awaitStopped(pid int) error {
	for range 500 {
		stopped, err := allStopped(pid)
		if stopped || err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("process %d does not stop", pid)
}

func allStopped(pid int) (bool, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(files) == 0 {
		return false, fmt.Errorf("process %d is gone", pid)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return false, nil // a thread that has just ended
		}
		_, rest, _ := strings.Cut(string(b), ") ") // proc(5): pid (comm) state
		if !strings.HasPrefix(rest, "T") {
			return false, nil
		}
	}
	return true, nil
}
