//go:build !race

package planted

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/internal/polite"
)

// inHistory is how the simulator tells of its first violation, failed how go test
// tells of a test.
var (
	inHistory = regexp.MustCompile(`violations? in history (\d+)`)
	failed    = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
)

func TestMain(m *testing.M) { os.Exit(polite.Main(m)) }

// TestBugs plants each bug and wants it caught: by a test that fails, not by source
// that does not compile or a test that does not run.
func TestBugs(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	t.Cleanup(func() { fmt.Printf("planted bugs: bug, caught by, time\n%s", &table) })
	for _, b := range slices.Concat(bugs(), breakBugs(), handOverBugs(), sessionBugs()) {
		t.Run(b.Name, func(t *testing.T) {
			overlay, err := b.overlay(root, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-timeout=0", "-overlay", overlay}, b.Test...)...)
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			how := ""
			if m := inHistory.FindSubmatch(out); m != nil {
				how = "simulator, history " + string(m[1])
			} else if m := failed.FindSubmatch(out); m != nil {
				how = string(m[1])
			}
			if err == nil || how == "" {
				t.Fatalf("go test %s: %v, want a test that fails; it printed:\n%s", strings.Join(b.Test, " "), err, out)
			}
			fmt.Fprintf(&table, "  %-62s %-36s %3.0f s\n", b.Name, how, time.Since(begin).Seconds())
		})
	}
}

// TestOverlayNoLongerApplies shows that a change whose text is gone, or is there
// twice, is an error.
func TestOverlayNoLongerApplies(t *testing.T) {
	for _, old := range []string{"no such text", "e"} {
		b := Bug{Name: "none", Edits: []Edit{{"doc.go", old, ""}}}
		if _, err := b.overlay(".", t.TempDir()); err == nil {
			t.Errorf("overlay of %q = nil, want an error", old)
		}
	}
}
