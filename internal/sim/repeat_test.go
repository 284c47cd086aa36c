package sim

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRepeats measures how often a seed gives the same history twice: to the last
// line of its timeline, but for the order of lines of one instant.
func TestRepeats(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector shuffles goroutines")
	}
	const seeds = 200
	var same atomic.Int64
	each(seeds, func(i int) bool {
		o := Options{Seed: uint64(1 + i)}
		first, second := lines(runSeed(t, o)), lines(runSeed(t, o))
		if slices.Equal(first, second) {
			same.Add(1)
		} else {
			t.Logf("seed %d: %s", o.Seed, firstDifference(first, second))
		}
		return true
	})
	t.Logf("%d of %d seeds gave the same history twice", same.Load(), seeds)
	if same.Load() < seeds*7/10 {
		t.Errorf("only %d of %d seeds gave the same history twice", same.Load(), seeds)
	}
}

// lines returns a timeline's lines, each of which begins with its time, sorted.
func lines(r Result) []string {
	list := strings.Split(r.Timeline(), "\n")
	slices.Sort(list)
	return list
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + "\nbecame\n" + b[i]
		}
	}
	return "one is longer"
}
