package locker

import (
	"context"
	"time"
)

// Fairness between processes: one that has waited for a while marks the holder's
// record as wanted. The holder's process sees that in the answer to its next write;
// it then hands the name on among its own calls for at most MaxLocalHold more, and
// lets the others look for it once before it competes again.

const (
	// patient is how long the head of a line looks at one holder before it marks
	// the record.
	patient = 50 * time.Millisecond

	// yieldFor is how long a process leaves a name alone that it has released and
	// that another wants: a little longer than the others' pause between two looks.
	yieldFor = 300 * time.Millisecond
)

// markWanted tells the holder that another process waits, once for each that this
// line has seen. It costs a write; that it may fail is of no account.
func (a *acquiring) markWanted(ctx context.Context, info Info) {
	c := a.c
	if c.marker == nil || info.AcquisitionID == "" {
		return
	}
	now := c.mono()
	c.mu.Lock()
	l := c.lines[a.name]
	due := l != nil && l.seen != nil && !l.seen.marked && l.seen.info.AcquisitionID == info.AcquisitionID &&
		now-l.seen.since >= patient
	if due {
		l.seen.marked = true
	}
	c.mu.Unlock()
	if due {
		_ = c.marker.MarkWanted(ctx, a.name, info.AcquisitionID)
	}
}

// sendRelease makes one try to release, and tells whether another process waits.
func (c *Client) sendRelease(ctx context.Context, g Grant, hold time.Duration) (wanted bool, err error) {
	if c.marker == nil {
		return false, c.backend.Release(ctx, g, hold)
	}
	return c.marker.ReleaseWanted(ctx, g, hold)
}

// yieldTo leaves the name to other processes for a while.
func (c *Client) yieldTo(name string) {
	until := c.mono() + yieldFor
	c.mu.Lock()
	defer c.mu.Unlock()
	c.yields.put(name, until)
}

// yield waits until other processes have had time to find the name free. A call that
// does not wait for holders does not wait for them either.
func (a *acquiring) yield(ctx context.Context) error {
	c := a.c
	if a.o.Wait == 0 {
		return nil
	}
	now := c.mono()
	c.mu.Lock()
	until, ok := c.yields.get(a.name)
	d := until - now
	if ok && d <= 0 {
		c.yields.drop(a.name)
	}
	c.mu.Unlock()
	if ok && d > 0 {
		c.sleep(ctx, min(d, a.waitLeft()), nil)
	}
	if ctx.Err() != nil {
		return a.gaveUp(ctx)
	}
	return nil
}
