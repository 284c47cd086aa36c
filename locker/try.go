package locker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/internal/moment"
)

// resolve spends one acquisition ID on the name.
func (a *acquiring) resolve(ctx context.Context, stale string) (g Grant, first moment.Reading, err error) {
	at := a.attempt(stale)
	first, err = a.untilKnown(ctx, func(d time.Duration) (err error) {
		g, err = a.c.try(ctx, at, d)
		return err
	}, func() { a.c.abandon(at) })
	return g, first, err
}

// attempt returns one with a new acquisition ID.
func (a *acquiring) attempt(stale string) Attempt {
	a.tries++
	at := Attempt{Name: a.name, ID: a.c.newID(), Owner: a.o.Owner, TTL: a.o.TTL, Data: a.o.Data, Stale: stale, Tokens: 1}
	if !a.o.NoRenewal {
		at.Tokens = tokensAhead
	}
	return at
}

// untilKnown sends an attempt, and sends it again while the outcome is not known,
// until it is. The lease counts from first, a reading from before the first of these sends: any of them may be the one that
// took effect. An ID that is not resolved in time for a useful lease is
// abandoned; so is one of which an earlier send may still arrive.
func (a *acquiring) untilKnown(ctx context.Context, send func(time.Duration) error, abandon func()) (first moment.Reading, err error) {
	first = a.c.now()
	limit := a.o.TTL/2 - a.c.slack(a.o.TTL)
	var last error          // of an earlier send, whose outcome is not known; nil if there was none
	var spent time.Duration // since first
	for n := 1; ; n++ {
		d := limit - spent
		if a.o.Wait == 0 {
			d = min(d, outage)
		}
		err := send(d)
		spent = moment.Held(first, a.c.now())
		switch {
		case err == nil && spent <= limit:
			return first, nil
		case err == nil:
			abandon()
			return first, fmt.Errorf("locker: acquire %q: answered after half of the TTL: %w", a.name, ErrUnavailable)
		case !errors.Is(err, ErrUnavailable):
			if last != nil {
				abandon()
			}
			return first, err
		case ctx.Err() != nil && last == nil:
			abandon()
			return first, contextError(ctx)
		}
		last = err
		delay := a.retryDelay(n)
		if ctx.Err() == nil && spent+delay < limit && a.waited()+delay < a.patience() {
			a.c.sleep(ctx, delay, nil)
			if ctx.Err() == nil {
				spent = moment.Held(first, a.c.now())
				continue
			}
		}
		abandon()
		return first, err
	}
}

// retryDelay returns how long to wait before a store that did not answer is
// asked for the n-th time again: from 25 ms, doubled each time up to 1 s or a
// tenth of the TTL.
func (a *acquiring) retryDelay(n int) time.Duration { return a.c.backOff(n, a.o.TTL) }

func (c *Client) backOff(n int, ttl time.Duration) time.Duration {
	if n == 1 && c.opts.InProcess {
		return 0
	}
	longest := max(time.Millisecond, min(ttl/10, time.Second))
	return c.jitter(min(longest, 25*time.Millisecond<<min(n-1, 10)))
}

// try makes one call of Backend.Acquire, for d at most and while ctx lasts. What
// ends before it was answered is of unknown outcome.
func (c *Client) try(ctx context.Context, at Attempt, d time.Duration) (Grant, error) {
	bound, cancel := c.bounded(ctx, d)
	defer cancel()
	g, err := c.backend.Acquire(bound, at)
	if err == nil || bound.Err() == nil || errors.Is(err, ErrHeld) || errors.Is(err, ErrUnavailable) {
		return g, err
	}
	return Grant{}, fmt.Errorf("locker: acquire %q: no answer in time: %w: %w", at.Name, ErrUnavailable, err)
}

// straggler is how long a send may be on its way that its sender has given up.
const straggler = 2 * time.Second

// abandon makes sure, in the background, that an attempt which may have taken effect
// holds nothing: also one that arrives after the first release, if the name could
// be taken until then. From now on nobody believes in the ID, so that this client may take
// over whatever an even later arrival leaves behind.
func (c *Client) abandon(at Attempt) {
	c.forgo(at.ID)
	c.background.spawn(func() {
		g := Grant{Name: at.Name, ID: at.ID, TTL: at.TTL}
		var lost *LostError
		if err := c.releaseAbandoned(g, nil); errors.As(err, &lost) && (lost.Reason == LossGone || at.Stale != "") {
			c.sleep(context.Background(), straggler, c.life.Done())
			c.releaseAbandoned(g, nil)
		}
	})
}

// releaseAbandoned releases an acquisition in which nobody believes, again and
// again, ever more rarely, until its outcome is known or a TTL has passed, and returns
// the last error. A client that is closed tries only a few times more. A nil hold
// frees the name at once.
func (c *Client) releaseAbandoned(g Grant, hold func() time.Duration) (err error) {
	const afterClose, rarest = 3, 30 * time.Second
	start, closed := c.now(), 0
	for n := 0; n == 0 || moment.Mono(start, c.now()) < g.TTL; n++ {
		var rest time.Duration
		if hold != nil {
			rest = max(0, hold())
		}
		ctx, cancel := c.bounded(context.Background(), releaseBound)
		err = c.backend.Release(ctx, g, rest)
		cancel()
		if !errors.Is(err, ErrUnavailable) {
			return err // released, or never there, or refused for good: then it ends by itself
		}
		delay, wake := min(rarest, 25*time.Millisecond<<min(n, 11)), c.life.Done()
		if c.life.Err() != nil {
			if closed++; closed == afterClose {
				return err
			}
			delay, wake = 100*time.Millisecond, nil
		}
		c.sleep(context.Background(), c.jitter(delay), wake)
	}
	return err
}

// isEnded reports whether an acquisition is one of this client that is over.
func (c *Client) isEnded(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.seen.ended.get(id)
	return ok
}

// forgo remembers that nobody believes in an acquisition of this client.
func (c *Client) forgo(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.ended.put(id, struct{}{})
}
