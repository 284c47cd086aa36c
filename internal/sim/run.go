package sim

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Options choose a history.
type Options struct {
	Seed    uint64
	SDK     bool // send requests through the real AWS SDK
	Amnesia bool // the store loses all items now and then: the checks must notice
}

// Result is what came of a history.
type Result struct {
	Figures
	Violations []string
	Timeline   func() string         // everything that happened, for people
	Picture    func(io.Writer) error // who waited, held, took over and lost, as a page of HTML
}

// Figures count what happened in one history or in many.
type Figures struct {
	Histories   int
	Grants      int // leases returned by Acquire
	Refused     int // calls of Acquire that returned an error
	TakenA      int // names taken over by rule A
	TakenB      int // where rule B allowed it too
	TakenOwn    int // from the process's own attempt or lease that had ended
	TakenBound  int // that were bound to a session
	HandedOver  int // leases that a process handed over without a request
	Binds       int // of names to a session
	Killed      int // sessions that a contender ended
	KilledAlive int // of them, those of a process that had not crashed
	Marks       int // of names as wanted
	Requests    int // to the store, without late copies
	Crashes     int
	Broken      int // acquisitions that an operator broke
	Writes      int // guarded writes that the fenced register took
	Stale       int // guarded writes that it refused
	Late        int // writes to the unfenced register after a later holder's
	Lost        int // updates that the unfenced register lost
	Violations  int
	Virtual     time.Duration
	Longest     time.Duration // wait for a name after the chaos
}

// Add adds the figures of other histories.
func (f *Figures) Add(g Figures) {
	f.Histories += g.Histories
	f.Grants += g.Grants
	f.Refused += g.Refused
	f.TakenA += g.TakenA
	f.TakenB += g.TakenB
	f.TakenOwn += g.TakenOwn
	f.TakenBound += g.TakenBound
	f.HandedOver += g.HandedOver
	f.Binds += g.Binds
	f.Killed += g.Killed
	f.KilledAlive += g.KilledAlive
	f.Marks += g.Marks
	f.Requests += g.Requests
	f.Crashes += g.Crashes
	f.Broken += g.Broken
	f.Writes += g.Writes
	f.Stale += g.Stale
	f.Late += g.Late
	f.Lost += g.Lost
	f.Violations += g.Violations
	f.Virtual += g.Virtual
	f.Longest = max(f.Longest, g.Longest)
}

// String shows the figures, one kind a line.
func (f Figures) String() string {
	var b strings.Builder
	line := func(n any, what string) { fmt.Fprintf(&b, "%12v  %s\n", n, what) }
	line(f.Histories, "histories")
	line(f.Virtual.Round(time.Second), "of virtual time")
	line(f.Requests, "requests")
	line(f.Crashes, "crashes")
	line(f.Broken, "breaks by an operator")
	line(f.Grants, "grants")
	line(f.Refused, "refusals")
	line(f.TakenA, "take-overs by rule A")
	line(f.TakenB, "take-overs that rule B allowed")
	line(f.TakenOwn, "take-overs of a process's own ended acquisition")
	line(f.TakenBound, "take-overs of a name bound to a session")
	line(f.HandedOver, "leases handed over without a request")
	line(f.Binds, "names bound to a session")
	line(f.Killed, "sessions ended by a contender")
	line(f.KilledAlive, "of them, of a process that had not crashed")
	line(f.Marks, "names marked as wanted")
	line(f.Writes+f.Stale, "guarded writes")
	line(f.Stale, "of them stale, refused by the fenced register")
	line(f.Late, "late writes that the unfenced register took")
	line(f.Lost, "updates that the unfenced register lost")
	line(f.Longest.Round(time.Millisecond), "longest wait for a name after the chaos")
	line(f.Violations, "violations")
	return b.String()
}

// Run runs one history. It must be called in a testing/synctest bubble of its
// own, and returns when every goroutine of the history has ended or, which is a
// violation, can't end.
func Run(o Options) Result {
	w := newWorld(o.Seed, o.SDK)
	for _, n := range w.nodes {
		n.plan()
	}
	w.mu.Lock()
	chaos := true
	w.afterLocked(w.duration, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		chaos = false
	})
	if w.probes > 0 {
		w.afterLocked(w.probes, w.probeNow)
	}
	if o.Amnesia {
		for at := w.ttl; at < w.duration; at += w.ttl {
			w.afterLocked(at, w.forget)
		}
	}
	w.mu.Unlock()
	w.turn("the chaos", 2*w.duration, func() bool { return !chaos })
	w.endChaos()
	w.takeAll()
	w.turn("the end of all processes", time.Hour, func() bool { return w.running == 0 })
	return w.result()
}

// forget makes the store lose all items.
func (w *world) forget() {
	w.store.Clear(table)
	w.note(nil, "the store loses everything")
}

// result judges the registers and sums up.
func (w *world) result() Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.names {
		r := &w.locks[name].register
		if r.fenced != r.writes {
			w.failLocked("the fenced register of %s shows %d after %d writes", name, r.fenced, r.writes)
		}
		w.figure.Writes += r.writes
		w.figure.Stale += r.stale
		w.figure.Late += r.late
		w.figure.Lost += r.lost
	}
	w.figure.Histories, w.figure.Virtual, w.figure.Violations = 1, w.now(), len(w.failed)
	return Result{Figures: w.figure, Violations: w.failed, Timeline: w.timeline, Picture: w.picture}
}
