package locker_test

import (
	"context"
	"fmt"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// Parts of a program that don't know each other's names are kept apart.
func ExamplePrefix() {
	ctx := context.Background()
	l := memory.New()
	for _, part := range []string{"billing/", "search/"} {
		lease, err := locker.Prefix(l, part).Acquire(ctx, "nightly")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(lease.Name())
	}
	// Output:
	// billing/nightly
	// search/nightly
}

// Middleware that logs, and defaults for every lock of a program.
func ExampleChain() {
	log := func(next locker.Locker) locker.Locker {
		return locker.LockerFunc(func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
			fmt.Println(name, "for", locker.Resolve(opts...).TTL)
			return next.Acquire(ctx, name, opts...)
		})
	}
	// Defaults is the outer one, so log sees the options that it adds.
	l := locker.Chain(memory.New(), locker.Defaults(locker.WithTTL(10*time.Second)), log)

	ctx := context.Background()
	if _, err := l.Acquire(ctx, "short"); err != nil {
		fmt.Println(err)
	}
	if _, err := l.Acquire(ctx, "long", locker.WithTTL(time.Minute)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// short for 10s
	// long for 1m0s
}
