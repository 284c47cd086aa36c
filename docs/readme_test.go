package docs

import (
	"context"
	"errors"
	"fmt"
	"log"
	"testing"
	"time"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

func open(ctx context.Context) {
	l, err := dynamo.Open(ctx, "locks") // instead of memory.New()
	if err != nil {
		log.Fatal(err)
	}
	start, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := l.EnsureTable(start); err != nil { // creates the table if it is missing
		log.Fatal(err)
	}
	defer l.Close(ctx)
}

// Nightly runs job on one of the replicas that call it, once within an hour.
func Nightly(ctx context.Context, l locker.Locker, job func(context.Context, locker.Token) error) error {
	err := locker.Do(ctx, l, "nightly", func(ctx context.Context, lease *locker.Lease) error {
		return job(ctx, lease.Token()) // ctx ends if the lock is lost
	}, locker.NoWait(), locker.WithTTL(time.Hour), locker.WithMinHold(time.Hour))
	if errors.Is(err, locker.ErrHeld) {
		return nil // another replica does it, or has done it
	}
	return err
}

func TestNightly(t *testing.T) {
	clock := memory.NewClock(time.Date(2030, 1, 1, 3, 0, 0, 0, time.UTC))
	store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
	a, b := store.Open(), store.Open() // two replicas
	runs := 0
	job := func(context.Context, locker.Token) error { runs++; return nil }

	for night := 1; night <= 2; night++ {
		for _, l := range []locker.Locker{a, b} {
			if err := Nightly(t.Context(), l, job); err != nil || runs != night {
				t.Errorf("night %d: %d runs, error %v", night, runs, err)
			}
		}
		clock.Advance(24 * time.Hour) // takes no time
	}
}

func TestNightlyLost(t *testing.T) {
	clock := memory.NewClock(time.Date(2030, 1, 1, 3, 0, 0, 0, time.UTC))
	l := memory.New(func(o *memory.Options) { o.Clock = clock })
	err := Nightly(t.Context(), l, func(ctx context.Context, _ locker.Token) error {
		l.Store().Steal("nightly") // another holds it now
		clock.Advance(time.Hour)   // the next renewal finds out
		return context.Cause(ctx)
	})
	if !errors.Is(err, locker.ErrLost) {
		t.Errorf("Nightly = %v, want ErrLost", err)
	}
}

func operate(ctx context.Context) {
	l, err := dynamo.Open(ctx, "locks", func(o *dynamo.Options) {
		o.Owner = "billing on host 7"         // what others see; otherwise host name and process id
		o.DefaultTTL = 20 * time.Second       // how soon others take over after a crash
		o.Observer = locker.SlogObserver(nil) // logs what happens to the locks, with slog's default logger
	})
	if err != nil {
		log.Fatal(err)
	}
	start, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := l.EnsureTable(start); err != nil { // creates it if it is missing, checks it if it is not
		log.Fatal(err)
	}
	info, err := l.Inspect(ctx, "nightly")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.State, "owner:", info.Owner, "token:", info.Token, "ends in:", info.Remaining)
}

// A store of one's own that compares tokens, such as an SQL database:
//
//	UPDATE r SET …, token = ? WHERE id = ? AND token <= ?
func Example_fence() {
	ctx := context.Background()
	l := memory.New()
	var fence locker.Fence // beside the resource
	err := locker.Do(ctx, l, "reports/daily", func(ctx context.Context, lease *locker.Lease) error {
		if err := fence.Check(lease.Name(), lease.Token()); err != nil {
			return err // a later holder has been here
		}
		fmt.Println("written")
		return nil
	})
	fmt.Println(err)
	// Output:
	// written
	// <nil>
}
