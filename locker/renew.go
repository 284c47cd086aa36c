package locker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/internal/moment"
)

// renewal is the state of a hold's renewals. At most one is under way.
type renewal struct {
	busy    bool
	free    latch              // opened when the one under way ends; made anew for each
	cancel  context.CancelFunc // of the try under way, or nil
	due     time.Duration      // of the next in the background, on the monotonic clock; never: Forever
	fails   int                // in a row
	lastErr error              // of the last one, nil if it succeeded
}

// nextRenewal returns when the renewal after a confirmed one is due: when a third
// of the TTL has been used up, a little earlier at random, so that leases taken
// together are not renewed together. A lease that Ensure made longer waits until
// two thirds of its TTL are left.
func (h *hold) nextRenewal() time.Duration {
	if !h.renews {
		return Forever
	}
	third := h.ttl / 3
	early := h.c.jitter(third/4) - third*3/16 // 0 to an eighth of a third
	return h.from.Mono + max(0, h.span+h.c.slack(h.ttl)-h.ttl) + third - early
}

// maxRenewal is how long one try to renew may take, so that several fit before the
// lease is over: a sixth of the TTL, and no longer than this.
const maxRenewal = 10 * time.Second

// maxHoldReached reports whether the background has to stop renewing.
func (h *hold) maxHoldReached(now moment.Reading) bool {
	return h.maxHold > 0 && moment.Mono(h.acquired, now) >= h.maxHold
}

// atLeast returns the TTL for a renewal that must not shorten a lease of which so
// much is left.
func (h *hold) atLeast(left time.Duration) time.Duration {
	return min(MaxTTL, max(h.ttl, h.c.ttlFor(left)))
}

// onDue is called by the schedule: the hold's time is over, or its renewal due. It
// returns what to tell when everybody else who is due has been served.
func (h *hold) onDue() Event {
	now := h.c.now()
	h.mu.Lock()
	over, expired := h.err != nil, h.leftLocked(now) <= 0
	start := !over && !expired && !h.renewal.busy && now.Mono >= h.renewal.due && !h.maxHoldReached(now)
	if start {
		h.renewal.busy = true
	}
	if now.Mono >= h.renewal.due {
		h.renewal.due = Forever // until the one under way ends
	}
	h.mu.Unlock()
	switch {
	case over:
		return Event{}
	case expired:
		return h.lose(LossExpired, nil)
	}
	h.plan()
	switch {
	case !start:
	case h.c.opts.InProcess:
		h.renewInBackground()
	default:
		h.c.background.spawn(h.renewInBackground)
	}
	return Event{}
}

// renewInBackground makes one try. The next one is planned when it has ended.
func (h *hold) renewInBackground() {
	ctx := context.Background()
	e, _ := h.send(ctx, func(left time.Duration) Renewal { return Renewal{TTL: h.atLeast(left)} })
	h.finish(true)
	h.c.emit(ctx, e)
}

// renewNow sends the renewal that want describes, which is told how long the
// lease has left, until its outcome is known. want may find that there is no need.
func (h *hold) renewNow(ctx context.Context, want func(left time.Duration) (Renewal, bool)) error {
	for n := 1; ; n++ {
		if err := h.check(); err != nil || !h.needs(want) {
			return err
		}
		if err := h.acquireRenewal(ctx); err != nil {
			return err
		}
		if !h.needs(want) { // the one that was under way has done it
			h.finish(false)
			return nil
		}
		e, err := h.send(ctx, func(left time.Duration) Renewal { r, _ := want(left); return r })
		h.finish(true)
		h.c.emit(ctx, e)
		if err == nil || !errors.Is(err, ErrUnavailable) {
			return err
		}
		if ctx.Err() == nil {
			h.c.sleep(ctx, h.c.backOff(n, h.ttl), h.whenDone())
		}
		if ctx.Err() != nil {
			return errors.Join(contextError(ctx), err)
		}
	}
}

// needs asks want whether there is something to do.
func (h *hold) needs(want func(left time.Duration) (Renewal, bool)) bool {
	now := h.c.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	_, needed := want(h.leftLocked(now))
	return needed
}

// acquireRenewal waits until no other renewal of the hold is under way.
func (h *hold) acquireRenewal(ctx context.Context) error {
	for {
		if err := h.check(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		h.mu.Lock()
		if !h.renewal.busy {
			h.renewal.busy = true
			h.mu.Unlock()
			return nil
		}
		free, done := h.renewal.free.wait(), h.done.wait()
		h.mu.Unlock()
		select {
		case <-free:
		case <-done:
		case <-ctx.Done():
		}
	}
}

// finish ends the renewal under way. If one was sent, or fell due meanwhile, it
// plans the next in the background: soon after one that failed.
func (h *hold) finish(sent bool) {
	now := h.c.now()
	h.mu.Lock()
	switch fails := h.renewal.fails; {
	case !sent && h.renewal.due != Forever:
	case fails > 0 && h.renews:
		h.renewal.due = now.Mono + h.c.backOff(fails+1, h.ttl)
	default:
		h.renewal.due = h.nextRenewal()
	}
	h.renewal.busy = false
	h.renewal.free.release()
	h.renewal.free = latch{}
	h.mu.Unlock()
	h.plan()
}

// send makes one try to renew, and returns the event to tell of it. The lease
// counts from before the send. Before a write that ends earlier than what the
// holder believes in, the belief is cut to that end: the write may take effect
// without an answer.
//
// An answer that comes when the time is over revives nothing.
func (h *hold) send(ctx context.Context, want func(left time.Duration) Renewal) (Event, error) {
	sent := h.c.now()
	h.mu.Lock()
	if err := h.err; err != nil {
		h.mu.Unlock()
		return Event{}, err
	}
	left := h.leftLocked(sent)
	if left <= 0 {
		h.mu.Unlock()
		return Event{}, h.check()
	}
	r := want(left)
	span := r.TTL - h.c.slack(r.TTL)
	shorter := span < left
	if shorter {
		h.from, h.span = sent, span
	}
	g := h.grant
	try, cancel := h.c.bounded(ctx, max(100*time.Millisecond, min(h.ttl/6, maxRenewal)))
	h.renewal.cancel = cancel
	h.mu.Unlock()
	if shorter {
		h.plan()
	}

	next, err := h.c.backend.Renew(try, g, r)
	if err != nil && try.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("locker: renew %q: no answer in time: %w: %w", h.name, ErrUnavailable, err)
	}
	cancel()

	over := h.check()
	now := h.c.now()
	h.mu.Lock()
	h.renewal.cancel = nil
	if next.ID == g.ID {
		h.grant = next
	}
	if over == nil {
		over = h.err
	}
	if over != nil {
		h.mu.Unlock()
		return Event{}, over
	}
	var lost *LostError
	if errors.As(err, &lost) {
		h.mu.Unlock()
		return h.lose(lost.Reason, lost.Cause), h.check()
	}
	e := h.eventLocked(EventRenewed)
	e.Remaining, e.Err = max(0, h.leftLocked(now)), err
	if err == nil {
		h.from, h.span = sent, span
		h.renewal.fails, h.renewal.lastErr = 0, nil
	} else {
		h.renewal.fails, h.renewal.lastErr = h.renewal.fails+1, err
		e.Kind = EventRenewFailed
	}
	h.mu.Unlock()
	return e, err
}
