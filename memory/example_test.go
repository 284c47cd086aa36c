package memory_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// Report is code under test: it writes the daily report unless another process
// is at it.
func Report(ctx context.Context, l locker.Locker, write func(context.Context) error) error {
	err := locker.Do(ctx, l, "reports/daily", func(ctx context.Context, _ *locker.Lease) error {
		return write(ctx)
	}, locker.NoWait())
	if errors.Is(err, locker.ErrHeld) {
		return nil
	}
	return err
}

func Example() {
	ctx := context.Background()
	store := memory.NewStore()
	ours, theirs := store.Open(), store.Open()
	write := func(context.Context) error { fmt.Println("written"); return nil }

	fmt.Println(Report(ctx, ours, write))

	lease, err := theirs.Acquire(ctx, "reports/daily") // now another process is at it
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Report(ctx, ours, write))
	fmt.Println(lease.Release(ctx))
	// Output:
	// written
	// <nil>
	// <nil>
	// <nil>
}

// A test moves the time in which leases are renewed and end.
func ExampleClock() {
	ctx := context.Background()
	clock := memory.NewClock(time.Unix(1_000_000, 0))
	store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
	a, b := store.Open(), store.Open()

	crashed, _ := a.Acquire(ctx, "crashes", locker.WithTTL(30*time.Second), locker.WithoutRenewal())
	renewed, _ := a.Acquire(ctx, "lives", locker.WithTTL(30*time.Second))

	clock.Advance(30*time.Second - 1)
	_, err := locker.TryAcquire(ctx, b, "crashes")
	fmt.Println("held for the whole of its TTL:", errors.Is(err, locker.ErrHeld))
	clock.Advance(1)
	_, err = locker.TryAcquire(ctx, b, "crashes")
	fmt.Println("and no longer:", err, crashed.Err())

	clock.Advance(10 * time.Minute)
	fmt.Println("renewed in the background:", renewed.Err())
	// Output:
	// held for the whole of its TTL: true
	// and no longer: <nil> locker: lease on "crashes" with token 1 lost: expired
	// renewed in the background: <nil>
}

// BlockUntil tells when code that runs in another goroutine has nothing left to
// do but to wait for time.
func ExampleClock_BlockUntil() {
	clock := memory.NewClock(time.Unix(1_000_000, 0))
	done := make(chan time.Time)
	go func() { // code under test, which sleeps by the clock it is given
		tick := make(chan bool)
		clock.AfterFunc(time.Minute, func() { close(tick) })
		<-tick
		done <- clock.Now()
	}()
	clock.BlockUntil(1)
	clock.Advance(time.Minute)
	fmt.Println((<-done).Unix() - 1_000_000)
	// Output: 60
}

// Work that has lost its lease has to stop.
func ExampleStore_Steal() {
	clock := memory.NewClock(time.Unix(1_000_000, 0))
	l := memory.New(func(o *memory.Options) { o.Clock = clock })

	err := locker.Do(context.Background(), l, "reports/daily", func(ctx context.Context, _ *locker.Lease) error {
		l.Store().Steal("reports/daily")
		clock.Advance(10 * time.Second) // the next renewal finds out
		return context.Cause(ctx)
	}, locker.WithTTL(30*time.Second))

	fmt.Println(errors.Is(err, locker.ErrLost))
	fmt.Println(err)
	// Output:
	// true
	// locker: lease on "reports/daily" with token 1 lost: taken by another
}

// A lease that ends while its holder is busy goes to others, with a higher token.
func ExampleStore_Expire() {
	ctx := context.Background()
	store := memory.NewStore()
	a, b := store.Open(), store.Open()

	old, _ := a.Acquire(ctx, "account/7")
	store.Expire("account/7")
	next, _ := b.Acquire(ctx, "account/7")

	var fence locker.Fence // in the resource that both write to
	fmt.Println(fence.Check("account/7", next.Token()))
	fmt.Println(fence.Check("account/7", old.Token()))
	// Output:
	// <nil>
	// locker: stale token 1 for "account/7": 2 was seen
}

// The error decides what the Locker does about it.
func ExampleStore_FailNext() {
	ctx := context.Background()
	l := memory.New()

	// A store that is down for a moment: asked again.
	l.Store().FailNext(memory.OpAcquire, fmt.Errorf("rebooting: %w", locker.ErrUnavailable))
	lease, err := l.Acquire(ctx, "job")
	fmt.Println("acquired:", err)

	// A store that refuses.
	l.Store().FailNext(memory.OpRelease, errors.New("no permission"))
	fmt.Println("released:", lease.Release(ctx))
	fmt.Println("released:", lease.Release(ctx))
	// Output:
	// acquired: <nil>
	// released: locker: release of "job" not confirmed: no permission
	// released: <nil>
}

// An answer that got lost after the store has acted on the request.
func ExampleStore_DropResponse() {
	ctx := context.Background()
	l := memory.New()
	l.Store().DropResponse(memory.OpAcquire)
	lease, err := l.Acquire(ctx, "job")
	fmt.Println(err, "token", lease.Token()) // one acquisition, sent twice
	// Output: <nil> token 1
}
