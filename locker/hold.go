package locker

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"example.com/holdfast/internal/moment"
)

// hold is a lease as the client keeps it, on an acquisition. The client refers to
// holds only, so that it notices when nobody has the [Lease] any more.
//
// The fields from minHold on are guarded by the mutex of the acquisition; those before
// never change.
type hold struct {
	acq   *acquisition
	id    string // of the lease; of the first on an acquisition, the acquisition's
	token Token

	// These change only where the lease is one of a [Group] that is not complete yet.
	minHold  time.Duration
	maxHold  time.Duration
	acquired time.Duration // when the grant was in hand, on the monotonic clock: holds count from here, the lease from before its send

	err     error           // nil while held, then ErrReleased, errClosing or a *LostError, for good
	done    latch           // opened when err is set
	gone    latch           // opened when the name needs nothing from this hold any more
	wanted  latch           // opened when somebody waits for the name
	hooks   *hook           // to run at the end
	watch   runtime.Cleanup // of the Lease being dropped
	release *releasing      // nil before the first release
}

// begin makes a lease of a grant. first is a reading from before the first send.
func (c *Client) begin(ctx context.Context, g Grant, first moment.Reading, o *Options) (*Lease, error) {
	acq := &acquisition{
		c: c, name: g.Name, ttl: o.TTL, renews: !o.NoRenewal, index: -1,
		grant: g, from: first, span: o.TTL - c.slack(o.TTL),
	}
	if o.Data != nil || o.Owner != c.opts.Owner {
		acq.rare = &rare{owner: o.Owner, data: o.Data}
	}
	acq.mu.Lock()
	acq.next = acq.nextRenewalLocked()
	h := acq.leaseLocked(g.ID, o)
	if g.Wanted {
		acq.wantedSinceLocked(c.mono())
	}
	acq.mu.Unlock()
	c.mu.Lock()
	closed := c.life.Err() != nil
	if !closed {
		c.lineLocked(g.Name).begin(h, o.Wait > 0)
	}
	c.mu.Unlock()
	if closed {
		c.abandon(Attempt{Name: g.Name, ID: g.ID, TTL: o.TTL})
		return nil, fmt.Errorf("locker: acquire %q: %w", g.Name, ErrClosed)
	}
	acq.plan()
	if g.Ended != nil {
		c.background.spawn(func() {
			select {
			case <-g.Ended:
				c.tell(ctx, acq.lose(LossExpired, nil))
			case <-h.whenDone():
			}
		})
	}
	return h.handle(), nil
}

// leaseLocked makes the next lease on the acquisition.
func (acq *acquisition) leaseLocked(id string, o *Options) *hold {
	h := &hold{
		acq: acq, id: id, token: acq.grant.Token + Token(acq.spent),
		minHold: o.MinHold, maxHold: o.MaxHold, acquired: acq.c.mono(),
	}
	acq.spent++
	acq.lease = h
	if acq.wantedLocked() {
		h.wanted.release()
	}
	return h
}

// suitsLocked reports whether a lease with these options may go on with the acquisition:
// then others see the same as of a new one, the store ends it like any, and whatever
// ends it, the name stays taken for the minimum hold and no longer than a TTL after the
// maximum hold: what may be bound to a session is released when it is lost, and lives as
// long as that.
func (acq *acquisition) suitsLocked(o *Options, now moment.Reading) bool {
	data := acq.dataLocked()
	return acq.grant.Ended == nil && !acq.over && !acq.altered && !acq.guarded && acq.renews && !o.NoRenewal && (o.MaxHold == 0 && o.MinHold == 0 || acq.session == nil) &&
		acq.ownerLocked() == o.Owner && acq.ttl == o.TTL && (data == nil) == (o.Data == nil) && bytes.Equal(data, o.Data) &&
		int(acq.spent) < min(acq.grant.Tokens, tokensAhead) && acq.leftLocked(now) >= max(acq.ttl/2, o.MinHold)
}

// check ends the hold if its time is over, and returns its error.
func (h *hold) check() error {
	now := h.acq.c.now()
	h.acq.mu.Lock()
	err, left := h.err, h.acq.leftLocked(now)
	h.acq.mu.Unlock()
	if err != nil || left > 0 {
		return err
	}
	h.acq.c.tell(context.Background(), h.acq.lose(LossExpired, nil))
	h.acq.mu.Lock()
	defer h.acq.mu.Unlock()
	return h.err
}

// endLocked is the one place where a hold ends. It returns the hooks to run.
func (h *hold) endLocked(err error) *hook {
	h.err = err
	h.watch.Stop()
	h.done.release()
	hooks := h.hooks
	h.hooks = nil
	return hooks
}

// settle gives the name free for the next in the client's line.
func (h *hold) settle() {
	c := h.acq.c
	c.mu.Lock()
	if l := c.lines[h.acq.name]; l != nil && l.hold == h {
		l.hold = nil
		c.tidyLocked(h.acq.name)
	}
	c.mu.Unlock()
	h.acq.mu.Lock()
	h.gone.release()
	h.acq.mu.Unlock()
}

// showWanted tells the holder that a call of this client waits.
func (h *hold) showWanted() {
	h.acq.mu.Lock()
	defer h.acq.mu.Unlock()
	h.wanted.release()
}

// whenDone returns the channel that is closed when the hold is over.
func (h *hold) whenDone() <-chan struct{} {
	h.acq.mu.Lock()
	defer h.acq.mu.Unlock()
	return h.done.wait()
}

// whenSettled returns the channel that is closed when the hold no longer stands
// in the way of the next in the line.
func (h *hold) whenSettled() <-chan struct{} {
	h.acq.mu.Lock()
	defer h.acq.mu.Unlock()
	return h.gone.wait()
}

// eventLocked begins an event of this hold.
func (h *hold) eventLocked(kind EventKind) Event {
	return Event{Kind: kind, Name: h.acq.name, ID: h.id, Owner: h.acq.ownerLocked(), Token: h.token}
}

// hook is a function to call at the end of a hold, and what was to be called before
// it was added.
type hook struct {
	f    func(error)
	next *hook
}

// onEnd calls f, once, at the end of the hold: at once if it is over. f must
// not block. stop keeps it from being called and reports whether it did.
func (h *hold) onEnd(f func(error)) (stop func() bool) {
	k := &hook{f: f}
	h.acq.mu.Lock()
	err := h.err
	if err == nil {
		k.next, h.hooks = h.hooks, k
	}
	h.acq.mu.Unlock()
	if err != nil {
		f(err)
		return func() bool { return false }
	}
	return func() bool {
		h.acq.mu.Lock()
		defer h.acq.mu.Unlock()
		for p := &h.hooks; *p != nil; p = &(*p).next {
			if *p == k {
				*p = k.next
				return true
			}
		}
		return false
	}
}

// runHooks calls them in the order in which they were added.
func runHooks(last *hook, err error) {
	var all []*hook
	for k := last; k != nil; k = k.next {
		all = append(all, k)
	}
	for _, k := range slices.Backward(all) {
		k.f(err)
	}
}
