package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestStats(t *testing.T) {
	five := []float64{5, 1, 4, 2, 3}
	for _, test := range []struct {
		what      string
		got, want float64
	}{
		{"p50", percentile(five, 0.5), 3},
		{"p99", percentile(five, 0.99), 5},
		{"p0", percentile(five, 0), 1},
		{"median of five", median(five), 3},
		{"median of four", median(five[:4]), 3},
		{"jain, even", jain([]float64{7, 7, 7, 7}), 1},
		{"jain, one gets all", jain([]float64{9, 0, 0, 0}), 0.25},
		{"total", total(five), 15},
	} {
		if test.got != test.want {
			t.Errorf("%s = %v, want %v", test.what, test.got, test.want)
		}
	}
	for what, got := range map[string]float64{"percentile": percentile(nil, 0.5), "median": median(nil), "jain": jain([]float64{0, 0})} {
		if !math.IsNaN(got) {
			t.Errorf("%s of nothing = %v, want NaN", what, got)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 2: "2", 0.05: "0.0500", 1.0649: "1.06", 12.345: "12.3", 4821.7: "4822", 100.2: "100", math.NaN(): "none"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

// TestTargets: what misses its target is counted, and so is what was not measured.
func TestTargets(t *testing.T) {
	s := &section{}
	s.add(figure{Name: "most, held", Value: 1, Most: 1})
	s.add(figure{Name: "most, missed", Value: 1.1, Most: 1})
	s.add(figure{Name: "least, missed", Value: 0, Least: 1})
	s.add(figure{Name: "none, held", Value: 0, None: true})
	s.add(figure{Name: "none, missed", Value: 1, None: true})
	s.add(figure{Name: "no value", Value: math.NaN(), Most: 1})
	s.add(figure{Name: "no target", Value: 9})
	s.add(figure{Of: "peer", Name: "absent", Absent: "no network"})
	var out bytes.Buffer
	if missed := s.print(&out, "title"); missed != 4 {
		t.Errorf("%d missed, want 4:\n%s", missed, &out)
	}
	for _, want := range []string{"peer: absent", "not measured: no network", "MISSED", "at most 1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}

// TestFilled replaces what stands between the marks, and nothing else.
func TestFilled(t *testing.T) {
	const text = "a\n<!-- bench:floor -->\nbefore that\n<!-- /bench -->\nb\n<!-- bench:crowd -->\nkept\n<!-- /bench -->\n"
	s := &section{Command: "the command"}
	s.add(figure{Name: "speed", Value: 2, Unit: "ms", Most: 3})
	r := &results{Sections: map[string]*section{"floor": s}}
	got, err := filled(text, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a\n<!-- bench:floor -->\n", "the command", "| speed | 2 ms | at most 3 | holds |", "b\n<!-- bench:crowd -->\nkept\n<!-- /bench -->\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "before that") {
		t.Errorf("the old table is still there:\n%s", got)
	}
	if again, err := filled(got, r); err != nil || again != got {
		t.Errorf("filled again = %v, and another text:\n%s", err, again)
	}
	if _, err := filled("<!-- bench:floor -->\nno end", r); err == nil {
		t.Error("filled of a table without an end = nil, want an error")
	}
}
