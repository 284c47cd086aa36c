package locker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/internal/moment"
)

// resolve spends one acquisition ID: it sends the attempt, and sends it again
// while the outcome is not known, until it is. The lease counts from first, a
// reading from before the first of these sends: any of them may be the one that
// took effect. An ID that is not resolved in time for a useful lease is
// abandoned; so is one of which an earlier send may still arrive.
func (a *acquiring) resolve(ctx context.Context, stale string) (g Grant, first moment.Reading, err error) {
	a.tries++
	at := Attempt{Name: a.name, ID: a.c.newID(), Owner: a.o.Owner, TTL: a.o.TTL, Data: a.o.Data, Stale: stale, Tokens: 1}
	if !a.o.NoRenewal {
		at.Tokens = tokensAhead
	}
	first = a.c.now()
	limit := a.o.TTL/2 - a.c.slack(a.o.TTL)
	var last error // of an earlier send, whose outcome is not known; nil if there was none
	for n := 1; ; n++ {
		d := limit - moment.Held(first, a.c.now())
		if a.o.Wait == 0 {
			d = min(d, outage)
		}
		ans, f := a.c.try(ctx, at, d)
		if f != nil {
			a.c.abandon(at, first, f, last != nil)
			switch {
			case ctx.Err() == nil:
				last = fmt.Errorf("locker: acquire %q: no answer in time: %w", a.name, join(ErrUnavailable, last))
			case last == nil:
				last = contextError(ctx)
			}
			return Grant{}, first, last
		}
		spent := moment.Held(first, a.c.now())
		switch {
		case ans.err == nil && spent <= limit:
			return ans.grant, first, nil
		case ans.err == nil:
			a.c.abandon(at, first, nil, true)
			return Grant{}, first, fmt.Errorf("locker: acquire %q: answered after half of the TTL: %w", a.name, ErrUnavailable)
		case !errors.Is(ans.err, ErrUnavailable):
			if last != nil {
				a.c.abandon(at, first, nil, true)
			}
			return Grant{}, first, ans.err
		}
		last = ans.err
		delay := a.retryDelay(n)
		if spent+delay >= limit || a.waited()+delay >= a.patience() {
			a.c.abandon(at, first, nil, true)
			return Grant{}, first, ans.err
		}
		a.c.sleep(ctx, delay, nil)
		if ctx.Err() != nil {
			a.c.abandon(at, first, nil, true)
			return Grant{}, first, ans.err
		}
	}
}

// join wraps both errors in one line; b may be nil.
func join(a, b error) error {
	if b == nil {
		return a
	}
	return fmt.Errorf("%w; before that: %w", a, b)
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

// try makes one call of Backend.Acquire and waits for its answer, for d at most
// and while ctx lasts. Of a call that goes on after that it returns the flight. A
// backend in this process answers at once: there is no timer, which the test that
// moves the clock would see.
func (c *Client) try(ctx context.Context, at Attempt, d time.Duration) (answer, *flight) {
	if c.opts.InProcess {
		g, err := c.backend.Acquire(ctx, at)
		return answer{g, err}, nil
	}
	f := c.launch(ctx, at)
	ans, ok := f.await(ctx, d)
	if !ok {
		return answer{}, f
	}
	return ans, nil
}

// flight is a call of Backend.Acquire under way. It has a context of its own,
// so that a caller who goes away does not tear up a request whose outcome is
// then anybody's guess.
type flight struct {
	c       *Client
	answers chan answer
	cancel  context.CancelFunc
}

type answer struct {
	grant Grant
	err   error
}

func (c *Client) launch(ctx context.Context, at Attempt) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{c: c, answers: make(chan answer, 1), cancel: cancel}
	c.background.spawn(func() {
		defer cancel()
		g, err := c.backend.Acquire(ctx, at)
		f.answers <- answer{g, err}
	})
	return f
}

// await waits for the answer, for d at most and while ctx lasts. An answer that
// is there wins.
func (f *flight) await(ctx context.Context, d time.Duration) (answer, bool) {
	late := make(chan struct{})
	t := f.c.opts.Clock.AfterFunc(max(d, 0), func() { close(late) })
	defer t.Stop()
	select {
	case ans := <-f.answers:
		return ans, true
	case <-ctx.Done():
	case <-late:
	}
	select {
	case ans := <-f.answers:
		return ans, true
	default:
		return answer{}, false
	}
}

// abandon makes sure, in the background, that an attempt nobody waits for any
// more holds nothing: it lets a call under way come to its end, for as long as
// its answer may still tell something, and releases unless it is certain that no
// send took effect. From now on nobody believes in the ID, so that this client
// may take over whatever an even later send leaves behind.
func (c *Client) abandon(at Attempt, first moment.Reading, f *flight, unknown bool) {
	c.forgo(at.ID)
	c.background.spawn(func() {
		if f != nil {
			ans, ok := f.await(c.life, at.TTL/2-moment.Held(first, c.now()))
			if !ok {
				f.cancel()
				ans = <-f.answers
			}
			if ans.err != nil && !errors.Is(ans.err, ErrUnavailable) && !unknown {
				return
			}
		}
		c.releaseAbandoned(Grant{Name: at.Name, ID: at.ID, TTL: at.TTL}, nil)
	})
}

// releaseAbandoned releases an acquisition in which nobody believes, again and
// again, ever more rarely, until the store has confirmed it or a TTL has passed; it
// reports whether the record is settled. A client that is closed tries only a few
// times more. A nil hold frees the name at once.
func (c *Client) releaseAbandoned(g Grant, hold func() time.Duration) (settled bool) {
	const afterClose, rarest = 3, 30 * time.Second
	start, closed := c.now(), 0
	for n := 0; moment.Mono(start, c.now()) < g.TTL; n++ {
		ctx, cancel := c.bounded(context.Background(), releaseBound)
		var rest time.Duration
		if hold != nil {
			rest = max(0, hold())
		}
		err := c.backend.Release(ctx, g, rest)
		cancel()
		if !errors.Is(err, ErrUnavailable) {
			return err == nil || errors.Is(err, ErrLost) // else refused for good: it ends by itself
		}
		delay, wake := min(rarest, 25*time.Millisecond<<min(n, 11)), c.life.Done()
		if c.life.Err() != nil {
			if closed++; closed == afterClose {
				return false
			}
			delay, wake = 100*time.Millisecond, nil
		}
		c.sleep(context.Background(), c.jitter(delay), wake)
	}
	return false
}

// forgo remembers that nobody believes in an acquisition of this client.
func (c *Client) forgo(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.ended.put(id, struct{}{})
}
