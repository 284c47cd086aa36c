package linear

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// checkTimeout is how long porcupine may look for an order of one history. One
// that it can't judge in this time is a failure.
const checkTimeout = 30 * time.Second

// failure is a history that was not found to be linearizable.
type failure struct {
	result porcupine.CheckResult
	info   porcupine.LinearizationInfo
	ops    int
}

// verify returns nil if there is an order of the operations that a lock could
// have had.
func verify(ops []porcupine.Operation, timeout time.Duration) *failure {
	result, info := porcupine.CheckOperationsVerbose(model(), ops, timeout)
	if result == porcupine.Ok {
		return nil
	}
	return &failure{result, info, len(ops)}
}

// report draws the picture and returns the error to fail with.
func (f *failure) report(t *testing.T, seed uint64) error {
	path := filepath.Join(artifacts(t), fmt.Sprintf("history-%d.html", seed))
	if _, err := f.draw(path); err != nil {
		return fmt.Errorf("not linearizable (%s); no picture: %w", f.result, err)
	}
	return fmt.Errorf("%d operations are not linearizable (%s): see %s", f.ops, f.result, path)
}

// draw writes porcupine's picture and returns its size.
func (f *failure) draw(path string) (int64, error) {
	if err := porcupine.VisualizePath(model(), f.info, path); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// artifacts returns a directory that outlives the test: without -artifacts, that
// of package testing does not.
func artifacts(t *testing.T) string {
	if keep := flag.Lookup("test.artifacts"); keep != nil && keep.Value.String() == "true" {
		return t.ArtifactDir()
	}
	return os.TempDir()
}

// figures count what happened in all histories.
type figures struct {
	seed  uint64
	start time.Time

	mu      sync.Mutex
	counts  map[string]int
	longest time.Duration // that porcupine took for one history
}

func (f *figures) count(what string) { f.add(what, 1) }

func (f *figures) add(what string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = make(map[string]int)
	}
	f.counts[what] += n
}

func (f *figures) counted(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[what]
}

// judged counts a history of so many operations, and the time it took to judge.
func (f *figures) judged(operations int, took time.Duration) {
	f.add("histories", 1)
	f.add("operations", operations)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.longest = max(f.longest, took)
}

// String is a table.
func (f *figures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "in %v, from seed %d, at most %v to judge a history:\n",
		time.Since(f.start).Round(time.Second), f.seed, f.longest.Round(time.Millisecond))
	for _, what := range slices.Sorted(maps.Keys(f.counts)) {
		fmt.Fprintf(&b, "%8d  %s\n", f.counts[what], what)
	}
	return b.String()
}
