package filestore

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machineClock reads CLOCK_BOOTTIME. In a time namespace that clock is another one;
// see time_namespaces(7).
func machineClock() instant {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return instant{}
	}
	namespace, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		namespace = "" // a kernel without them
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return instant{}
	}
	return instant{strings.TrimSpace(string(boot)) + namespace, time.Duration(ts.Nano())}
}
