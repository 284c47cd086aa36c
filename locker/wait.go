package locker

import (
	"context"
	"errors"
	"time"
)

// maxDoubt is how long a call that does not wait for holders waits for
// certainty that a lease which has ended may be taken over.
const maxDoubt = 3 * time.Second

// refused is called when another was seen holding the name. It returns when
// another try makes sense, with the revision that may be taken over, if any;
// tried is the one that the last try was allowed to take over, in vain.
func (a *acquiring) refused(ctx context.Context, info Info, tried string) (stale string, _ error) {
	info.Name = a.name
	if info.State == StateUnknown {
		info.State = StateHeld // that much the refusal says
	}
	a.saw(info)
	if a.staleIn(info) == 0 && tried != info.Revision {
		return info.Revision, nil // at once; after a take-over of it that was refused comes a pause
	}
	if a.o.Wait > 0 {
		return a.wait(ctx, info)
	}
	if info.Doubt <= 0 || a.doubted+info.Doubt > maxDoubt {
		return "", a.gaveUp(ctx)
	}
	a.doubted += info.Doubt
	a.c.sleep(ctx, info.Doubt, nil)
	if ctx.Err() != nil {
		return "", a.gaveUp(ctx)
	}
	return "", nil
}

// wait is the head of a line waiting for a holder. It looks at the store by
// reads, which cost little and can't get in the holder's way, until the name
// looks free or its lease may be taken over.
func (a *acquiring) wait(ctx context.Context, info Info) (stale string, _ error) {
	for {
		a.tellWaiting(ctx, info)
		if spare, err := a.awaitOwn(ctx); spare != nil || err != nil {
			return "", err
		}
		a.awaitChange(ctx, info, min(a.pollDelay(info), a.waitLeft()))
		if ctx.Err() != nil || a.waitLeft() == 0 {
			return "", a.gaveUp(ctx)
		}
		if a.c.poller != nil {
			next, err := a.c.poller.Poll(ctx, a.name)
			switch {
			case err == nil:
				info = next
				info.Name = a.name
			case ctx.Err() != nil:
				return "", a.gaveUp(ctx)
			case !errors.Is(err, ErrUnavailable):
				return "", err
			default:
				a.lastErr = err
				continue
			}
			if info.State != StateHeld {
				a.sawEnd(info)
				return "", nil
			}
			a.saw(info)
			a.markWanted(ctx, info)
		}
		if a.staleIn(info) == 0 {
			return info.Revision, nil
		}
		if a.c.poller == nil {
			return "", nil
		}
	}
}

// tellWaiting tells the observer, and whoever listens by ctx, for whom the call waits,
// once for each acquisition.
func (a *acquiring) tellWaiting(ctx context.Context, holder Info) {
	if a.told == holder.AcquisitionID {
		return
	}
	a.told = holder.AcquisitionID
	tellHolder(ctx, holder)
	a.c.emit(ctx, Event{Kind: EventWaiting, Name: a.name, Owner: a.o.Owner, Waited: a.waited(), Holder: holder})
}

// staleIn notes what was seen and returns how long it takes until the revision
// may be taken over by rule A; [Forever] if it never may.
func (a *acquiring) staleIn(info Info) time.Duration {
	now := a.c.now() // after the read that showed info
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	a.c.seen.note(info, now)
	if d, ok := a.c.seen.staleIn(info, now); ok && info.Revision != "" {
		return d
	}
	return Forever
}

// pollDelay returns how long to wait before the next look: as the line's sight of
// the holder suggests, cut short by the moment when a take-over may become possible.
func (a *acquiring) pollDelay(info Info) time.Duration {
	var d time.Duration
	if a.c.notifier != nil && info.Revision != a.awaited {
		d = 10 * time.Second // a net below the notifications
	} else {
		d = a.c.jitter(a.lookAfter())
	}
	if stale := a.staleIn(info); stale > 0 {
		d = min(d, stale)
	}
	switch {
	case info.Doubt > 0:
		d = min(d, info.Doubt)
	case info.Remaining > 0:
		d = min(d, info.Remaining)
	}
	return max(d, time.Millisecond)
}

// awaitChange waits for d, or until the store tells that the name's record has
// changed, or until ctx is done. A store that has told of a change is not asked
// about the same revision again: if it was wrong, that costs a few polls.
func (a *acquiring) awaitChange(ctx context.Context, info Info, d time.Duration) {
	if a.c.notifier == nil || info.Revision == a.awaited {
		a.c.sleep(ctx, d, nil)
		return
	}
	bound, cancel := context.WithCancel(ctx)
	defer cancel()
	t := a.c.opts.Clock.AfterFunc(d, cancel)
	defer t.Stop()
	if err := a.c.notifier.Await(bound, a.name, info.Revision); err == nil {
		a.awaited = info.Revision
	} else if bound.Err() == nil {
		a.c.sleep(ctx, d, nil) // the store can't tell just now
	}
}
