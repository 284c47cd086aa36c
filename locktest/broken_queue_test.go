package locktest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"example.com/holdfast/locker"
)

// brokenQueues are Lockers that hand a lock on from call to call in a wrong way.
func brokenQueues() []broken {
	return []broken{
		{"one lease for all calls in a line", flaws{}, acquires(shares), "HandOver Wanted"},
		{"the next in the line has to ask for its renewals", flaws{}, acquires(neglects), "HandOverStale HandOverRenewed"},
		{"whoever polls is not heard", flaws{}, acquires(polls), "Wanted"},
		{"the holder always hears that it is waited for", flaws{}, acquires(nags), "Wanted"},
	}
}

// shares gives the next in the line the lease of the one before, as soon as that has
// released it.
func shares(_ testing.TB, next acquireFunc) acquireFunc {
	var mu sync.Mutex
	leases := make(map[string]*locker.Lease)
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		mu.Lock()
		before := leases[name]
		mu.Unlock()
		if before != nil && before.Err() == nil && locker.Resolve(opts...).Wait > 0 {
			select {
			case <-before.Done():
				return before, nil
			case <-ctx.Done():
			}
		}
		lease, err := next(ctx, name, opts...)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			leases[name] = lease
		}
		return lease, err
	}
}

// neglects leaves out the renewals of a lease that was waited for in the line.
func neglects(_ testing.TB, next acquireFunc) acquireFunc {
	var mu sync.Mutex
	known := make(map[string]bool)
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		mu.Lock()
		again := known[name]
		known[name] = true
		mu.Unlock()
		if again {
			opts = append(slices.Clip(opts), locker.WithoutRenewal())
		}
		return next(ctx, name, opts...)
	}
}

// nags lets somebody wait for every lease.
func nags(_ testing.TB, next acquireFunc) acquireFunc {
	return func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
		lease, err := next(ctx, name, opts...)
		if err == nil {
			over, cancel := context.WithCancel(context.Background())
			lease.AfterFunc(func(error) { cancel() })
			go next(over, name)
			<-lease.Wanted()
		}
		return lease, err
	}
}
