package locker

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// schedule knows when each acquisition of a client has to be looked at: for its
// renewal or its end. One timer serves all of them.
type schedule struct {
	mu    sync.Mutex
	queue dueHeap
	timer Timer
	wakes time.Duration // when the timer fires, on the monotonic clock
}

// plan schedules the acquisition's next event. One that is over has none; one that
// is bound ends with its session.
func (acq *acquisition) plan() {
	acq.mu.Lock()
	if acq.over {
		acq.mu.Unlock()
		return
	}
	at := acq.next
	if !acq.bound {
		at = min(at, acq.from.Mono+acq.span)
	}
	acq.c.schedule.set(acq, at) // before the acquisition can end, which removes it
	acq.mu.Unlock()
	acq.c.wind()
}

// set puts the acquisition into the schedule, or moves it.
func (s *schedule) set(acq *acquisition, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	acq.due = at
	switch {
	case at == Forever && acq.index >= 0:
		heap.Remove(&s.queue, int(acq.index))
	case at == Forever:
	case acq.index < 0:
		heap.Push(&s.queue, acq)
	default:
		heap.Fix(&s.queue, int(acq.index))
	}
}

// remove takes the acquisition out.
func (s *schedule) remove(acq *acquisition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if acq.index >= 0 {
		heap.Remove(&s.queue, int(acq.index))
	}
}

// stop ends the timer.
func (s *schedule) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 && s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// wind sets the timer to the earliest event, unless it fires before that anyway.
func (c *Client) wind() {
	now := c.mono()
	s := &c.schedule
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return
	}
	at := s.queue[0].due
	switch {
	case s.timer == nil:
		s.timer = c.opts.Clock.AfterFunc(max(0, at-now), c.tick)
	case at < s.wakes:
		s.timer.Reset(max(0, at-now))
	default:
		return
	}
	s.wakes = at
}

// tick looks at all acquisitions that are due.
func (c *Client) tick() {
	now := c.now()
	s := &c.schedule
	var due []*acquisition
	s.mu.Lock()
	for len(s.queue) > 0 && s.queue[0].due <= now.Mono {
		due = append(due, heap.Pop(&s.queue).(*acquisition))
	}
	s.timer = nil
	s.mu.Unlock()
	var events []Event
	for _, acq := range due {
		events = append(events, acq.onDue()...)
	}
	c.wind()
	c.tell(context.Background(), events)
	c.tellDropped()
}

// dueHeap is a heap of acquisitions by the time they are due.
type dueHeap []*acquisition

func (q dueHeap) Len() int           { return len(q) }
func (q dueHeap) Less(i, j int) bool { return q[i].due < q[j].due }
func (q dueHeap) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = int32(i), int32(j)
}

func (q *dueHeap) Push(x any) {
	acq := x.(*acquisition)
	acq.index = int32(len(*q))
	*q = append(*q, acq)
}

func (q *dueHeap) Pop() any {
	old := *q
	acq := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	acq.index = -1
	return acq
}
