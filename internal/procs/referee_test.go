//go:build unix

package procs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"example.com/holdfast/locker"
)

// referee keeps the registers and records what the workers report.
type referee struct {
	url string

	// pause is called when a worker is about to write, before it is answered. Set
	// it before the first worker starts.
	pause func(report)

	mu      sync.Mutex
	names   map[string]*lock
	workers map[int]*workerState
	leases  []*lease // in the order of their reports
	pauses  []pause
	kills   []kill
	era     int      // what the store knew in another era it has lost
	wrong   []string // what happened and must not
	log     []entry
	changed chan struct{} // closed and replaced by every report
	figures figures
}

// lock is what the referee knows of one name.
type lock struct {
	highest locker.Token // reported
	fence   locker.Fence
	fenced  register
	control register
}

// register is a number that workers increment by reading and writing it.
type register struct {
	value, writes int
	lost          int // writes that undid others
}

// write stores a new value: one more than its worker had read.
func (r *register) write(value int) {
	if value != r.value+1 {
		r.lost++
	}
	r.value = value
	r.writes++
}

// lease is what was reported of one lease.
type lease struct {
	report         // the latest
	era      int   // in which it was granted; -1: not certain
	reported int64 // when the first report arrived
	ended    int64 // when its worker reported the end; 0: never
	active   bool  // its worker lives and has not reported the end
}

// workerState is what a worker is at, by name.
type workerState struct {
	wanting map[string]want
}

// want is a call of Acquire under way.
type want struct {
	since   int64
	era     int
	highest locker.Token // of the name when the call began
}

// entry is a line of the timeline that a failure prints.
type entry struct {
	at   int64
	text string
}

// newReferee starts one. Stop it after the workers.
func newReferee(t *testing.T) *referee {
	r := &referee{
		names: make(map[string]*lock), workers: make(map[int]*workerState),
		changed: make(chan struct{}), figures: figures{begin: sharedClock()},
	}
	server := httptest.NewServer(r)
	r.url = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return r
}

// ServeHTTP implements [http.Handler]: one report a request.
func (r *referee) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var rep report
	if err := json.NewDecoder(req.Body).Decode(&rep); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	v := r.take(rep)
	if rep.Stage == checked && r.pause != nil {
		r.pause(rep)
	}
	_ = json.NewEncoder(w).Encode(v) // a worker that is gone doesn't read it
}

// take records a report and answers it.
func (r *referee) take(rep report) (v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := sharedClock()
	if rep.Stage != works {
		r.noteLocked("worker %d (PID %d) %s %s, token %v, believed until %v %s", rep.Worker, rep.PID, rep.Stage, rep.Name, rep.Token, at(rep.Believed-r.figures.begin), rep.Error)
	}
	n := r.names[rep.Name]
	if n == nil {
		n = &lock{}
		r.names[rep.Name] = n
	}
	w := r.workers[rep.Worker]
	if w == nil {
		w = &workerState{wanting: make(map[string]want)}
		r.workers[rep.Worker] = w
	}
	switch rep.Stage {
	case wants:
		w.wanting[rep.Name] = want{now, r.era, n.highest}
	case refused:
		delete(w.wanting, rep.Name)
		r.figures.refused++
	case holds:
		r.grantedLocked(rep, w.wanting[rep.Name], n, now)
		delete(w.wanting, rep.Name)
	case reads:
		if n.fence.Check(rep.Name, rep.Token) != nil {
			v.Stale = true
			r.figures.staleReads++
		}
		v.Fenced, v.Control = n.fenced.value, n.control.value
	case writes:
		n.control.write(rep.Control)
		if v.Stale = n.fence.Check(rep.Name, rep.Token) != nil; v.Stale {
			r.figures.staleWrites++
		} else {
			n.fenced.write(rep.Fenced)
		}
	case broken:
		r.wrongLocked("worker %d, token %v of %s: %s", rep.Worker, rep.Token, rep.Name, rep.Error)
	}
	if rep.Token != 0 {
		r.updateLocked(rep)
	}
	close(r.changed)
	r.changed = make(chan struct{})
	return v
}

// grantedLocked records a grant and judges its token: it has to be above every
// one that was reported before the call began.
func (r *referee) grantedLocked(rep report, w want, n *lock, now int64) {
	r.figures.grants++
	if rep.Token <= w.highest {
		r.wrongLocked("token %v of %s was granted after %v", rep.Token, rep.Name, w.highest)
	}
	for _, l := range r.leases {
		if l.Name == rep.Name && l.Token == rep.Token {
			r.wrongLocked("token %v of %s was granted twice", rep.Token, rep.Name)
		}
	}
	n.highest = max(n.highest, rep.Token)
	l := &lease{report: rep, era: r.era, reported: now, active: true}
	if w.era != r.era {
		l.era = -1 // granted in this era or before
	}
	r.leases = append(r.leases, l)
}

// updateLocked takes a later report of a lease into account.
func (r *referee) updateLocked(rep report) {
	for _, l := range r.leases {
		if l.Name != rep.Name || l.Token != rep.Token || l.PID != rep.PID {
			continue
		}
		l.report = rep
		if rep.Stage == over && l.active {
			l.active, l.ended = false, sharedClock()
			if rep.Lost {
				r.figures.lost++
			} else {
				r.figures.released++
			}
		}
	}
}

func (r *referee) wrongLocked(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	r.noteLocked("WRONG: "+format, args...)
}

func (r *referee) noteLocked(format string, args ...any) {
	r.log = append(r.log, entry{sharedClock(), fmt.Sprintf(format, args...)})
}
