package locker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// Work that is bound to a lease: its context ends with the lease, and its cause
// says why.
func ExampleLease_Context() {
	ctx := context.Background()
	clock := memory.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	l := memory.New(func(o *memory.Options) { o.Clock = clock })

	lease, err := l.Acquire(ctx, "reports/daily", locker.WithTTL(10*time.Second), locker.WithoutRenewal())
	if err != nil {
		fmt.Println(err)
		return
	}
	work, cancel := lease.Context(ctx)
	defer cancel()

	clock.Advance(9 * time.Second)
	fmt.Println("after 9 s:", work.Err())
	clock.Advance(time.Second)
	fmt.Println("after 10 s:", work.Err())
	fmt.Println("because it is lost:", errors.Is(context.Cause(work), locker.ErrLost))
	// Output:
	// after 9 s: <nil>
	// after 10 s: context canceled
	// because it is lost: true
}

// A function deep below Do finds the lease in its context, and passes its token on.
func ExampleFromContext() {
	write := func(ctx context.Context, line string) error {
		lease, ok := locker.FromContext(ctx)
		if !ok {
			return errors.New("write needs a lock")
		}
		fmt.Printf("%s, with token %v\n", line, lease.Token())
		return nil
	}

	ctx := context.Background()
	fmt.Println(write(ctx, "first line"))
	err := locker.Do(ctx, memory.New(), "reports/daily", func(ctx context.Context, _ *locker.Lease) error {
		return write(ctx, "second line")
	})
	fmt.Println(err)
	// Output:
	// write needs a lock
	// second line, with token 1
	// <nil>
}
