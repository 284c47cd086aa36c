package locker

// OnEnd calls f in the goroutine that ends the lease, before anybody else can get
// the name: where [Lease.Context] cancels.
func (l *Lease) OnEnd(f func(error)) { l.h.onEnd(f) }

// Dropped returns how many leases wait for the observer to hear that nobody has
// them any more.
func (c *Client) Dropped() int {
	c.dropped.mu.Lock()
	defer c.dropped.mu.Unlock()
	return len(c.dropped.leases)
}

// Left returns how many names and how many scheduled leases the client remembers.
func (c *Client) Left() (lines, scheduled int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schedule.mu.Lock()
	defer c.schedule.mu.Unlock()
	return len(c.lines), len(c.schedule.queue)
}

// Sessions returns how many sessions the client binds leases to.
func (c *Client) Sessions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sessions)
}
