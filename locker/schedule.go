package locker

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// schedule knows when each hold of a client has to be looked at: for its renewal
// or its end. One timer serves all of them.
type schedule struct {
	mu    sync.Mutex
	holds holdHeap
	timer Timer
	wakes time.Duration // when the timer fires, on the monotonic clock
}

// plan schedules the hold's next event. A hold that is over has none.
func (h *hold) plan() {
	h.mu.Lock()
	if h.err != nil {
		h.mu.Unlock()
		return
	}
	h.c.schedule.set(h, min(h.renewal.due, h.from.Mono+h.span)) // before the hold can end, which removes it
	h.mu.Unlock()
	h.c.wind()
}

// set puts the hold into the schedule, or moves it.
func (s *schedule) set(h *hold, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.due = at
	if h.index < 0 {
		heap.Push(&s.holds, h)
	} else {
		heap.Fix(&s.holds, h.index)
	}
}

// remove takes the hold out.
func (s *schedule) remove(h *hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.index >= 0 {
		heap.Remove(&s.holds, h.index)
	}
}

// stop ends the timer.
func (s *schedule) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.holds) == 0 && s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// wind sets the timer to the earliest event, unless it fires before that anyway.
func (c *Client) wind() {
	now := c.now()
	s := &c.schedule
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.holds) == 0 {
		return
	}
	at := s.holds[0].due
	switch {
	case s.timer == nil:
		s.timer = c.opts.Clock.AfterFunc(max(0, at-now.Mono), c.tick)
	case at < s.wakes:
		s.timer.Reset(max(0, at-now.Mono))
	default:
		return
	}
	s.wakes = at
}

// tick looks at all holds that are due.
func (c *Client) tick() {
	now := c.now()
	s := &c.schedule
	var due []*hold
	s.mu.Lock()
	for len(s.holds) > 0 && s.holds[0].due <= now.Mono {
		due = append(due, heap.Pop(&s.holds).(*hold))
	}
	s.timer = nil
	s.mu.Unlock()
	var events []Event
	for _, h := range due {
		events = append(events, h.onDue())
	}
	c.wind()
	for _, e := range events {
		c.emit(context.Background(), e)
	}
	c.tellDropped()
}

// holdHeap is a heap of holds by the time they are due.
type holdHeap []*hold

func (q holdHeap) Len() int           { return len(q) }
func (q holdHeap) Less(i, j int) bool { return q[i].due < q[j].due }
func (q holdHeap) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *holdHeap) Push(x any) {
	h := x.(*hold)
	h.index = len(*q)
	*q = append(*q, h)
}

func (q *holdHeap) Pop() any {
	old := *q
	h := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	h.index = -1
	return h
}
