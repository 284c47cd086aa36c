//go:build linux

package peers

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// How many names there are, and how often they have to change hands each way: all
// together, and each of them.
const (
	names  = 20
	rounds = 200
	each   = rounds / names / 2
)

// lease is that of all holders, and whoever crashes leaves its name alone for crash
// when its lease is over.
const (
	lease = 2 * time.Second
	crash = lease
)

// A round of a holder is one of these; roundOf has them come in turns.
const (
	brief   = "brief"   // released after some milliseconds
	long    = "long"    // renewed for longer than a lease, then released
	crashed = "crashed" // neither renewed nor released
)

// roundOf returns what the n-th round of a holder is.
func roundOf(n int) string {
	switch n % 10 {
	case 3:
		return crashed
	case 7:
		return long
	}
	return brief
}

// belief is the time for which somebody believed to be the holder of a name.
type belief struct {
	who        string
	begin, end int64 // by sharedClock
	round      string
}

// referee collects beliefs.
type referee struct {
	mu    sync.Mutex
	names map[string][]belief
}

func newReferee() *referee { return &referee{names: make(map[string][]belief)} }

func (r *referee) add(name string, b belief) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[name] = append(r.names[name], b)
}

// tally is how often a name changed hands to somebody, and after which rounds.
type tally map[string]map[string]int

func (t tally) to(who string) (n int) {
	for _, times := range t[who] {
		n += times
	}
	return n
}

// judge reports the beliefs of a name that overlap, and how it changed hands.
func judge(beliefs []belief) (wrong []string, changes tally) {
	beliefs = slices.SortedFunc(slices.Values(beliefs), func(a, b belief) int { return cmp.Compare(a.begin, b.begin) })
	changes = make(tally)
	var last belief // of those so far, the one that ends last
	for i, b := range beliefs {
		if i > 0 && b.begin <= last.end {
			wrong = append(wrong, fmt.Sprintf("%s begins to believe %v before %s stops, and goes on for %v (a %s hold, then a %s one)",
				b.who, time.Duration(last.end-b.begin), last.who, time.Duration(b.end-b.begin), last.round, b.round))
		}
		if i == 0 || b.end > last.end {
			last = b
		}
		if i == 0 {
			continue
		}
		before := beliefs[i-1]
		if b.who != before.who {
			if changes[b.who] == nil {
				changes[b.who] = make(map[string]int)
			}
			changes[b.who][before.round]++
		}
	}
	return wrong, changes
}

// done reports whether names changed hands often enough, both ways, and this one too.
func (r *referee) done(name string, sides []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	total := make(map[string]int)
	for other, beliefs := range r.names {
		_, changes := judge(beliefs)
		for _, who := range sides {
			n := changes.to(who)
			total[who] += n
			if other == name && n < each {
				return false
			}
		}
	}
	return !slices.ContainsFunc(sides, func(who string) bool { return total[who] < rounds })
}

// verdict fails the test for every overlap, and for too little that was tried.
func (r *referee) verdict(t *testing.T, sides []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	total, beliefs := make(tally), 0
	for name, list := range r.names {
		wrong, changes := judge(list)
		for _, text := range wrong {
			t.Errorf("two holders of %q: %s", name, text)
		}
		for who, after := range changes {
			if total[who] == nil {
				total[who] = make(map[string]int)
			}
			for round, n := range after {
				total[who][round] += n
			}
		}
		beliefs += len(list)
	}
	t.Logf("%d names, %d holds; changes of hands, by who came after which kind of hold: %v", len(r.names), beliefs, total)
	for _, who := range sides {
		if got := total.to(who); got < rounds {
			t.Errorf("%s came after the other %d times, want %d", who, got, rounds)
		}
		if total[who][crashed] < names/2 {
			t.Errorf("%s took over %d times from a holder that crashed, want %d", who, total[who][crashed], names/2)
		}
	}
}

// sharedClock is the monotonic clock, which is the same for all processes of a
// machine, and the one that Java's nanoTime and Node's hrtime show; clock_gettime(2).
func sharedClock() int64 {
	const clockMonotonic = 1
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		panic(errno)
	}
	return ts.Nano()
}

// TestJudge checks that an overlap is seen, and what is none is not.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name    string
		beliefs []belief
		wrong   int
	}{
		{"apart", []belief{{who: "a", begin: 1, end: 2}, {who: "b", begin: 3, end: 4}, {who: "a", begin: 5, end: 6}}, 0},
		{"overlap", []belief{{who: "b", begin: 2, end: 4}, {who: "a", begin: 1, end: 3}}, 1},
		{"within, and the next too", []belief{{who: "a", begin: 1, end: 9}, {who: "b", begin: 2, end: 3}, {who: "b", begin: 5, end: 6}}, 2},
		{"of one side", []belief{{who: "a", begin: 1, end: 3}, {who: "a", begin: 2, end: 4}}, 1},
	} {
		if wrong, _ := judge(tt.beliefs); len(wrong) != tt.wrong {
			t.Errorf("%s: judge reports %q, want %d", tt.name, wrong, tt.wrong)
		}
	}
	_, changes := judge([]belief{
		{who: "a", begin: 1, round: brief}, {who: "b", begin: 2, round: crashed}, {who: "b", begin: 3, round: long}, {who: "a", begin: 4},
	})
	if changes.to("b") != 1 || changes.to("a") != 1 || changes["b"][brief] != 1 || changes["a"][long] != 1 {
		t.Errorf("judge counts %v, want a change to b after a brief hold and one to a after a long one", changes)
	}
}
