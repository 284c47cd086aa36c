package sim

import (
	"container/heap"
	"time"
)

// event is something that happens at a moment of virtual time.
type event struct {
	at    time.Duration
	order int // of events of the same moment: as they were planned
	run   func()
	to    *process // whom it reaches, and who does not notice it while paused; nil: not a process
	index int      // in the queue; -1 when not there
	off   bool     // cancelled
}

// queue is a heap of events by their moment.
type queue []*event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].order < q[j].order
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	e := x.(*event)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.index = -1
	return e
}

// planLocked puts an event into the queue.
func (w *world) planLocked(e *event) *event {
	w.planned++
	e.order = w.planned
	heap.Push(&w.queue, e)
	return e
}

// afterLocked plans run for d from now, as an event that no process notices.
func (w *world) afterLocked(d time.Duration, run func()) *event {
	return w.planLocked(&event{at: w.now() + max(d, 0), run: run})
}

// reachLocked plans run for d from now, as an event that reaches p.
func (w *world) reachLocked(p *process, d time.Duration, run func()) *event {
	return w.planLocked(&event{at: w.now() + max(d, 0), run: run, to: p})
}

// cancelLocked takes an event back and reports whether it was still to come.
func (w *world) cancelLocked(e *event) bool {
	if e == nil || e.off {
		return false
	}
	e.off = true
	if e.index >= 0 {
		heap.Remove(&w.queue, e.index)
	}
	return true
}
