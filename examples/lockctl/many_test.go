package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var runs = flag.Int("runs", 1000, "runs of lockctl in TestMany")

// Many runs, several at once, leave nothing held, and keep those out who come
// meanwhile: what each counts under its lock is not lost.
func TestMany(t *testing.T) {
	s := ready(t)
	const names, atOnce = 4, 2 // on each name
	dir := t.TempDir()
	count := func(name string) string { return filepath.Join(dir, name) }
	var all sync.WaitGroup
	for i := range names * atOnce {
		name := fmt.Sprintf("job%d", i%names)
		all.Go(func() {
			for range *runs / (names * atOnce) {
				cmd := s.command("run", name, "-q", "--", "sh", "-c", `read n <"$1"; echo $((n + 1)) >"$1"`, "sh", count(name))
				if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
					t.Errorf("%s: %v\n%s", name, err, out)
					return
				}
			}
		})
		if err := os.WriteFile(count(name), []byte("0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	total := 0
	for i := range names {
		var n int
		text, err := os.ReadFile(count(fmt.Sprintf("job%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(strings.TrimSpace(string(text)), &n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if want := *runs / (names * atOnce) * names * atOnce; total != want {
		t.Errorf("%d runs counted %d", want, total)
	}
	s.wantFree()
}
