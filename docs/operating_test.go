package docs

import (
	"context"
	"fmt"
	"log"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

func Example_stuck() {
	ctx := context.Background()
	clock := memory.NewClock(time.Date(2030, 1, 1, 3, 0, 0, 0, time.UTC))
	store := memory.NewStore(func(o *memory.Options) { o.Clock, o.Owner = clock, "host 7" })
	holder, l := store.Open(), store.Open()
	lease, err := holder.Acquire(ctx, "billing/nightly")
	if err != nil {
		log.Fatal(err)
	}
	for info, err := range l.List(ctx, "billing/") {
		if err != nil {
			fmt.Println(info.Name, err) // beside a name: about that lock alone, and the list goes on
			continue
		}
		fmt.Println(info.Name, info.State, "owner:", info.Owner, "token:", info.Token, "ends in:", info.Remaining)
	}
	info, err := l.Inspect(ctx, "billing/nightly")
	if err != nil {
		log.Fatal(err)
	}
	if err := l.Break(ctx, info); err != nil {
		log.Fatal(err)
	}
	clock.Advance(info.TTL / 2)
	fmt.Println(lease.Err())
	_, err = locker.TryAcquire(ctx, l, "billing/nightly")
	fmt.Println(err)
	clock.Advance(info.TTL / 2)
	_, err = locker.TryAcquire(ctx, l, "billing/nightly")
	fmt.Println(err)
	// Output:
	// billing/nightly held owner: host 7 token: 1 ends in: 30s
	// locker: lease on "billing/nightly" with token 1 lost: taken by another
	// locker: "billing/nightly" is held by "host 7"
	// <nil>
}

func Example_stuckNow() {
	ctx := context.Background()
	store := memory.NewStore()
	holder, l := store.Open(), store.Open()
	if _, err := holder.Acquire(ctx, "nightly"); err != nil {
		log.Fatal(err)
	}
	info, err := l.Inspect(ctx, "nightly")
	if err != nil {
		log.Fatal(err)
	}
	{
		err := l.Break(ctx, info, locker.FreeNow()) // two may believe until the broken holder hears of it
		fmt.Println(err)
	}
	_, err = locker.TryAcquire(ctx, l, "nightly")
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}
