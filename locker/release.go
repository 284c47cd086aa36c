package locker

import (
	"context"
	"errors"
	"time"

	"example.com/holdfast/internal/moment"
)

// releaseBound is how long a release is tried at most.
const releaseBound = 5 * time.Second

// releasing is the state of a hold's release.
type releasing struct {
	busy    bool
	free    latch // opened when the release under way ends; made anew for each
	unknown bool  // a send of it may have taken effect
	err     error // of the last one: a *ReleaseError may be repeated, a *LostError not
}

// releaseNow ends the hold and hands the acquisition on or tells the store; see
// [Lease.Release]. Once the first release was sent the acquisition is never renewed.
// h.err is set before either, to why.
func (h *hold) releaseNow(ctx context.Context, why error) error {
	acq := h.acq
	acq.c.background.enter() // Close waits for it
	defer acq.c.background.leave()
	h.check() // a lease whose time is over is lost, not released
	for {
		now := acq.c.now()
		var failed *ReleaseError
		acq.mu.Lock()
		switch {
		case h.err != nil && !errors.Is(h.err, ErrReleased): // a *LostError
			defer acq.mu.Unlock()
			return h.err
		case h.release != nil && h.release.busy:
			free := h.release.free.wait()
			acq.mu.Unlock()
			<-free
			continue
		case h.err != nil && !errors.As(h.release.err, &failed):
			defer acq.mu.Unlock()
			return h.release.err
		}
		first := h.err == nil
		var hooks *hook
		if first {
			hooks = h.endLocked(why)
			h.release = new(releasing)
		}
		left := acq.leftLocked(now)
		h.release.busy = true
		acq.mu.Unlock()

		runHooks(hooks, why) // before the next in the line can begin
		if first && why == ErrReleased && h.handOver(now) {
			acq.c.emit(ctx, h.released(now, nil))
			return nil
		}
		acq.retire()
		wanted, err := h.sendRelease(context.WithoutCancel(ctx), left)
		h.releaseSent(wanted, err)
		if first {
			acq.c.emit(ctx, h.released(now, err))
		}
		return err
	}
}

// retire keeps the acquisition from being renewed from now on, and reports whether
// it was not over before.
func (acq *acquisition) retire() (first bool) {
	acq.mu.Lock()
	first, acq.over = !acq.over, true
	acq.mu.Unlock()
	acq.c.schedule.remove(acq)
	return first
}

// released returns the event of a hold that was released at the reading now.
func (h *hold) released(now moment.Reading, err error) Event {
	h.acq.mu.Lock()
	defer h.acq.mu.Unlock()
	e := h.eventLocked(EventReleased)
	e.Held, e.Err = now.Mono-h.acquired, err
	return e
}

// sendRelease sends the release until its outcome is known, for as long as the
// lease had left and at most releaseBound. The first try is never cut short by
// ctx, and gets a moment even if the lease has none left. It also tells whether
// another process waits for the name.
func (h *hold) sendRelease(ctx context.Context, left time.Duration) (wanted bool, err error) {
	acq := h.acq
	c := acq.c
	bound := min(max(left, 100*time.Millisecond), releaseBound)
	ctx, cancel := c.bounded(ctx, bound)
	defer cancel()
	acq.mu.Lock()
	g, unknown := acq.grant, h.release.unknown
	end := h.acquired + h.minHold
	wanted = acq.wantedLocked()
	acq.mu.Unlock()
	start := c.mono()
	for n := 1; ; n++ {
		rest := max(0, end-c.mono())
		marked, err := c.sendRelease(ctx, g, rest)
		var lost *LostError
		switch {
		case err == nil:
			return wanted || marked, nil
		case errors.As(err, &lost) && unknown:
			return false, nil // an earlier send ended it; what is there now came later
		case errors.As(err, &lost):
			return false, &LostError{Name: acq.name, Token: h.token, Reason: lost.Reason, Cause: lost.Cause}
		}
		unknown = true
		acq.mu.Lock()
		h.release.unknown = true
		acq.mu.Unlock()
		if !errors.Is(err, ErrUnavailable) {
			return false, &ReleaseError{Name: acq.name, Cause: err}
		}
		if ctx.Err() == nil {
			c.sleep(ctx, c.backOff(n, acq.ttl), nil)
		}
		if ctx.Err() != nil || c.mono()-start >= bound {
			return false, &ReleaseError{Name: acq.name, Cause: err}
		}
	}
}

// releaseSent records what came of a release and lets the next in the line go
// on. After a release that was not confirmed this client may take the name over
// from itself, unless the name was to stay taken for a while.
func (h *hold) releaseSent(wanted bool, err error) {
	acq := h.acq
	acq.mu.Lock()
	h.release.busy, h.release.err = false, err
	h.release.free.release()
	h.release.free = latch{}
	if acq.renewal != nil && acq.renewal.cancel != nil {
		acq.renewal.cancel()
	}
	id, end := acq.grant.ID, h.acquired+h.minHold
	acq.mu.Unlock()
	var failed *ReleaseError
	switch unconfirmed := errors.As(err, &failed); {
	case unconfirmed && end <= acq.c.mono():
		acq.c.forgo(id)
	case err == nil && wanted:
		acq.c.yieldTo(acq.name)
	}
	acq.leaveSession(failed == nil, func() time.Duration { return end - acq.c.mono() })
	h.settle()
}
