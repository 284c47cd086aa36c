package locker

import (
	"context"
	"sync"
)

// dropped lists leases whose [Lease] nobody refers to any more. It is filled by
// cleanups, which must not touch channels or timers, and emptied when the schedule
// next looks at the client's leases.
type dropped struct {
	mu     sync.Mutex
	leases []droppedLease
}

// droppedLease is what a cleanup knows of its lease. It must not lead to anything
// that may refer to the Lease, such as the observer: that would keep it for ever.
type droppedLease struct {
	list     *dropped
	name, id string
}

// drop is the cleanup of a Lease.
func drop(l droppedLease) {
	l.list.mu.Lock()
	defer l.list.mu.Unlock()
	l.list.leases = append(l.list.leases, l)
}

func (d *dropped) drain() []droppedLease {
	d.mu.Lock()
	defer d.mu.Unlock()
	leases := d.leases
	d.leases = nil
	return leases
}

// tellDropped tells the observer of the leases that were dropped and go on.
func (c *Client) tellDropped() {
	for _, d := range c.dropped.drain() {
		c.mu.Lock()
		var h *hold
		if l := c.lines[d.name]; l != nil {
			h = l.hold
		}
		c.mu.Unlock()
		if h == nil {
			continue
		}
		h.acq.mu.Lock()
		e, over := h.eventLocked(EventDropped), h.err != nil
		h.acq.mu.Unlock()
		if !over && e.ID == d.id {
			c.emit(context.Background(), e)
		}
	}
}
