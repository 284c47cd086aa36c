package locker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// renewal is the state of an acquisition's renewals while one is under way or the
// last one failed. At most one is under way.
type renewal struct {
	busy    bool
	free    latch              // opened when the one under way ends; made anew for each
	cancel  context.CancelFunc // of the try under way, or nil
	fails   int                // in a row
	lastErr error              // of the last one, nil if it succeeded
}

// renewalLocked returns the state of the renewals, made if need be.
func (acq *acquisition) renewalLocked() *renewal {
	if acq.renewal == nil {
		acq.renewal = new(renewal)
	}
	return acq.renewal
}

// failingLocked reports whether the last renewal failed.
func (acq *acquisition) failingLocked() bool { return acq.renewal != nil && acq.renewal.fails > 0 }

// busyLocked reports whether a renewal is under way.
func (acq *acquisition) busyLocked() bool { return acq.renewal != nil && acq.renewal.busy }

// nextRenewalLocked returns when the renewal after a confirmed one is due: when a
// third of the TTL has been used up, a little earlier at random, so that leases
// taken together are not renewed together. A lease that Ensure made longer waits
// until two thirds of its TTL are left; one whose session is renewed for it needs
// none, until that is given up.
func (acq *acquisition) nextRenewalLocked() time.Duration {
	switch {
	case !acq.renews:
		return Forever
	case acq.bound && acq.session.isClosed(): // given up while this was bound to it
		return acq.c.mono()
	case acq.bound:
		return Forever
	}
	third := acq.ttl / 3
	early := acq.c.jitter(third/4) - third*3/16 // 0 to an eighth of a third
	return acq.from.Mono + max(0, acq.span+acq.c.slack(acq.ttl)-acq.ttl) + third - early
}

// maxRenewal is how long one try to renew may take, so that several fit before the
// lease is over: a sixth of the TTL, and no longer than this.
const maxRenewal = 10 * time.Second

// atLeast returns the TTL for a renewal that must not shorten a lease of which so
// much is left.
func (acq *acquisition) atLeast(left time.Duration) time.Duration {
	return min(MaxTTL, max(acq.ttl, acq.c.ttlFor(left)))
}

// onDue is called by the schedule: the acquisition's time is over, or its renewal
// due. It returns what to tell when everybody else who is due has been served.
func (acq *acquisition) onDue() []Event {
	now := acq.c.now()
	acq.mu.Lock()
	due := now.Mono >= acq.next
	over, expired := acq.over || acq.idleLocked(), acq.leftLocked(now) <= 0
	start := !over && !expired && due && !acq.busyLocked() && !acq.maxHoldReachedLocked(now)
	if start {
		acq.renewalLocked().busy = true
	}
	if due && !over {
		acq.next = Forever // until the one under way ends
	}
	acq.mu.Unlock()
	switch {
	case over: // for good, or until the next lease on it
		return nil
	case expired:
		return acq.lose(LossExpired, nil)
	}
	acq.plan()
	switch {
	case !start:
	case acq.c.opts.InProcess:
		return acq.renewInBackground()
	default:
		acq.c.background.spawn(func() { acq.c.tell(context.Background(), acq.renewInBackground()) })
	}
	return nil
}

// renewInBackground makes one try, and returns what to tell of it. The next one is
// planned when it has ended.
func (acq *acquisition) renewInBackground() []Event {
	if acq.beats && acq.session.retireIfEmpty() {
		return nil
	}
	events, _ := acq.send(context.Background(), nil, acq.sessionToJoin(), func(left time.Duration) Renewal { return Renewal{TTL: acq.atLeast(left)} })
	acq.finish(true)
	return events
}

// renewNow sends the renewal that want describes, which is told how long the
// lease has left, until its outcome is known. want may find that there is no need.
func (h *hold) renewNow(ctx context.Context, want func(left time.Duration) (Renewal, bool)) error {
	acq := h.acq
	for n := 1; ; n++ {
		if err := h.check(); err != nil || !acq.needs(want) {
			return err
		}
		if err := h.acquireRenewal(ctx); err != nil {
			return err
		}
		if !acq.needs(want) { // the one that was under way has done it
			acq.finish(false)
			return nil
		}
		events, err := acq.send(ctx, h, nil, func(left time.Duration) Renewal { r, _ := want(left); return r })
		acq.finish(true)
		acq.c.tell(ctx, events)
		if err == nil || !errors.Is(err, ErrUnavailable) {
			return err
		}
		if ctx.Err() == nil {
			acq.c.sleep(ctx, acq.c.backOff(n, acq.ttl), h.whenDone())
		}
		if ctx.Err() != nil {
			return errors.Join(contextError(ctx), err)
		}
	}
}

// needs asks want whether there is something to do.
func (acq *acquisition) needs(want func(left time.Duration) (Renewal, bool)) bool {
	now := acq.c.now()
	acq.mu.Lock()
	defer acq.mu.Unlock()
	_, needed := want(acq.leftLocked(now))
	return needed
}

