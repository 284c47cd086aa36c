package sim

import (
	"container/heap"
	"fmt"
	"sync"
	"testing/synctest"
	"time"

	"example.com/holdfast/internal/ddbmodel"
)

// world is a history under way.
type world struct {
	weather
	seed   uint64
	sdk    bool // requests go through the real AWS SDK
	start  time.Time
	store  *ddbmodel.Store
	nodes  []*node
	figure Figures

	// mu guards what follows and every field below that has no other guard. It is
	// held for moments only, never over a call into the library.
	mu       sync.Mutex
	queue    queue
	planned  int
	sent     map[uint64]int          // requests by content, for their fates
	running  int                     // goroutines of the history's own
	calm     bool                    // the chaos has ended
	last     *node                   // the one that is fresh then
	writer   *process                // whose request the store carries out
	spent    map[string]*acquisition // by ID
	locks    map[string]*lock
	sessions map[string]*session // by name
	log      []entry
	told     []told // by the observers, for the picture
	failed   []string
}

// lock is what the checks know of one name.
type lock struct {
	register  register
	beliefs   []*belief     // in the order of the grants
	committed int64         // highest token that the store has accepted
	touched   time.Duration // when another process than the final one last wrote the item
	session   string        // that the item is bound to
	longest   time.Duration // the longest TTL that was written, since the chaos if it has ended
}

func newWorld(seed uint64, sdk bool) *world {
	w := &world{
		weather: newWeather(seed), seed: seed, sdk: sdk, start: time.Now(),
		sent: make(map[uint64]int), locks: make(map[string]*lock), spent: make(map[string]*acquisition),
		sessions: make(map[string]*session),
	}
	for _, name := range w.names {
		w.locks[name] = &lock{}
	}
	w.store = ddbmodel.NewStore(time.Now, w.committed)
	w.store.AddTable(table, "name")
	for i := range w.weather.nodes {
		w.nodes = append(w.nodes, newNode(w, i))
	}
	return w
}

// now is how long the history has lasted.
func (w *world) now() time.Duration { return time.Since(w.start) }

// turn carries out events, one at a time, until over says so; over is called with
// w.mu held. It fails the history when nothing more can happen, or nothing ends.
func (w *world) turn(what string, limit time.Duration, over func() bool) {
	deadline := w.now() + limit
	for {
		synctest.Wait() // until everything has come to rest that the last event set in motion
		w.mu.Lock()
		done, stuck := over(), len(w.queue) == 0 || w.queue[0].at > deadline
		if done || stuck {
			if !done {
				w.failLocked("stuck: %s did not come to its end within %v", what, limit)
			}
			w.mu.Unlock()
			return
		}
		e := heap.Pop(&w.queue).(*event)
		w.mu.Unlock()
		if d := e.at - w.now(); d > 0 {
			time.Sleep(d)
		}
		if e.to != nil && w.withhold(e) {
			continue
		}
		e.run()
	}
}

// withhold keeps an event from a process whose node is paused, and reports
// whether it did. The dead are not paused.
func (w *world) withhold(e *event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := e.to.node
	if !n.stopped || e.to.dead {
		e.off = true
		return false
	}
	n.withheld = append(n.withheld, e)
	return true
}

// spawn runs f in a goroutine that the history waits for at its end.
func (w *world) spawn(f func()) {
	w.mu.Lock()
	w.running++
	w.mu.Unlock()
	go func() {
		f()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running--
	}()
}

// fail notes a violation.
func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(format, args...)
}

func (w *world) failLocked(format string, args ...any) {
	w.failed = append(w.failed, fmt.Sprintf(format, args...))
	w.noteLocked(nil, "VIOLATION: "+format, args...)
}
