package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// link is a link or an image of Markdown: [text](target)
var link = regexp.MustCompile(`\]\(([^()\s]+)\)`)

// TestLinks checks README.md and the documents: a link within the repository leads to
// a file or directory that is there, and to a heading that the file has; and a list of
// contents at the top of a document has every section that follows.
func TestLinks(t *testing.T) {
	documents, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, path := range append(documents, filepath.Join("..", "README.md")) {
		text := prose(t, path)
		own := make(map[string]bool)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
			} else {
				own[anchor] = true
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link to %s leads nowhere: %v", path, m[1], err)
			} else if _, ok := anchors(prose(t, target))[anchor]; anchor != "" && !ok {
				t.Errorf("%s: %s has no heading for the link to %s", path, target, m[1])
			}
		}
		contents, rest, _ := strings.Cut(text, "\n## ")
		if !strings.Contains(contents, "\n- [") || !strings.Contains(contents, "](#") {
			continue
		}
		for anchor, section := range anchors("## " + rest) {
			if section && !own[anchor] {
				t.Errorf("%s: the list of contents leaves out #%s", path, anchor)
			}
		}
	}
	if links < 50 {
		t.Errorf("found %d links, want those of the documents", links)
	}
}

// prose returns a document without its blocks of code.
func prose(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	code := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		} else if !code {
			b.WriteString(line)
		}
	}
	return b.String()
}

// dropped is what a heading's anchor leaves out.
var dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchors returns those of the headings, as GitHub makes them; true for sections.
func anchors(text string) map[string]bool {
	found := make(map[string]bool)
	for line := range strings.Lines(text) {
		level, heading, ok := strings.Cut(line, " ")
		if ok && level != "" && strings.Trim(level, "#") == "" {
			heading = dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			found[strings.ReplaceAll(heading, " ", "-")] = level == "##"
		}
	}
	return found
}
