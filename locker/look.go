package locker

import (
	"context"
	"time"
)

// sight is what a line has seen of the holder that it waits for.
type sight struct {
	info   Info
	since  time.Duration // when it was first seen, on the monotonic clock
	last   time.Duration // when it was last looked at
	looks  int           // since then
	ended  bool          // it has released
	marked bool          // its record was marked as wanted
}

// saw remembers the holder that was seen, for this call and for the others in
// the line.
func (a *acquiring) saw(info Info) {
	a.holder, a.lastErr = info, nil
	now := a.c.mono()
	if doubtful := a.sawLocked(info, now); doubtful != nil {
		a.c.discard(doubtful) // what was seen may be older than the spare
	}
}

// sawLocked tells the line, and takes a spare out of it of which the record seen is
// not.
func (a *acquiring) sawLocked(info Info, now time.Duration) (doubtful *acquisition) {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	l := a.c.lines[a.name]
	if l == nil {
		return nil
	}
	if l.seen == nil || l.seen.info.AcquisitionID != info.AcquisitionID {
		if l.seen != nil && !l.seen.ended {
			a.c.learnLocked(a.name, now-l.seen.since)
		}
		l.seen = &sight{since: now}
	}
	l.seen.info, l.seen.last = info, now
	l.seen.looks++
	if l.spare != nil && !l.spare.isOf(info.AcquisitionID) {
		doubtful, l.spare = l.spare, nil
	}
	return doubtful
}

// sawEnd is told that the name is free, or its holder dead. Of a name that is free
// the call remembers who held it before.
func (a *acquiring) sawEnd(info Info) {
	a.lastErr = nil
	if info.State == StateDead {
		a.holder = info
	}
	now := a.c.mono()
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	l := a.c.lines[a.name]
	if l == nil || l.seen == nil || l.seen.ended {
		return
	}
	l.seen.ended = true
	if info.State == StateFree { // a dead one says nothing of the next
		a.c.learnLocked(a.name, now-l.seen.since)
	}
}

// awaitLook is called by a new head of the line before it asks. Where the one before it,
// which has left without the lock, had just looked at another holder, it waits until that
// one would have looked again, and for often at most: heads that follow each other quickly,
// as those of a [Semaphore]'s calls at a slot that others hold, ask no more often than one.
func (a *acquiring) awaitLook(ctx context.Context) {
	pause := min(often, a.lookAfter())
	now := a.c.mono()
	a.c.mu.Lock()
	var d time.Duration
	if l := a.c.lines[a.name]; a.c.notifier == nil && l.hold == nil && l.spare == nil && l.seen != nil && !l.seen.ended {
		if d = l.seen.last + pause - now; d <= 0 {
			l.seen.last = now // also if this call leaves before the answer
		}
	}
	a.c.mu.Unlock()
	if d > 0 {
		a.tellWaiting(ctx, a.knownHolder())
		a.c.sleep(ctx, min(d, a.waitLeft()), nil)
	}
}

// isOf reports whether the acquisition has this ID.
func (acq *acquisition) isOf(id string) bool {
	acq.mu.Lock()
	defer acq.mu.Unlock()
	return acq.grant.ID == id
}

// learnLocked is told for how long a holder of the name was waited for.
func (c *Client) learnLocked(name string, d time.Duration) {
	if before, ok := c.holds.get(name); ok {
		d = (before + d) / 2
	}
	c.holds.put(name, d)
}

// Looks at a holder are between soonest and often apart, or seldom while it is too
// early for the end of a usual hold; for whoever has waited for a holder for long
// they become rarer, up to rarest.
const (
	soonest = 25 * time.Millisecond
	often   = 200 * time.Millisecond
	seldom  = 500 * time.Millisecond
	long    = 10 * time.Second
	rarest  = time.Second
)

// lookAfter returns how long to wait before the next look at the holder. Where
// nothing is known of the name, looks become rarer from soonest to often. Where
// holds have lasted about m, the first look comes after m/2, then one each m/6:
// that finds the end sooner, at a lower price.
func (a *acquiring) lookAfter() time.Duration {
	now := a.c.mono()
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	l := a.c.lines[a.name]
	if l == nil || l.seen == nil {
		return soonest
	}
	waited := now - l.seen.since
	usual, known := a.c.holds.get(a.name)
	switch {
	case waited >= long:
		return min(rarest, waited/15)
	case !known:
		return min(often, soonest<<min(l.seen.looks-1, 10))
	case waited < usual/2:
		return min(seldom, max(soonest, usual/2-waited))
	}
	return min(often, max(soonest, usual/6))
}
