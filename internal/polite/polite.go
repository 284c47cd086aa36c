// Package polite lets tests that keep all processors busy give way to those of
// other packages that measure time.
package polite

import (
	"fmt"
	"os"
	"testing"
)

// Main runs the tests at a low priority, where the system knows one, and returns
// the exit code for TestMain. Processes that the tests start inherit it.
func Main(m *testing.M) int {
	if err := giveWay(); err != nil {
		fmt.Fprintln(os.Stderr, "polite: the tests run at the usual priority:", err)
	}
	return m.Run()
}
