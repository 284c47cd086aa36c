//go:build !linux

package locker

import "time"

// Nothing is known of suspensions here: package time's monotonic clock and the wall
// clock, which runs on, have to do.

func suspendedAtLeast() time.Duration { return 0 }
func suspendedAtMost() time.Duration  { return 0 }
