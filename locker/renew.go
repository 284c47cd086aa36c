package locker

import (
	"context"
	"errors"
	"time"

	"example.com/holdfast/internal/moment"
)

// renewal is the state of a hold's renewals. At most one is under way.
type renewal struct {
	busy    bool
	free    latch              // opened when the one under way ends; made anew for each
	cancel  context.CancelFunc // of the background renewal under way, or nil
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

// maxHoldReached reports whether the background has to stop renewing.
func (h *hold) maxHoldReached(now moment.Reading) bool {
	return h.maxHold > 0 && moment.Mono(h.acquired, now) >= h.maxHold
}

// atLeast returns the TTL for a renewal that must not shorten a lease of which so
// much is left.
func (h *hold) atLeast(left time.Duration) time.Duration {
	return min(MaxTTL, max(h.ttl, left+h.c.slack(h.ttl)))
}

// onDue is called by the schedule: the hold's time is over, or its renewal due.
func (h *hold) onDue() {
	if h.check() != nil {
		return
	}
	now := h.c.now()
	h.mu.Lock()
	if h.maxHoldReached(now) {
		h.renewal.due = Forever
	}
	start := h.err == nil && !h.renewal.busy && now.Mono >= h.renewal.due
	var ctx context.Context
	if start {
		h.renewal.busy = true
		ctx, h.renewal.cancel = context.WithCancel(context.Background())
		h.renewal.due = Forever // until this one has ended
	}
	h.mu.Unlock()
	h.plan()
	switch {
	case !start:
	case h.c.opts.InProcess:
		h.renewInBackground(ctx)
	default:
		h.c.background.spawn(func() { h.renewInBackground(ctx) })
	}
}

// renewInBackground makes one try and plans the next.
func (h *hold) renewInBackground(ctx context.Context) {
	err := h.send(ctx, func(left time.Duration) Renewal { return Renewal{TTL: h.atLeast(left)} })
	h.mu.Lock()
	if err == nil {
		h.renewal.due = h.nextRenewal()
	} else {
		h.renewal.due = h.c.now().Mono + h.c.backOff(h.renewal.fails+1, h.ttl)
	}
	h.renewal.cancel()
	h.renewal.cancel = nil
	h.mu.Unlock()
	h.finish()
}

// renewNow sends the renewal that want describes, which is told how long the
// lease has left, until its outcome is known. want may find that there is no need.
func (h *hold) renewNow(ctx context.Context, want func(left time.Duration) (Renewal, bool)) error {
	for n := 1; ; n++ {
		if err := h.acquireRenewal(ctx); err != nil {
			return err
		}
		h.mu.Lock()
		_, needed := want(h.leftLocked(h.c.now()))
		h.mu.Unlock()
		var err error
		if needed {
			err = h.send(ctx, func(left time.Duration) Renewal { r, _ := want(left); return r })
			h.mu.Lock()
			if err == nil && h.renewal.due != Forever {
				h.renewal.due = h.nextRenewal()
			}
			h.mu.Unlock()
		}
		h.finish()
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

// finish lets the next renewal of the hold begin.
func (h *hold) finish() {
	h.mu.Lock()
	h.renewal.busy = false
	h.renewal.free.release()
	h.renewal.free = latch{}
	h.mu.Unlock()
	h.plan()
}

// send makes one try to renew. The lease counts from before the send. Before a
// write that ends earlier than what the holder believes in, the belief is cut to
// that end: the write may take effect without an answer.
//
// An answer that comes when the time is over revives nothing.
func (h *hold) send(ctx context.Context, want func(left time.Duration) Renewal) error {
	if err := h.check(); err != nil {
		return err
	}
	sent := h.c.now()
	h.mu.Lock()
	if h.err != nil {
		defer h.mu.Unlock()
		return h.err
	}
	r := want(h.leftLocked(sent))
	span := r.TTL - h.c.slack(r.TTL)
	if span < h.leftLocked(sent) {
		h.from, h.span = sent, span
	}
	g := h.grant
	h.mu.Unlock()

	next, err := h.c.backend.Renew(ctx, g, r)

	lost := h.check()
	now := h.c.now()
	h.mu.Lock()
	if next.ID == g.ID {
		h.grant = next
	}
	e := h.eventLocked(EventRenewed)
	e.Remaining, e.Err = max(0, h.leftLocked(now)), err
	if lost == nil {
		lost = h.err
	}
	switch {
	case lost != nil:
	case err == nil:
		h.from, h.span = sent, span
		h.renewal.fails, h.renewal.lastErr = 0, nil
	default:
		h.renewal.fails, h.renewal.lastErr = h.renewal.fails+1, err
	}
	h.mu.Unlock()

	if lost != nil {
		return lost
	}
	var taken *LostError
	if errors.As(err, &taken) {
		h.lose(ctx, taken.Reason, taken.Cause)
		return h.check()
	}
	if err != nil {
		e.Kind = EventRenewFailed
	}
	h.c.emit(ctx, e)
	return err
}
