package locker_test

import (
	"context"
	"errors"
	"fmt"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// Two accounts are locked together, whichever of them is named first.
func ExampleAcquireAll() {
	ctx := context.Background()
	l := memory.New()
	group, err := locker.AcquireAll(ctx, l, []string{"account/7", "account/3"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer group.Release(ctx)
	work, cancel := group.Context(ctx) // ends with the first lease that is lost
	defer cancel()
	for lease := range group.All() {
		fmt.Println(lease.Name(), lease.Token())
	}
	fmt.Println(work.Err())

	_, err = locker.AcquireAll(ctx, l, []string{"account/1", "account/3"}, locker.NoWait())
	var held *locker.HeldError
	fmt.Println(errors.As(err, &held) && held.Name == "account/3")
	// Output:
	// account/3 1
	// account/7 1
	// <nil>
	// true
}