// acquireRenewal waits until no other renewal of the acquisition is under way.
func (h *hold) acquireRenewal(ctx context.Context) error {
	acq := h.acq
	for {
		if err := h.check(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		acq.mu.Lock()
		if !acq.busyLocked() {
			acq.renewalLocked().busy = true
			acq.mu.Unlock()
			return nil
		}
		free, done := acq.renewal.free.wait(), h.done.wait()
		acq.mu.Unlock()
		select {
		case <-free:
		case <-done:
		case <-ctx.Done():
		}
	}
}

// finish ends the renewal under way. If one was sent, or fell due meanwhile, it
// plans the next in the background: soon after one that failed.
func (acq *acquisition) finish(sent bool) {
	now := acq.c.now()
	acq.mu.Lock()
	r := acq.renewal
	switch {
	case !sent && acq.next != Forever:
	case r.fails > 0 && acq.renews:
		acq.next = now.Mono + acq.c.backOff(r.fails+1, acq.ttl)
	default:
		acq.next = acq.nextRenewalLocked()
	}
	r.free.release()
	if r.fails > 0 {
		r.busy, r.free = false, latch{}
	} else {
		acq.renewal = nil
	}
	acq.mu.Unlock()
	acq.plan()
}

// send makes one try to renew, and returns the events to tell of it: for the lease
// by or, if that is nil, in the background; bound to the session s or, if that is
// nil, for a time of its own. The lease counts from before the send. What others
// may go by once it takes effect, which it may without an answer, is what the
// holder goes by from before the send on.
//
// An answer that comes when the time is over revives nothing.
func (acq *acquisition) send(ctx context.Context, by *hold, s *session, want func(left time.Duration) Renewal) ([]Event, error) {
	c := acq.c
	if over, events := acq.expire(); over {
		return events, acq.whyOver(by)
	}
	sent := c.now()
	acq.mu.Lock()
	switch {
	case acq.over, by != nil && by.err != nil:
		acq.mu.Unlock()
		return nil, acq.whyOver(by)
	case by == nil && acq.maxHoldReachedLocked(sent): // since it fell due: it took long to find no session
		acq.mu.Unlock()
		return nil, nil
	}
	left := acq.leftLocked(sent)
	r := want(left)
	span := r.TTL - c.slack(r.TTL)
	if s == nil { // to join one has lowered it already
		acq.lowerLocked(sent, span)
		acq.altered = acq.altered || r.Data != nil || r.TTL != acq.ttl
	}
	g := acq.grant
	try, cancel := c.bounded(ctx, max(100*time.Millisecond, min(acq.ttl/6, maxRenewal)))
	acq.renewal.cancel = cancel
	acq.mu.Unlock()
	acq.plan()

	var next Grant
	var err error
	if s != nil {
		next, err = c.binder.Bind(try, g, s.grant())
	} else {
		next, err = c.backend.Renew(try, g, r)
	}
	if err != nil && try.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("locker: renew %q: no answer in time: %w: %w", acq.name, ErrUnavailable, err)
	}
	cancel()

	over, events := acq.expire()
	now := c.now()
	acq.mu.Lock()
	acq.renewal.cancel = nil
	if next.ID == g.ID {
		acq.grant = next
	}
	if over || acq.over { // by now: its session may have been lost
		acq.mu.Unlock()
		return events, acq.whyOver(by)
	}
	var lost *LostError
	if errors.As(err, &lost) {
		acq.mu.Unlock()
		return acq.lose(lost.Reason, lost.Cause), acq.whyOver(by)
	}
	remaining := max(0, acq.leftLocked(now))
	kind := EventRenewed
	if err == nil {
		acq.confirmedLocked(sent, span, s)
		acq.renewal.fails, acq.renewal.lastErr = 0, nil
		if next.Wanted {
			acq.wantedSinceLocked(now.Mono)
		}
	} else {
		acq.renewal.fails, acq.renewal.lastErr = acq.renewal.fails+1, err
		kind = EventRenewFailed
	}
	if h := acq.lease; h != nil && h.err == nil {
		e := h.eventLocked(kind)
		e.Remaining, e.Err = remaining, err
		events = append(events, e)
	} else if acq.beats && err != nil {
		events = append(events, Event{Kind: kind, Name: acq.name, ID: g.ID, Owner: acq.ownerLocked(), Token: g.Token, Remaining: remaining, Err: err})
	}
	if by != nil && by.err != nil {
		err = by.err
	}
	acq.mu.Unlock()
	return events, err
}

// whyOver returns why the lease is over: for the background, that it is.
func (acq *acquisition) whyOver(by *hold) error {
	acq.mu.Lock()
	defer acq.mu.Unlock()
	if by == nil || by.err == nil {
		return ErrReleased
	}
	return by.err
}
