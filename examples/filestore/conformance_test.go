//go:build unix && !aix && !solaris

package filestore

import (
	"runtime"
	"testing"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/locktest"
)

// TestConformance runs the suite that every backend has to pass, in real time.
func TestConformance(t *testing.T) {
	t.Parallel()
	locktest.Run(t, suite(machineClock))
}

// TestConformanceWithoutClock runs it where no clock tells when a lease ends, as on
// macOS: rule A alone decides.
func TestConformanceWithoutClock(t *testing.T) {
	t.Parallel()
	b := suite(func() instant { return instant{} })
	b.Skip = map[string]string{"InfoEnded": "nothing tells how long a lease remains"}
	locktest.Run(t, b)
}

// suite describes the backend to package locktest. Each case has a directory.
func suite(clock func() instant) locktest.Backend {
	b := locktest.Backend{
		Open: func(tb testing.TB) locktest.Store {
			dir := tb.TempDir()
			return locktest.Store{
				Connect: func() locker.Backend { return &backend{dir: dir, clock: clock} },
				Client: func(o *locker.ClientOptions) {
					o.Fencing = true
					o.MinTTL = MinTTL
				},
			}
		},
		TTL:      3 * time.Second,
		Parallel: 32, // so many cases want the disk at once
	}
	if runtime.GOOS != "linux" {
		b.Skip = map[string]string{"InfoEnded": "nothing tells how long a lease remains"}
	}
	return b
}
