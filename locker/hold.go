package locker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"example.com/holdfast/internal/moment"
)

// hold is a lease as the client keeps it. The client refers to holds only, so
// that it notices when nobody has the [Lease] any more.
//
// A hold is believed in while less than span has passed since from, counted by
// [moment.Held]; then it is lost, even if no timer has fired yet.
type hold struct {
	c        *Client
	name     string
	owner    string
	ttl      time.Duration // that renewals ask for
	minHold  time.Duration
	maxHold  time.Duration
	renews   bool           // in the background
	acquired moment.Reading // when the grant was in hand: holds count from here, the lease from before its send

	// Guarded by schedule.mu.
	due   time.Duration // on the monotonic clock
	index int           // in the schedule; -1 when not there

	mu      sync.Mutex
	grant   Grant
	from    moment.Reading // before the send of what the store is known to have confirmed
	span    time.Duration
	err     error // nil while held, then ErrReleased, errClosing or a *LostError, for good
	done    latch // opened when err is set
	gone    latch // opened when the name needs nothing from this hold any more
	hooks   []*hook
	watch   runtime.Cleanup // of the Lease being dropped
	renewal renewal
	release releasing
}

// slack is what a holder takes off its lease, for a clock that runs slowly and
// for the time between looking at the clock and acting on it.
func (c *Client) slack(ttl time.Duration) time.Duration {
	if c.opts.InProcess {
		return 0
	}
	return max(ttl/100, 20*time.Millisecond)
}

// ttlFor returns the TTL of a lease that a holder believes in for d.
func (c *Client) ttlFor(d time.Duration) time.Duration {
	if c.opts.InProcess {
		return d
	}
	return d + max(d/99+1, 20*time.Millisecond)
}

// begin makes a lease of a grant. first is a reading from before the first send.
func (c *Client) begin(ctx context.Context, g Grant, first moment.Reading, o *Options) (*Lease, error) {
	h := &hold{
		c: c, name: g.Name, owner: o.Owner, ttl: o.TTL, minHold: o.MinHold, maxHold: o.MaxHold,
		renews: !o.NoRenewal, acquired: c.now(), index: -1,
		grant: g, from: first, span: o.TTL - c.slack(o.TTL),
	}
	h.renewal.due = h.nextRenewal()
	c.mu.Lock()
	closed := c.life.Err() != nil
	if !closed {
		c.lineLocked(g.Name).hold = h
	}
	c.mu.Unlock()
	if closed {
		c.abandon(Attempt{Name: g.Name, ID: g.ID, TTL: o.TTL}, first, nil, true)
		return nil, fmt.Errorf("locker: acquire %q: %w", g.Name, ErrClosed)
	}
	h.plan()
	if g.Ended != nil {
		c.background.spawn(func() {
			select {
			case <-g.Ended:
				c.emit(ctx, h.lose(LossExpired, nil))
			case <-h.whenDone():
			}
		})
	}
	return h.handle(), nil
}

// leftLocked returns how long the hold is still to be believed in.
func (h *hold) leftLocked(now moment.Reading) time.Duration {
	return h.span - moment.Held(h.from, now)
}

// check ends the hold if its time is over, and returns its error.
func (h *hold) check() error {
	now := h.c.now()
	h.mu.Lock()
	err, left := h.err, h.leftLocked(now)
	h.mu.Unlock()
	if err != nil || left > 0 {
		return err
	}
	h.c.emit(context.Background(), h.lose(LossExpired, nil))
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// lose ends the hold without a release, and returns the event to tell of it.
// Only the first end counts: of a hold that was over there is nothing to tell.
func (h *hold) lose(reason LossReason, cause error) Event {
	now := h.c.now()
	h.mu.Lock()
	if h.err != nil {
		h.mu.Unlock()
		return Event{}
	}
	if reason == LossExpired {
		if cause == nil {
			cause = h.renewal.lastErr
		}
		if h.renews && h.maxHoldReached(now) {
			reason = LossMaxHold
		}
	}
	lost := &LostError{Name: h.name, Token: h.grant.Token, Reason: reason, Cause: cause}
	hooks := h.endLocked(lost)
	e := h.eventLocked(EventLost)
	e.Held, e.Err = moment.Mono(h.acquired, now), lost
	h.mu.Unlock()

	runHooks(hooks, lost) // before the next in the line can begin
	if e.Held >= h.minHold {
		h.c.forgo(e.ID)
	}
	h.settle()
	return e
}

// endLocked is the one place where a hold ends. It returns the hooks to run.
func (h *hold) endLocked(err error) []*hook {
	h.err = err
	h.watch.Stop()
	h.done.release()
	if h.renewal.cancel != nil && !errors.Is(err, ErrReleased) {
		h.renewal.cancel() // nothing that it could still tell would matter
	}
	hooks := h.hooks
	h.hooks = nil
	return hooks
}

// settle gives the name free for the next in the client's line.
func (h *hold) settle() {
	h.c.schedule.remove(h)
	h.c.mu.Lock()
	if l := h.c.lines[h.name]; l != nil && l.hold == h {
		l.hold = nil
		h.c.tidyLocked(h.name)
	}
	h.c.mu.Unlock()
	h.mu.Lock()
	h.gone.release()
	h.mu.Unlock()
}

// whenDone returns the channel that is closed when the hold is over.
func (h *hold) whenDone() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done.wait()
}

// whenSettled returns the channel that is closed when the hold no longer stands
// in the way of the next in the line.
func (h *hold) whenSettled() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gone.wait()
}

// info describes the hold as another process would see it.
func (h *hold) info() Info {
	now := h.c.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	return Info{
		Name: h.name, AcquisitionID: h.grant.ID, Owner: h.owner, Token: h.grant.Token, TTL: h.grant.TTL,
		Acquired: h.acquired.Wall, State: StateHeld, Revision: h.grant.Revision, Remaining: max(0, h.leftLocked(now)),
	}
}

// eventLocked begins an event of this hold.
func (h *hold) eventLocked(kind EventKind) Event {
	return Event{Kind: kind, Name: h.name, ID: h.grant.ID, Owner: h.owner, Token: h.grant.Token}
}

// hook is a function to call at the end of a hold.
type hook struct{ f func(error) }

// onEnd calls f, once, at the end of the hold: at once if it is over. f must
// not block. stop keeps it from being called and reports whether it did.
func (h *hold) onEnd(f func(error)) (stop func() bool) {
	k := &hook{f}
	h.mu.Lock()
	err := h.err
	if err == nil {
		h.hooks = append(h.hooks, k)
	}
	h.mu.Unlock()
	if err != nil {
		f(err)
		return func() bool { return false }
	}
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for i, other := range h.hooks {
			if other == k {
				h.hooks = append(h.hooks[:i], h.hooks[i+1:]...)
				return true
			}
		}
		return false
	}
}

func runHooks(hooks []*hook, err error) {
	for _, k := range hooks {
		k.f(err)
	}
}
