package planted

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Bug is one change of the source.
type Bug struct {
	Name  string
	Edits []Edit
	Test  []string // what catches it: arguments of go test
}

// An Edit replaces a text that occurs once in a file.
type Edit struct {
	File     string // from the module's root
	Old, New string
}

// overlay writes the changed files and the file for the -overlay flag to dir, and
// returns the latter's name.
func (b *Bug) overlay(root, dir string) (string, error) {
	replace := make(map[string]string)
	for _, e := range b.Edits {
		path := filepath.Join(root, e.File)
		from, ok := replace[path]
		if !ok {
			from = path
		}
		source, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if n := strings.Count(string(source), e.Old); n != 1 {
			return "", fmt.Errorf("%s: %q occurs %d times, want once: the bug no longer applies", e.File, e.Old, n)
		}
		to := filepath.Join(dir, strings.ReplaceAll(e.File, "/", "_"))
		if err := os.WriteFile(to, []byte(strings.Replace(string(source), e.Old, e.New, 1)), 0o644); err != nil {
			return "", err
		}
		replace[path] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o644)
}
