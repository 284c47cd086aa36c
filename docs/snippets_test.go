// Package docs holds what the documents of this repository show as Go code, and
// checks that they show nothing else.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every block of Go in README.md and docs/*.md is, line by line, part of a Go file
// of this repository, where it is compiled and, in most cases, run as a test. The
// indentation of the whole block may differ.
func TestSnippets(t *testing.T) {
	documents, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	source := goSource(t)
	total := 0
	for _, path := range append(documents, "../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range blocks(string(text)) {
			total++
			if !block.in(source) {
				t.Errorf("%s:%d: this block is not in any Go file:\n%s", path, block.line, block.text)
			}
		}
	}
	if total < 5 {
		t.Errorf("found %d blocks of Go, want at least 5", total)
	}
}

// block is a fenced block of Go in a document.
type block struct {
	line int // of its fence
	text string
}

func blocks(document string) []block {
	var all []block
	open := false
	n := 0
	for line := range strings.Lines(document) {
		n++
		switch {
		case strings.TrimSpace(line) == "```go":
			open = true
			all = append(all, block{line: n})
		case strings.HasPrefix(line, "```"):
			open = false
		case open:
			all[len(all)-1].text += line
		}
	}
	return all
}

// in reports whether the block is part of source, indented by 0 to 4 tabs.
func (b block) in(source string) bool {
	lines := strings.SplitAfter(b.text, "\n")
	for range 5 {
		if strings.Contains(source, "\n"+strings.Join(lines, "")) {
			return true
		}
		for i, line := range lines {
			if strings.TrimSpace(line) != "" {
				lines[i] = "\t" + line
			}
		}
	}
	return false
}

// goSource returns all Go files of the repository, one after the other.
func goSource(t *testing.T) string {
	var all strings.Builder
	eachGoFile(t, func(path string) error {
		text, err := os.ReadFile(path)
		all.WriteString("\n")
		all.Write(text)
		return err
	})
	return all.String()
}

// eachGoFile calls f with the path of each Go file of the repository.
func eachGoFile(t *testing.T, f func(path string) error) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..":
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		return f(path)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBlocks(t *testing.T) {
	const document = "text\n```go\nif x {\n\ty()\n}\n\nz()\n```\n```sh\nno go\n```\n"
	got := blocks(document)
	if len(got) != 1 || got[0] != (block{2, "if x {\n\ty()\n}\n\nz()\n"}) {
		t.Fatalf("blocks = %+v, want one", got)
	}
	for source, want := range map[string]bool{
		"\nif x {\n\ty()\n}\n\nz()\n":                      true,
		"func f() {\n\tif x {\n\t\ty()\n\t}\n\n\tz()\n}\n": true,
		"\nif x {\n\ty(1)\n}\n\nz()\n":                     false,
		"\nif x {\ny()\n}\n\nz()\n":                        false,
	} {
		if got[0].in(source) != want {
			t.Errorf("in %q = %v, want %v", source, !want, want)
		}
	}
}
