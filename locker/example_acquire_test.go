package locker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// TryAcquire does not wait, and names the holder.
func ExampleTryAcquire() {
	ctx := context.Background()
	store := memory.NewStore()
	here, there := store.Open(), store.Open()

	lease, err := locker.TryAcquire(ctx, there, "reports/daily", locker.WithOwner("machine 2"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = locker.TryAcquire(ctx, here, "reports/daily")
	var held *locker.HeldError
	if errors.As(err, &held) {
		fmt.Println("held by", held.Holder.Owner)
	}

	if err := lease.Release(ctx); err != nil {
		fmt.Println(err)
	}
	_, err = locker.TryAcquire(ctx, here, "reports/daily")
	fmt.Println("after the release:", err)
	// Output:
	// held by machine 2
	// after the release: <nil>
}

// A lease that is kept beyond a function: Acquire returns it, Release ends it.
func ExampleLocker() {
	ctx := context.Background()
	var l locker.Locker = memory.New()

	lease, err := l.Acquire(ctx, "leader")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("held:", lease.Err() == nil, "longer than 15 s:", lease.Remaining() > 15*time.Second)
	fmt.Println("release:", lease.Release(ctx))
	fmt.Println(lease.Err())
	// Output:
	// held: true longer than 15 s: true
	// release: <nil>
	// locker: lease released
}
