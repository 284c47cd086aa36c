package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fillIn writes tables into the documents, between a line with
// <!-- bench:SCENARIO --> and the next one with <!-- /bench -->. A scenario that
// was not measured yet leaves what is there.
func fillIn(root string, r *results) error {
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		return err
	}
	for _, path := range append(documents, filepath.Join(root, "README.md")) {
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text, err := filled(string(old), r)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if text == string(old) {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const (
	opening = "<!-- bench:"
	closing = "<!-- /bench -->"
)

// filled is the text with its tables.
func filled(text string, r *results) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, opening)
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, rest, ok := strings.Cut(rest, " -->\n")
		old, rest, closed := strings.Cut(rest, closing)
		if !ok || !closed {
			return "", fmt.Errorf("%s%s is not closed", opening, name)
		}
		if s := r.Sections[name]; s != nil {
			old = s.markdown()
		}
		fmt.Fprintf(&out, "%s%s -->\n%s%s", opening, name, old, closing)
		text = rest
	}
}

// markdown is a section as a document shows it.
func (s *section) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "```sh\n%s\n```\n\n", s.Command)
	fmt.Fprintf(&b, "%d cores, %s, %s, %s on the same machine.\n\n", s.Machine.Cores, s.Machine.System, s.Machine.Go, s.Machine.DynamoDB)
	if len(s.libraries()) > 1 && s.isComparison() {
		s.compare(&b)
	} else {
		s.list(&b)
	}
	return b.String()
}

func (s *section) list(b *strings.Builder) {
	fmt.Fprintf(b, "| | measured | target | |\n|---|---|---|---|\n")
	for _, f := range s.Figures {
		name := f.Name
		if f.Of != "" {
			name = f.Of + ": " + name
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, f.value(), f.target(), f.verdict())
	}
}

// libraries are those of a section, in the order in which they come.
func (s *section) libraries() []string {
	return distinct(s.Figures, func(f figure) string { return f.Of })
}

// isComparison reports whether the section has the same figures for many.
func (s *section) isComparison() bool {
	for _, f := range s.Figures {
		if f.hasTarget() {
			return false
		}
	}
	return true
}

// compare writes a column for each library.
func (s *section) compare(b *strings.Builder) {
	libraries := s.libraries()
	fmt.Fprintf(b, "| |")
	for _, of := range libraries {
		fmt.Fprintf(b, " %s |", nameOf(of))
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---|", len(libraries)))
	var notes []string
	for _, name := range distinct(s.Figures, func(f figure) string { return f.Name }) {
		row, any := "", false
		for _, of := range libraries {
			text := "–"
			for _, f := range s.Figures {
				if f.Of != of || f.Name != name {
					continue
				}
				if f.Absent == "" {
					text, any = f.value(), true
				} else {
					notes = append(notes, fmt.Sprintf("%s, %s: %s", nameOf(of), name, f.value()))
				}
			}
			row += " " + text + " |"
		}
		if any {
			fmt.Fprintf(b, "| %s |%s\n", name, row)
		}
	}
	if len(notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range notes {
		fmt.Fprintf(b, "- %s\n", strings.ReplaceAll(note, "|", "\\|"))
	}
}

// distinct are the different values of of, in the order in which they come.
func distinct(figures []figure, of func(figure) string) []string {
	var all []string
	seen := make(map[string]bool)
	for _, f := range figures {
		if v := of(f); !seen[v] {
			seen[v] = true
			all = append(all, v)
		}
	}
	return all
}
