package locker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// A lock around a piece of work: acquired before it, renewed while it runs,
// released after it.
func Example() {
	ctx := context.Background()
	l := memory.New() // in production: dynamo.Open(ctx, "locks")

	err := locker.Do(ctx, l, "reports/daily", func(ctx context.Context, lease *locker.Lease) error {
		fmt.Println("writing the report, with token", lease.Token())
		return nil
	})
	fmt.Println("error:", err)
	// Output:
	// writing the report, with token 1
	// error: <nil>
}

// What Do takes as options, and what it returns: the function's own error.
func ExampleDo() {
	ctx := context.Background()
	l := memory.New()

	errEmpty := errors.New("nothing to report")
	err := locker.Do(ctx, l, "reports/daily", func(ctx context.Context, lease *locker.Lease) error {
		return errEmpty
	},
		locker.WithTTL(10*time.Second), // others may take over so soon after a crash
		locker.WithWait(time.Minute),   // for whoever holds it now
	)
	fmt.Println(err)

	_, err = locker.TryAcquire(ctx, l, "reports/daily")
	fmt.Println("free again:", err == nil)
	// Output:
	// nothing to report
	// free again: true
}

// When the lease is lost, the function's context ends, and Do says so whatever the
// function returns.
func ExampleDo_lost() {
	ctx := context.Background()
	clock := memory.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	l := memory.New(func(o *memory.Options) { o.Clock = clock })

	err := locker.Do(ctx, l, "reports/daily", func(ctx context.Context, lease *locker.Lease) error {
		l.Store().Steal("reports/daily") // another has it now
		clock.Advance(30 * time.Second)  // the next renewal finds out
		<-ctx.Done()
		fmt.Println("stopped:", context.Cause(ctx))
		return nil
	})
	var lost *locker.LostError
	if errors.As(err, &lost) {
		fmt.Println("Do returned a loss, reason:", lost.Reason)
	}
	// Output:
	// stopped: locker: lease on "reports/daily" with token 1 lost: taken by another
	// Do returned a loss, reason: taken by another
}
