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

// releaseNow ends the hold and tells the store; see [Lease.Release]. Once the
// first release was sent the acquisition is never renewed: h.err is set before, to
// why.
func (h *hold) releaseNow(ctx context.Context, why error) error {
	h.check() // a lease whose time is over is lost, not released
	for {
		now := h.c.now()
		var failed *ReleaseError
		h.mu.Lock()
		switch {
		case h.err != nil && !errors.Is(h.err, ErrReleased): // a *LostError
			defer h.mu.Unlock()
			return h.err
		case h.release.busy:
			free := h.release.free.wait()
			h.mu.Unlock()
			<-free
			continue
		case h.err != nil && !errors.As(h.release.err, &failed):
			defer h.mu.Unlock()
			return h.release.err
		}
		first := h.err == nil
		var hooks []*hook
		if first {
			hooks = h.endLocked(why)
		}
		left := h.leftLocked(now)
		h.release.busy = true
		h.mu.Unlock()

		runHooks(hooks, why)
		err := h.sendRelease(context.WithoutCancel(ctx), left)
		e := h.releaseSent(err)
		if first {
			e.Held, e.Err = moment.Mono(h.acquired, now), err
			h.c.emit(ctx, e)
		}
		return err
	}
}

// sendRelease sends the release until its outcome is known, for as long as the
// lease had left and at most releaseBound. The first try is never cut short by
// ctx, and gets a moment even if the lease has none left.
func (h *hold) sendRelease(ctx context.Context, left time.Duration) error {
	bound := min(max(left, 100*time.Millisecond), releaseBound)
	ctx, cancel := h.c.bounded(ctx, bound)
	defer cancel()
	h.mu.Lock()
	g, unknown := h.grant, h.release.unknown
	h.mu.Unlock()
	start := h.c.now()
	for n := 1; ; n++ {
		rest := max(0, h.minHold-moment.Mono(h.acquired, h.c.now()))
		err := h.c.backend.Release(ctx, g, rest)
		var lost *LostError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &lost) && unknown:
			return nil // an earlier send ended it; what is there now came later
		case errors.As(err, &lost):
			return &LostError{Name: h.name, Token: g.Token, Reason: lost.Reason, Cause: lost.Cause}
		}
		unknown = true
		h.mu.Lock()
		h.release.unknown = true
		h.mu.Unlock()
		if !errors.Is(err, ErrUnavailable) {
			return &ReleaseError{Name: h.name, Cause: err}
		}
		if ctx.Err() == nil {
			h.c.sleep(ctx, h.c.backOff(n, h.ttl), nil)
		}
		if ctx.Err() != nil || moment.Mono(start, h.c.now()) >= bound {
			return &ReleaseError{Name: h.name, Cause: err}
		}
	}
}

// releaseSent records what came of a release and lets the next in the line go
// on. After a release that was not confirmed this client may take the name over
// from itself, unless the name was to stay taken for a while.
func (h *hold) releaseSent(err error) Event {
	h.mu.Lock()
	e := h.eventLocked(EventReleased)
	h.mu.Unlock()
	var failed *ReleaseError
	if errors.As(err, &failed) && h.minHold == 0 {
		h.c.forgo(e.ID)
	}
	h.mu.Lock()
	h.release.busy, h.release.err = false, err
	h.release.free.release()
	h.release.free = latch{}
	if h.renewal.cancel != nil {
		h.renewal.cancel()
	}
	h.mu.Unlock()
	h.settle()
	return e
}
