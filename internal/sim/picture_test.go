package sim

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// draw writes the picture of a history that failed, beside its timeline.
func draw(t *testing.T, o Options, r Result) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("holdfast-history-%d.html", o.Seed))
	var page bytes.Buffer
	if err := r.Picture(&page); err != nil {
		t.Error(err)
		return
	}
	if err := os.WriteFile(path, page.Bytes(), 0o600); err != nil {
		t.Error(err)
		return
	}
	fmt.Fprintf(os.Stderr, "\npicture: %s\n", path)
}

// The picture of a history that fails shows holders, and what went wrong.
func TestPicture(t *testing.T) {
	for seed := range uint64(10) {
		r := runSeed(t, Options{Seed: seed + 1, Amnesia: true})
		if len(r.Violations) == 0 {
			continue
		}
		var page bytes.Buffer
		if err := r.Picture(&page); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`class="held`, `class="mark bad all" d="M`, `class="mark all" d="M`, "VIOLATION", "a promise was broken", "the store loses everything"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("seed %d: the picture has no %s", seed+1, want)
			}
		}
		return
	}
	t.Error("no history failed on a store that loses its items")
}
