// Package migrate runs the migration steps of a service once, however many of its
// replicas start at the same time. It is an example of a library that needs a
// distributed lock: it imports package locker and nothing else, so which store
// stands behind the lock is for the program that uses it to choose.
package migrate

import (
	"context"
	"fmt"

	"example.com/holdfast/locker"
)

// Step is one migration. It may be run again after a failure or a crash, so it
// must be one that can be.
type Step struct {
	Name string

	// Run does the work and returns soon after ctx is done: then the lock is lost,
	// or the caller gave up. What it writes to a store that can compare tokens goes
	// with t, so that a replica which was paused can't write late.
	Run func(ctx context.Context, t locker.Token) error
}

// History remembers how many steps were done. It is kept where the steps do their
// work, such as in a table of the database.
type History interface {
	// Done returns how many steps were done.
	Done(ctx context.Context) (int, error)

	// Record notes that n steps were done. It refuses a token that is below the
	// highest it has seen, as [locker.Fence] does.
	Record(ctx context.Context, n int, t locker.Token) error
}

// Up runs the steps that the history lacks, in order, under the lock called name,
// and returns how many it has run. While another replica holds the lock it waits,
// until ctx is done. opts are passed on to l.
//
// Errors: those of l, of a step, and of h; a [*locker.LostError] when the lock was
// lost on the way. Every step that was recorded is done for good, and calling Up
// again goes on behind it.
func Up(ctx context.Context, l locker.Locker, name string, h History, steps []Step, opts ...locker.Option) (ran int, err error) {
	err = locker.Do(ctx, l, name, func(ctx context.Context, lease *locker.Lease) error {
		done, err := h.Done(ctx)
		if err != nil {
			return fmt.Errorf("migrate: read the history: %w", err)
		}
		for ; done < len(steps); done++ {
			step := steps[done]
			if err := step.Run(ctx, lease.Token()); err != nil {
				return fmt.Errorf("migrate: step %q: %w", step.Name, err)
			}
			if err := h.Record(ctx, done+1, lease.Token()); err != nil {
				return fmt.Errorf("migrate: record step %q: %w", step.Name, err)
			}
			ran++
		}
		return nil
	}, opts...)
	return ran, err
}
