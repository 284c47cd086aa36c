//go:build unix

package procs

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// figures is what is counted.
type figures struct {
	begin int64

	grants, refused, lost, released int
	pauses, aimed, kills, restarts  int
	staleReads, staleWrites         int

	// Judged at the end.
	pausedLost         int           // leases that were lost in a pause
	takeOvers, excused int           // of killed holders' locks
	slowest            time.Duration // of the take-overs
	fenced, control    register      // all names' together
}

// counted returns the figures so far.
func (r *referee) counted() figures {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.figures
	for _, n := range r.names {
		f.fenced.writes, f.fenced.lost = f.fenced.writes+n.fenced.writes, f.fenced.lost+n.fenced.lost
		f.control.writes, f.control.lost = f.control.writes+n.control.writes, f.control.lost+n.control.lost
	}
	return f
}

// table prints the figures.
func (r *referee) table(t *testing.T) {
	t.Helper()
	f := r.counted()
	var b strings.Builder
	for _, row := range []struct {
		n    int
		what string
	}{
		{f.grants, "grants"},
		{f.released, "released"},
		{f.lost, "lost"},
		{f.refused, "calls of Acquire that failed"},
		{f.pauses, "SIGSTOPs"},
		{f.aimed, "of them between check and write"},
		{f.pausedLost, "leases lost in a pause, and found lost at the first look"},
		{f.kills, "SIGKILLs and restarts of a worker"},
		{f.takeOvers, fmt.Sprintf("killed holders whose lock another had in time, the slowest after %v", f.slowest.Round(time.Millisecond))},
		{f.excused, "killed holders that were not judged: others were disturbed too"},
		{f.restarts, "restarts of DynamoDB"},
		{f.fenced.writes, "writes to the fenced registers"},
		{f.fenced.lost, "lost updates of the fenced registers"},
		{f.staleReads + f.staleWrites, "stale reads and writes refused by them"},
		{f.control.writes, "writes to the unfenced control"},
		{f.control.lost, "lost updates of the control"},
	} {
		if row.n != 0 || strings.HasPrefix(row.what, "lost") {
			fmt.Fprintf(&b, "%8d  %s\n", row.n, row.what)
		}
	}
	t.Logf("in %v:\n%s", at(sharedClock()-f.begin), &b)
}
