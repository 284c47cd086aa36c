package adapt_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

// Two schedulers of one cluster are to run a job. The interface is gocron.Lock in
// a program.
func ExampleKeyed() {
	ctx := context.Background()
	store := memory.NewStore() // or two processes with dynamo.Open
	for range 2 {
		jobs := adapt.Keyed[interface{ Unlock(context.Context) error }]{
			Locker:  locker.Prefix(store.Open(), "gocron/"),
			Options: []locker.Option{locker.WithMinHold(30 * time.Second)}, // for jobs that are due every minute
		}
		lock, err := jobs.Lock(ctx, "report")
		if errors.Is(err, locker.ErrHeld) {
			fmt.Println("done by another")
			continue
		}
		fmt.Println("the job runs")
		fmt.Println(lock.Unlock(ctx)) // the clock of the second may be up to 30 s late
	}
	// Output:
	// the job runs
	// <nil>
	// done by another
}

// A certificate is to be obtained by one of the machines that need it.
func ExampleNamed() {
	ctx := context.Background()
	store := memory.NewStore()
	here := &adapt.Named{Locker: store.Open()}
	there := &adapt.Named{Locker: store.Open()}

	fmt.Println(here.Lock(ctx, "issue_cert_example.com"))
	fmt.Println(there.TryLock(ctx, "issue_cert_example.com"))
	fmt.Println(here.RenewLockLease(ctx, "issue_cert_example.com", time.Minute))
	fmt.Println(here.Unlock(ctx, "issue_cert_example.com"))
	fmt.Println(there.TryLock(ctx, "issue_cert_example.com"))
	// Output:
	// <nil>
	// false <nil>
	// <nil>
	// <nil>
	// true <nil>
}

// A database is migrated by one process at a time.
func ExampleSQL() {
	ctx := context.Background()
	s := &adapt.SQL{Locker: memory.New(), Name: "goose/billing", Options: []locker.Option{locker.WithWait(5 * time.Minute)}}
	if err := s.Lock(ctx, nil); err != nil { // goose passes its *sql.DB
		fmt.Println(err)
		return
	}
	fmt.Println("migrations run")
	fmt.Println(s.Unlock(ctx, nil))
	fmt.Println(s.Unlock(ctx, nil))
	// Output:
	// migrations run
	// <nil>
	// adapt: unlock "goose/billing": adapt: not locked
}

// errDatabaseLocked stands for golang-migrate's database.ErrLocked.
var errDatabaseLocked = errors.New("can't acquire lock")

// Who can't have the lock within the time gets the error that the caller knows.
func ExamplePlain() {
	store := memory.NewStore()
	open := func(owner string) *adapt.Plain {
		return &adapt.Plain{
			Locker: store.Open(), Name: "migrate/billing", Options: []locker.Option{locker.WithOwner(owner)},
			Timeout: 10 * time.Millisecond, ErrLocked: errDatabaseLocked,
		}
	}
	fmt.Println(open("machine 1").Lock())
	err := open("machine 2").Lock()
	fmt.Println(errors.Is(err, errDatabaseLocked))
	var held *locker.HeldError
	if errors.As(err, &held) {
		fmt.Println("held by", held.Holder.Owner)
	}
	// Output:
	// <nil>
	// true
	// held by machine 1
}

// The type parameter is schema.UnlockFunc in a program.
func ExampleTimed() {
	ctx := context.Background()
	store := memory.NewStore()
	here := adapt.Timed[func() error]{Locker: store.Open()}
	there := adapt.Timed[func() error]{Locker: store.Open()}

	unlock, err := here.Lock(ctx, "billing", time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = there.Lock(ctx, "billing", 0)
	fmt.Println("held:", errors.Is(err, locker.ErrHeld))
	fmt.Println(unlock())
	// Output:
	// held: true
	// <nil>
}

// Two servers agree on which is active, and everybody can see where. The interface
// is physical.Lock in a program.
func ExampleHA() {
	store := memory.NewStore()
	active := adapt.HA[valued]{Locker: store.Open(), Prefix: "vault/"}
	standby := adapt.HA[valued]{Locker: store.Open(), Prefix: "vault/"}

	lock, err := active.LockWith("core/lock", "https://server1:8200")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := lock.Lock(nil); err != nil { // closes what it returns when the lock is lost
		fmt.Println(err)
		return
	}
	other, err := standby.LockWith("core/lock", "https://server2:8200")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(other.Value())
	fmt.Println(lock.Unlock())
	// Output:
	// true https://server1:8200 <nil>
	// <nil>
}
