package locker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// A resource that remembers the highest token refuses the holder who comes too
// late.
func ExampleFence() {
	ctx := context.Background()
	clock := memory.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })

	var fence locker.Fence // guards the resource
	write := func(what string, t locker.Token) error {
		if err := fence.Check("report", t); err != nil {
			return err
		}
		fmt.Println("written:", what)
		return nil
	}

	paused, err := store.Open().Acquire(ctx, "report", locker.WithoutRenewal())
	if err != nil {
		fmt.Println(err)
		return
	}
	clock.Advance(time.Minute) // its lease has run out meanwhile
	next, err := store.Open().Acquire(ctx, "report")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(write("by the next holder", next.Token()))

	err = write("by the one that was paused", paused.Token())
	fmt.Println("refused:", errors.Is(err, locker.ErrStale))
	// Output:
	// written: by the next holder
	// <nil>
	// refused: true
}
