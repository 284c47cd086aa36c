package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"text/tabwriter"
)

// results are those of all scenarios, as kept in a file: tables and plots are
// drawn from it.
type results struct {
	Machine  machine             `json:"machine"`
	Sections map[string]*section `json:"sections"` // by scenario
}

// machine is what was measured on.
type machine struct {
	Cores    int    `json:"cores"`
	System   string `json:"system"` // such as linux/amd64
	Go       string `json:"go"`
	DynamoDB string `json:"dynamodb"`
}

// section has what one scenario found.
type section struct {
	Command string           `json:"command"`
	Machine machine          `json:"machine"` // on which this scenario ran
	Figures []figure         `json:"figures"`
	Series  map[string]curve `json:"series,omitempty"`
}

// figure is one value, and what it should be.
type figure struct {
	Of     string  `json:"of,omitempty"` // the library; empty: this one
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"`
	Most   float64 `json:"most,omitempty"`   // target: at most this
	Least  float64 `json:"least,omitempty"`  // target: at least this
	None   bool    `json:"none,omitempty"`   // target: zero
	Absent string  `json:"absent,omitempty"` // why it was not measured
}

// curve is a series of points.
type curve struct {
	X []float64 `json:"x"`
	Y []float64 `json:"y,omitempty"`
}

// hasTarget and holds: a value that is no number holds nothing.
func (f figure) hasTarget() bool { return f.Most != 0 || f.Least != 0 || f.None }

func (f figure) holds() bool {
	switch {
	case f.Absent != "" || math.IsNaN(f.Value):
		return false
	case f.None:
		return f.Value == 0
	case f.Most != 0 && f.Value > f.Most, f.Least != 0 && f.Value < f.Least:
		return false
	}
	return true
}

func (f figure) value() string {
	if f.Absent != "" {
		return "not measured: " + f.Absent
	}
	if f.Unit == "" || f.Unit == "x" {
		return number(f.Value) + f.Unit
	}
	return number(f.Value) + " " + f.Unit
}

func (f figure) target() string {
	switch {
	case f.None:
		return "0"
	case f.Most != 0:
		return "at most " + number(f.Most)
	case f.Least != 0:
		return "at least " + number(f.Least)
	}
	return ""
}

func (f figure) verdict() string {
	switch {
	case !f.hasTarget():
		return ""
	case f.holds():
		return "holds"
	}
	return "MISSED"
}

// number writes a value with three digits that count, and no more.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "none"
	}
	if v == math.Trunc(v) || math.Abs(v) >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// add keeps a figure. JSON has no NaN: a value that could not be had is absent.
func (s *section) add(f figure) {
	if f.Absent == "" && (math.IsNaN(f.Value) || math.IsInf(f.Value, 0)) {
		f.Value, f.Absent = 0, "no value"
	}
	s.Figures = append(s.Figures, f)
}

// keep keeps a series.
func (s *section) keep(name string, c curve) {
	if s.Series == nil {
		s.Series = make(map[string]curve)
	}
	s.Series[name] = c
}

// find returns a figure's value.
func (s *section) find(of, name string) (float64, bool) {
	if s == nil {
		return 0, false
	}
	for _, f := range s.Figures {
		if f.Of == of && f.Name == name {
			return f.Value, f.Absent == ""
		}
	}
	return 0, false
}

// print writes a section's table and returns how many targets it misses.
func (s *section) print(w io.Writer, title string) int {
	fmt.Fprintf(w, "\n%s\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	missed := 0
	for _, f := range s.Figures {
		name := f.Name
		if f.Of != "" {
			name = f.Of + ": " + name
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", name, f.value(), f.target(), f.verdict())
		if f.hasTarget() && !f.holds() {
			missed++
		}
	}
	t.Flush() // standard output
	return missed
}

// load reads results; none yet is no error.
func load(path string) (*results, error) {
	r := &results{Sections: make(map[string]*section)}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (r *results) save(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
