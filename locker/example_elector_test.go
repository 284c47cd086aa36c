package locker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// Of all replicas that run this, one leads. When it loses the lease it stops leading,
// and campaigns again.
func ExampleElector() {
	ctx, resign := context.WithCancel(context.Background())
	clock := memory.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	l := memory.New(func(o *memory.Options) { o.Clock = clock })

	elector := locker.NewElector(l, "leader")
	fmt.Println(elector.IsLeader(ctx))
	term := 0
	err := elector.Run(ctx, func(ctx context.Context, lease *locker.Lease) error {
		term++
		fmt.Println("leading, term", term, "error:", elector.IsLeader(ctx))
		if term == 2 {
			resign()
			return ctx.Err()
		}
		l.Store().Expire("leader")      // something goes wrong
		clock.Advance(30 * time.Second) // the next renewal finds out
		<-ctx.Done()                    // stop what only a leader may do
		fmt.Println("not leading:", errors.Is(elector.IsLeader(ctx), locker.ErrNotLeader))
		return ctx.Err()
	})
	fmt.Println("resigned:", err)
	// Output:
	// locker: not the leader of "leader"
	// leading, term 1 error: <nil>
	// not leading: true
	// leading, term 2 error: <nil>
	// resigned: context canceled
}

// What another part of the program does about who leads.
func ExampleElector_Changed() {
	ctx, stop := context.WithCancel(context.Background())
	elector := locker.NewElector(memory.New(), "leader")
	go elector.Run(ctx, func(ctx context.Context, _ *locker.Lease) error {
		<-ctx.Done()
		return ctx.Err()
	})
	for {
		changed := elector.Changed() // before the look, so that no change is missed
		if elector.IsLeader(ctx) == nil {
			fmt.Println("this one leads")
			break
		}
		<-changed
	}
	stop()
	// Output:
	// this one leads
}
