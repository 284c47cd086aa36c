package locktest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// maker makes a Locker on b that breaks a rule. open makes an honest Client.
type maker func(tb testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker

// wrapper is a Client of which some methods are replaced.
type wrapper struct {
	*locker.Client
	acquire    acquireFunc
	acquireAll func(ctx context.Context, names []string, opts ...locker.Option) (*locker.Group, error)
	close      func(context.Context) error
}

type acquireFunc = func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error)

func (w *wrapper) Acquire(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
	if w.acquire == nil {
		return w.Client.Acquire(ctx, name, opts...)
	}
	return w.acquire(ctx, name, opts...)
}

func (w *wrapper) Close(ctx context.Context) error {
	if w.close == nil {
		return w.Client.Close(ctx)
	}
	return w.close(ctx)
}

// acquires is a maker of Lockers whose Acquire is wrapped.
func acquires(wrap func(tb testing.TB, next acquireFunc) acquireFunc) maker {
	return func(tb testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
		c := open(b)
		return &wrapper{Client: c, acquire: wrap(tb, c.Acquire)}
	}
}

// resolves is a maker of Lockers that understand the options in their own way.
func resolves(change func(*locker.Options)) maker {
	return acquires(func(_ testing.TB, next acquireFunc) acquireFunc {
		return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
			return next(ctx, name, append(slices.Clip(opts), change)...)
		}
	})
}

// sends is a maker of Lockers whose requests of op go through fault.
func sends(op Op, fault Fault) maker {
	return func(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
		f := NewFaulty(b)
		f.Inject(op, -1, fault)
		return open(f.Backend())
	}
}

// sendsAll is sends for all operations.
func sendsAll(fault func() Fault) maker {
	return func(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
		f := NewFaulty(b)
		f.InjectAll(fault())
		return open(f.Backend())
	}
}

// closes is a maker of Lockers with a Close of their own.
func closes(do func(ctx context.Context, c *locker.Client) error) maker {
	return func(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
		c := open(b)
		return &wrapper{Client: c, close: func(ctx context.Context) error { return do(ctx, c) }}
	}
}

// closesOnce is a maker of Lockers that complain about being closed again.
func closesOnce(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	c := open(b)
	var closed atomic.Bool
	return &wrapper{Client: c, close: func(ctx context.Context) error {
		if closed.Swap(true) {
			return locker.ErrClosed
		}
		return c.Close(ctx)
	}}
}

// renames puts all locks into a place of its own.
func renames(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	c := open(b)
	return &wrapper{Client: c, acquire: locker.Prefix(c, "locks/").Acquire}
}

// remembers has one lease for each name, or for all: whoever asks again gets it
// while it lasts.
func remembers(one bool) maker {
	return acquires(func(_ testing.TB, next acquireFunc) acquireFunc {
		var mu sync.Mutex
		leases := make(map[string]*locker.Lease)
		return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
			key := name
			if one {
				key = ""
			}
			mu.Lock()
			known := leases[key]
			mu.Unlock()
			if known != nil && known.Err() == nil {
				return known, nil
			}
			lease, err := next(ctx, name, opts...)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				leases[key] = lease
			}
			return lease, err
		}
	})
}

// bindsToCtx lets the ctx of Acquire own the lease.
func bindsToCtx(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		lease, err := next(ctx, name, opts...)
		if err == nil {
			context.AfterFunc(ctx, func() { lease.Release(context.Background()) })
		}
		return lease, err
	}
}

// ignoresCtx does not look at ctx.
func ignoresCtx(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		return next(context.WithoutCancel(ctx), name, opts...)
	}
}

// leavesZombies returns when ctx is done, and forgets about the call that goes on.
func leavesZombies(_ testing.TB, next acquireFunc) acquireFunc {
	type result struct {
		lease *locker.Lease
		err   error
	}
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		results := make(chan result, 1)
		go func() {
			lease, err := next(context.WithoutCancel(ctx), name, opts...)
			results <- result{lease, err}
		}()
		select {
		case r := <-results:
			return r.lease, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// hidesHolders says of a wait that ctx has ended only that.
func hidesHolders(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		lease, err := next(ctx, name, opts...)
		var held *locker.HeldError
		if errors.As(err, &held) && held.Cause != nil {
			err = held.Cause
		}
		return lease, err
	}
}

// drawsTickets serves those who wait in order, and waits for those who have left.
func drawsTickets(_ testing.TB, next acquireFunc) acquireFunc {
	var mu sync.Mutex
	drawn, served := 0, 0
	changed := make(chan struct{})
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		mu.Lock()
		ticket := drawn
		drawn++
		mu.Unlock()
		for {
			mu.Lock()
			turn, change := served == ticket, changed
			mu.Unlock()
			if turn {
				break
			}
			select {
			case <-change:
			case <-ctx.Done():
				return nil, &locker.HeldError{Name: name, Cause: ctx.Err()}
			}
		}
		lease, err := next(ctx, name, opts...)
		mu.Lock()
		defer mu.Unlock()
		served++
		close(changed)
		changed = make(chan struct{})
		return lease, err
	}
}

// polls lets everybody try in a loop: whoever came last tries most often.
func polls(_ testing.TB, next acquireFunc) acquireFunc {
	var mu sync.Mutex
	pause := 100 * time.Millisecond
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		mu.Lock()
		pause = max(pause*7/10, time.Millisecond)
		pause := pause
		mu.Unlock()
		for {
			lease, err := next(ctx, name, append(slices.Clip(opts), locker.NoWait())...)
			if !errors.Is(err, locker.ErrHeld) || locker.Resolve(opts...).Wait == 0 {
				return lease, err
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil, errors.Join(ctx.Err(), err)
			}
		}
	}
}

// warmsUp does something else before it hands out the lease.
func warmsUp(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		lease, err := next(ctx, name, opts...)
		if err == nil {
			time.Sleep(locker.Resolve(opts...).TTL * 6 / 10)
		}
		return lease, err
	}
}

// defersRelease has a defer where it does not belong.
func defersRelease(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		lease, err := next(ctx, name, opts...)
		if err != nil {
			return nil, err
		}
		defer lease.Release(ctx)
		return lease, nil
	}
}

// clamps makes the best of what is outside of the limits.
func clamps(o *locker.Options) {
	o.TTL = min(max(o.TTL, time.Millisecond), locker.MaxTTL)
	o.Wait = max(o.Wait, 0)
	o.MinHold = min(max(o.MinHold, 0), o.TTL)
	o.MaxHold = max(o.MaxHold, 0)
	o.Owner = o.Owner[:min(len(o.Owner), locker.MaxOwnerBytes)]
	o.Data = o.Data[:min(len(o.Data), locker.MaxDataBytes)]
}

// refusesLongNames has the limits of a file system.
func refusesLongNames(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		if len(name) > 255 {
			return nil, &locker.InvalidError{What: "name", Value: "too long", Want: "at most 255 bytes"}
		}
		return next(ctx, name, opts...)
	}
}

// noFences does not promise what its backend keeps.
func noFences(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		if locker.Resolve(opts...).RequireFencing {
			return nil, locker.ErrNoFencing
		}
		return next(ctx, name, opts...)
	}
}

// insists tries again for as long as ctx lets it, whatever the error.
func insists(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		for {
			lease, err := next(ctx, name, opts...)
			if !errors.Is(err, locker.ErrUnavailable) || ctx.Err() != nil {
				return lease, err
			}
		}
	}
}
