package locker

import (
	"context"
	"time"

	"example.com/holdfast/internal/moment"
)

// A lease that is released while others of this client wait is not released in
// the store: its acquisition stays in the line as a spare, for the call at its head.
// That makes a lease of it without a request, if its options and what is left
// permit, else takes it over from its own client by one write. A spare that nobody
// wants any more is released.
//
// The idea is lock cohorting: Dice, Marathe and Shavit, PPoPP 2012.

// tokensAhead is how many fencing tokens an acquisition reserves, and so how many
// leases can use it one after another.
const tokensAhead = 1000

// DefaultMaxLocalHold is the MaxLocalHold of the zero [ClientOptions].
const DefaultMaxLocalHold = time.Second

// handOver leaves the acquisition of a lease that has just ended, by a release at
// the reading now, to the next in the line. It reports false when that is not to
// be: then the lease is to be released in the store.
func (h *hold) handOver(now moment.Reading) bool {
	acq, c := h.acq, h.acq.c
	c.mu.Lock()
	acq.mu.Lock()
	l := c.lines[acq.name]
	ok := l != nil && l.hold == h && l.wantsSpare() && c.life.Err() == nil &&
		!acq.over && acq.leftLocked(now) > 0 && h.minHold <= now.Mono-h.acquired &&
		!acq.mustYieldLocked(now)
	if ok {
		l.hold, l.spare = nil, acq
		h.release.busy = false
		h.release.free.release()
		h.gone.release()
	}
	acq.mu.Unlock()
	c.mu.Unlock()
	return ok
}

// mustYieldLocked reports whether another process has waited for longer than leases
// of this one may follow each other.
func (acq *acquisition) mustYieldLocked(now moment.Reading) bool {
	return acq.wantedLocked() && now.Mono >= acq.rare.wanted+acq.c.opts.MaxLocalHold
}

// takeSpare makes a lease of the line's spare, for the call at the head of the line,
// without a request. Where that can't be it returns nil, and the revision that may
// be taken over: nobody will renew it or believe in it any more.
func (a *acquiring) takeSpare(ctx context.Context, spare *acquisition) (lease *Lease, stale string) {
	c := a.c
	now := c.now()
	c.mu.Lock()
	l := c.lines[a.name]
	spare.mu.Lock()
	var h *hold
	if c.life.Err() == nil && l.spare == spare && spare.suitsLocked(&a.o, now) {
		h = spare.leaseLocked(c.newID(), &a.o)
		if spare.next == Forever { // a maximum hold was over
			spare.next = spare.nextRenewalLocked()
		}
		if c.marker != nil && !spare.failingLocked() { // others who wait make themselves heard by the answer to a renewal
			spare.next = min(spare.next, spare.from.Mono+c.opts.MaxLocalHold)
		}
		l.hold, l.spare = h, nil
		if l.queued() > 1 { // the call itself, and others
			h.wanted.release()
		}
	} else {
		spare.over = true
		stale = spare.grant.Revision
	}
	left, g, busy := spare.leftLocked(now), spare.grant, spare.busyLocked()
	spare.mu.Unlock()
	ended := h == nil && left <= 0 // by itself
	if ended && l.spare == spare {
		l.spare = nil
	}
	c.mu.Unlock()
	if h == nil {
		c.schedule.remove(spare)
		c.forgo(g.ID)
		if ended && !spare.leaveSession(false, nil) && busy { // a renewal may still extend it
			c.background.spawn(func() { c.releaseAbandoned(g, nil) })
		}
		return nil, stale
	}
	spare.plan()
	spare.mu.Lock()
	e := h.eventLocked(EventHandedOver)
	spare.mu.Unlock()
	c.emit(ctx, e)
	return h.handle(), ""
}

// dropTakenLocked forgets the spare, whose record a grant has taken over.
func (l *line) dropTakenLocked() {
	if l.spare != nil {
		l.spare.leave()
		l.spare = nil
	}
}

// dropSpareLocked takes the spare out of a line in which nobody waits any more, and
// returns it, to be released.
func (c *Client) dropSpareLocked(l *line) *acquisition {
	if l.queued() > 0 || l.spare == nil {
		return nil
	}
	spare := l.spare
	l.spare = nil
	return spare
}

// discard releases a spare that nobody wants, in the background.
func (c *Client) discard(spare *acquisition) {
	spare.retire()
	spare.mu.Lock()
	g := spare.grant
	spare.mu.Unlock()
	c.forgo(g.ID)
	if !spare.leaveSession(false, nil) {
		c.background.spawn(func() { c.releaseAbandoned(g, nil) })
	}
}
