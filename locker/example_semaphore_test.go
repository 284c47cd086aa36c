package locker_test

import (
	"context"
	"errors"
	"fmt"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// Three may print at once, in all processes together.
func ExampleSemaphore() {
	ctx := context.Background()
	printers := locker.Semaphore(memory.New(), 3)

	for range 3 {
		lease, err := printers.Acquire(ctx, "printers") // on any of printers/0 to printers/2
		if err != nil {
			fmt.Println(err)
			return
		}
		defer lease.Release(ctx)
	}
	_, err := locker.TryAcquire(ctx, printers, "printers")
	fmt.Println("a fourth is refused:", errors.Is(err, locker.ErrHeld))
	// Output:
	// a fourth is refused: true
}
