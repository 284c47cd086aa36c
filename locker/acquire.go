package locker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// Acquire takes the lock called name; see [Locker], whose contract it keeps.
//
// Calls for one name wait in a FIFO within a Client, and only the first of them
// asks the store. A call with [NoWait] does not queue: it makes its own try,
// except where this Client itself holds the name, which it knows without one.
func (c *Client) Acquire(ctx context.Context, name string, opts ...Option) (*Lease, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	o, err := c.options(name, opts)
	if err != nil {
		return nil, err
	}
	a := &acquiring{c: c, name: name, o: o, start: c.mono()}
	lease, err := a.call(ctx)
	e := a.event()
	if err != nil {
		e.Kind, e.Err = EventRefused, err
		c.emit(ctx, e)
		return nil, err
	}
	e.Kind, e.ID, e.Token, e.TookOver = EventAcquired, lease.ID(), lease.Token(), a.tookOver
	c.emit(ctx, e)
	return lease, nil
}

// options returns what a call asks for, checked.
func (c *Client) options(name string, opts []Option) (Options, error) {
	o := resolve(Options{TTL: c.opts.DefaultTTL, Wait: Forever}, opts)
	if o.Owner == "" {
		o.Owner = c.opts.Owner
	}
	if err := o.check(c.opts.MinTTL); err != nil {
		return Options{}, err
	}
	if o.RequireFencing && !c.opts.Fencing {
		return Options{}, fmt.Errorf("locker: acquire %q: %w", name, ErrNoFencing)
	}
	o.Data = bytes.Clone(o.Data) // an abandoned try may outlive the call
	return o, nil
}

// acquiring is one call of Acquire, or what one of AcquireAll does for one name.
type acquiring struct {
	c     *Client
	name  string
	o     Options
	start time.Duration // on the monotonic clock
	group bool          // the call is one of AcquireAll

	tries    int           // acquisition IDs spent
	awaited  string        // the revision whose change a Notifier told of last
	holder   Info          // as last seen; zero if never
	lastErr  error         // of the last look at the store, nil if it answered
	told     string        // the acquisition that an EventWaiting told of last
	tookOver bool          // the holder's lease had ended without a release
	doubted  time.Duration // time spent waiting for certainty with NoWait
}

// call is the call of Acquire, but for what comes before and after. Close ends it,
// and waits for what it leaves behind.
func (a *acquiring) call(ctx context.Context) (*Lease, error) {
	ctx, end := a.c.enter(ctx)
	defer end()
	return a.run(ctx)
}

// enter begins a call that Close ends and waits for, and returns its context.
func (c *Client) enter(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx) // panics for a nil ctx: before anything waits for this call
	c.background.enter()
	stop := context.AfterFunc(c.life, func() { cancel(errClosing) })
	return ctx, func() {
		stop()
		cancel(nil)
		c.background.leave()
	}
}

// run queues, tries and waits until the lock is held or the call has to end.
func (a *acquiring) run(ctx context.Context) (*Lease, error) {
	if ctx.Err() != nil || a.c.life.Err() != nil {
		return nil, a.gaveUp(ctx)
	}
	if a.o.Wait > 0 {
		w := a.enqueue()
		defer a.leave(w)
		if err := a.awaitTurn(ctx, w); err != nil {
			return nil, err
		}
		a.awaitLook(ctx)
	}
	stale := ""
	for {
		spare, err := a.awaitOwn(ctx)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil || a.c.life.Err() != nil {
			return nil, a.gaveUp(ctx)
		}
		if spare != nil {
			lease, revision := a.takeSpare(ctx, spare)
			if lease != nil {
				return lease, nil
			}
			if stale == "" {
				stale = revision
			}
		} else if err := a.yield(ctx); err != nil {
			return nil, err
		}
		grant, first, err := a.resolve(ctx, stale)
		if err == nil {
			a.tookOver = grant.TookOver && spare == nil && !a.c.isEnded(a.holder.AcquisitionID)
			return a.c.begin(ctx, grant, first, &a.o)
		}
		if stale, err = a.next(ctx, err, stale); err != nil {
			return nil, err
		}
	}
}

