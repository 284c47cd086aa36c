package locktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// The Lockers here have an honest Client between a broken idea of their requests
// and an honest store.

// loses takes every failure for a loss.
func loses(ctx context.Context, send func(context.Context) error) error {
	err := send(ctx)
	if err != nil {
		err = &locker.LostError{Reason: locker.LossUnknown, Cause: err}
	}
	return err
}

// swallows takes every failure for a success.
func swallows(ctx context.Context, send func(context.Context) error) error {
	send(ctx)
	return nil
}

// outlasts does not look at ctx.
func outlasts(ctx context.Context, send func(context.Context) error) error {
	return send(context.WithoutCancel(ctx))
}

// hopes takes every failure for one that will pass.
func hopes() Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		err := send(ctx)
		if err == nil || errors.Is(err, locker.ErrHeld) || errors.Is(err, locker.ErrLost) {
			return err
		}
		return fmt.Errorf("%w: %v", locker.ErrUnavailable, err)
	}
}

// despairs takes no failure for one that will pass.
func despairs() Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		err := send(ctx)
		if errors.Is(err, locker.ErrUnavailable) {
			return fmt.Errorf("it has failed: %v", err)
		}
		return err
	}
}

// queues sends one request after the other.
func queues() Fault {
	one := make(chan struct{}, 1)
	return func(ctx context.Context, send func(context.Context) error) error {
		one <- struct{}{}
		defer func() { <-one }()
		return send(ctx)
	}
}

// custom is a backend of which some methods are replaced.
type custom struct {
	locker.Backend
	acquire func(context.Context, locker.Attempt) (locker.Grant, error)
	renew   func(context.Context, locker.Grant, locker.Renewal) (locker.Grant, error)
	release func(context.Context, locker.Grant, time.Duration) error
}

func (c *custom) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	if c.acquire == nil {
		return c.Backend.Acquire(ctx, a)
	}
	return c.acquire(ctx, a)
}

func (c *custom) Renew(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
	if c.renew == nil {
		return c.Backend.Renew(ctx, g, r)
	}
	return c.renew(ctx, g, r)
}

func (c *custom) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	if c.release == nil {
		return c.Backend.Release(ctx, g, hold)
	}
	return c.release(ctx, g, hold)
}

func (c *custom) Inspect(ctx context.Context, name string) (locker.Info, error) {
	return c.Backend.(locker.Inspector).Inspect(ctx, name)
}

func (c *custom) Poll(ctx context.Context, name string) (locker.Info, error) {
	return c.Backend.(locker.Poller).Poll(ctx, name)
}

// presumes takes an attempt that is not answered soon for granted.
func presumes(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	return open(&custom{Backend: b, acquire: func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
		bound, cancel := context.WithTimeout(ctx, a.TTL/4)
		defer cancel()
		g, err := b.Acquire(bound, a)
		if errors.Is(err, locker.ErrUnavailable) {
			return locker.Grant{Name: a.Name, ID: a.ID, Token: 1, TTL: a.TTL}, nil
		}
		return g, err
	}})
}

// releasesByCtx sends a release only while the ctx that the lock was acquired
// with is not done.
func releasesByCtx(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	var mu sync.Mutex
	ctxs := make(map[string]context.Context)
	c := open(&custom{Backend: b, release: func(ctx context.Context, g locker.Grant, hold time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		if of := ctxs[g.ID]; of != nil && of.Err() != nil {
			return of.Err()
		}
		return b.Release(ctx, g, hold)
	}})
	return &wrapper{Client: c, acquire: func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		lease, err := c.Acquire(ctx, name, opts...)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			ctxs[lease.ID()] = ctx
		}
		return lease, err
	}}
}

// sweeps renews the names that are in a list, and takes those off it, from time
// to time, of which a lease has ended: also if there is another lease by then.
func sweeps(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	var mu sync.Mutex
	stopped := make(map[string]bool)
	c := open(&custom{Backend: b, renew: func(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
		mu.Lock()
		stop := stopped[g.Name]
		mu.Unlock()
		if stop {
			return g, fmt.Errorf("%q is not renewed: %w", g.Name, locker.ErrUnavailable)
		}
		return b.Renew(ctx, g, r)
	}})
	return &wrapper{Client: c, acquire: func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		lease, err := c.Acquire(ctx, name, opts...)
		if err == nil {
			lease.AfterFunc(func(error) {
				time.Sleep(locker.Resolve(opts...).TTL / 8)
				mu.Lock()
				defer mu.Unlock()
				stopped[name] = true
			})
		}
		return lease, err
	}}
}

// renewsForever never stops to renew what was acquired.
func renewsForever(tb testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	return open(&custom{Backend: b, acquire: func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
		g, err := b.Acquire(ctx, a)
		if err == nil {
			go func() {
				for tick := time.NewTicker(a.TTL / 3); ; {
					select {
					case <-tick.C:
						b.Renew(tb.Context(), g, locker.Renewal{TTL: a.TTL})
					case <-tb.Context().Done():
						return
					}
				}
			}()
		}
		return g, err
	}})
}

// tracker keeps the leases that a Locker has given out, and the calls under way.
type tracker struct {
	*locker.Client
	mu      sync.Mutex
	leases  []*locker.Lease
	calls   sync.WaitGroup
	closing atomic.Bool
}

// track makes a tracker, which stops to renew once closing is set.
func track(b locker.Backend, open func(locker.Backend) *locker.Client) *tracker {
	t := &tracker{}
	t.Client = open(&custom{Backend: b, renew: func(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
		if t.closing.Load() {
			return g, fmt.Errorf("closing: %w", locker.ErrUnavailable)
		}
		return b.Renew(ctx, g, r)
	}})
	return t
}

func (t *tracker) Acquire(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
	t.calls.Add(1)
	defer t.calls.Done()
	lease, err := t.Client.Acquire(ctx, name, opts...)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.leases = append(t.leases, lease)
	}
	return lease, err
}

// closesInTurn is a Close that ends all renewals first and then releases one
// lease after the other.
func closesInTurn(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	t := track(b, open)
	return &wrapper{Client: t.Client, acquire: t.Acquire, close: func(ctx context.Context) error {
		t.closing.Store(true)
		var errs []error
		for _, lease := range t.leases {
			errs = append(errs, lease.Release(ctx))
		}
		return errors.Join(append(errs, t.Client.Close(ctx))...)
	}}
}

// closesLast is a Close that lets the calls under way come to their end first,
// with the renewals stopped.
func closesLast(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	t := track(b, open)
	return &wrapper{Client: t.Client, acquire: t.Acquire, close: func(ctx context.Context) error {
		t.closing.Store(true)
		t.calls.Wait()
		return t.Client.Close(ctx)
	}}
}

// closesEarly is a Close that stops at the first error.
func closesEarly(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
	t := track(b, open)
	return &wrapper{Client: t.Client, acquire: t.Acquire, close: func(ctx context.Context) error {
		for _, lease := range t.leases {
			if err := lease.Release(ctx); err != nil {
				return err
			}
		}
		return t.Client.Close(ctx)
	}}
}
