package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBackendMistakes checks the table of mistakes in backends.md: every row names
// cases, and every case is one of package locktest.
func TestBackendMistakes(t *testing.T) {
	text, err := os.ReadFile("backends.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| mistake |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) < 15 {
		t.Fatalf("%d rows, want the table of mistakes", len(rows))
	}
	known := casesOf(t)
	name := regexp.MustCompile("`(\\w+)`")
	for _, row := range rows[2:] { // after the header
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		names := name.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 3 || len(names) == 0 {
			t.Errorf("a row without a case: %s", row)
		}
		for _, n := range names {
			if !known[n[1]] {
				t.Errorf("locktest has no case %s: %s", n[1], row)
			}
		}
	}
}

// casesOf returns the names of the cases of package locktest.
func casesOf(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../locktest/cases_*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	known := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^\t\t\{"(\w+)", "`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			known[m[1]] = true
		}
	}
	return known
}