// next judges a try that failed. It returns once another try makes sense, with
// the revision that may be taken over then, or the error that ends the call.
func (a *acquiring) next(ctx context.Context, err error, tried string) (stale string, _ error) {
	var held *HeldError
	switch {
	case errors.As(err, &held):
		return a.refused(ctx, held.Holder, tried)
	case ctx.Err() != nil || a.c.life.Err() != nil:
		if errors.Is(err, ErrUnavailable) {
			a.lastErr = err
		}
		return "", a.gaveUp(ctx)
	case !errors.Is(err, ErrUnavailable):
		return "", err
	}
	a.lastErr = err
	delay := a.retryDelay(a.tries)
	if a.o.Wait == 0 || a.waited()+delay >= a.patience() {
		return "", a.gaveUp(ctx)
	}
	a.c.sleep(ctx, delay, nil)
	if ctx.Err() != nil {
		return "", a.gaveUp(ctx)
	}
	return "", nil
}

// event begins the event of the call's end.
func (a *acquiring) event() Event {
	return Event{Name: a.name, Owner: a.o.Owner, Waited: a.waited(), Tries: a.tries, Holder: a.holder}
}

// waited returns how long the call has lasted.
func (a *acquiring) waited() time.Duration { return a.c.mono() - a.start }

// waitLeft returns how long the call may go on waiting for a holder.
func (a *acquiring) waitLeft() time.Duration {
	if a.o.Wait == Forever {
		return Forever
	}
	return max(0, a.o.Wait-a.waited())
}

// outage is for how long a store that does not answer is asked again at least, so
// that one lost answer does not make a call fail.
const outage = 5 * time.Second

// patience returns how long after the call's start a store that does not answer is
// still asked again: as long as a holder would be waited for, and at least for an
// outage besides the time spent waiting for certainty.
func (a *acquiring) patience() time.Duration {
	return max(a.o.Wait, a.doubted+min(a.o.TTL/2, outage))
}

// knownHolder returns the holder that this call saw, else one that another call
// of the line it waits in saw, else the zero Info.
func (a *acquiring) knownHolder() Info {
	if a.holder.State != StateUnknown || a.o.Wait == 0 {
		return a.holder
	}
	a.c.mu.Lock()
	var own *hold
	var seen Info
	if l := a.c.lines[a.name]; l != nil {
		own = l.hold
		if l.seen != nil {
			seen = l.seen.info
		}
	}
	a.c.mu.Unlock()
	if own != nil {
		return own.acq.info()
	}
	return seen
}

// gaveUp returns the error of a call that ends without an answer of its own:
// because ctx is done, the client closed or the wait over.
func (a *acquiring) gaveUp(ctx context.Context) error {
	var cause error
	if a.c.life.Err() != nil {
		return fmt.Errorf("locker: acquire %q: %w", a.name, ErrClosed)
	} else if ctx.Err() != nil {
		cause = contextError(ctx)
	}
	switch holder := a.knownHolder(); {
	case holder.State != StateUnknown:
		if a.lastErr != nil { // told, but not matched: this is a refusal
			cause = describe(cause, a.lastErr)
		}
		return &HeldError{Name: a.name, Holder: holder, Cause: cause}
	case a.lastErr != nil && cause != nil:
		return fmt.Errorf("locker: acquire %q: %w: %w", a.name, cause, a.lastErr)
	case a.lastErr != nil:
		return a.lastErr
	case cause != nil:
		return fmt.Errorf("locker: acquire %q: %w", a.name, cause)
	}
	return &HeldError{Name: a.name, Holder: Info{Name: a.name}}
}

// describe adds the last look at the store to the cause of a refusal, in words.
func describe(cause, lastLook error) error {
	if cause == nil {
		return fmt.Errorf("the last look at the store failed: %v", lastLook)
	}
	return fmt.Errorf("%w; the last look at the store failed: %v", cause, lastLook)
}
