package linear

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"example.com/holdfast/locker"
)

// open is the return time of an operation that may take effect at any later time.
const open = math.MaxInt64

// history writes down what the workers of one history see. All times are of the
// one monotonic clock of the test process.
type history struct {
	start time.Time

	mu     sync.Mutex
	ops    []porcupine.Operation
	lanes  int             // lines of the picture
	strays map[string]sent // by acquisition ID
	leases map[string]bool // acquisition IDs that became leases
	handed map[string]bool // leases that were handed over: the store goes on naming their client
}

// sent is the first send of an acquisition that may have taken effect.
type sent struct {
	name, who string
	at        int64
}

func newHistory(workers int) *history {
	return &history{start: time.Now(), lanes: workers, strays: make(map[string]sent), leases: make(map[string]bool), handed: make(map[string]bool)}
}

// now returns the time since the history began.
func (h *history) now() int64 { return int64(time.Since(h.start)) }

// add writes an operation down. One whose end is open gets a line of its own in
// the picture.
func (h *history) add(lane int, in input, out output, call, ret int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addLocked(lane, in, out, call, ret)
}

func (h *history) addLocked(lane int, in input, out output, call, ret int64) {
	if ret == open {
		lane = h.lanes
		h.lanes++
	}
	h.ops = append(h.ops, porcupine.Operation{ClientId: lane, Input: in, Output: out, Call: call, Return: ret})
}

// leased notes that an acquisition became a lease.
func (h *history) leased(lease *locker.Lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leases[lease.ID()] = true
}

// observe is the observer of all clients. It is told before Release returns.
func (h *history) observe(_ context.Context, e locker.Event) {
	if e.Kind == locker.EventHandedOver {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.handed[e.ID] = true
	}
}

// wasHanded reports whether the lease was handed over.
func (h *history) wasHanded(lease *locker.Lease) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.handed[lease.ID()]
}

// mayHold notes that a send of an acquisition may take effect, from its call on.
func (h *history) mayHold(id string, s sent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if first, ok := h.strays[id]; !ok || s.at < first.at {
		h.strays[id] = s
	}
}

// operations returns the whole history, once all has ended: what was written
// down, and the strays.
func (h *history) operations() []porcupine.Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, s := range h.strays {
		if !h.leases[id] {
			h.addLocked(0, input{kind: stray, name: s.name, who: s.who}, output{}, s.at, open)
		}
	}
	clear(h.strays)
	return slices.Clone(h.ops)
}
