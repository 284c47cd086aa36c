// Gocron shows a scheduled job on three machines of which one runs each tick. Here
// they are three schedulers in one process, and the clock of one of them is late.
//
//	go run ./examples/gocron
//	go run ./examples/gocron -table locks
//
// The locks are in memory unless -table names a DynamoDB table, which is created when
// it is missing; AWS_ENDPOINT_URL_DYNAMODB names one that is not AWS's. It ends by
// itself. Read main.go, then check.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

const job = "report"

// plan is how the job is scheduled.
type plan struct {
	every time.Duration // between two ticks
	hold  time.Duration // that a tick is taken for at least
	late  time.Duration // that carol's clock is behind
	ticks int
}

func main() {
	table := flag.String("table", "", "DynamoDB `table` for the locks, created when it is missing; none: locks in memory")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := plan{every: time.Second, hold: 500 * time.Millisecond, late: 200 * time.Millisecond, ticks: 5}
	open := inMemory()
	if *table != "" {
		// DynamoDB needs up to 3 s to be certain that a hold has ended.
		p = plan{every: 8 * time.Second, hold: 4 * time.Second, late: 200 * time.Millisecond, ticks: 3}
		open = inTable(*table)
	}
	if err := run(ctx, os.Stdout, p, open); err != nil {
		fmt.Fprintln(os.Stderr, "gocron: FAILED:", err)
		os.Exit(1)
	}
}

// run runs the schedulers for the ticks of the plan, and returns nil if each of them
// ran once and nothing is held in the end.
func run(ctx context.Context, out io.Writer, p plan, open opener) error {
	names := []string{"ann", "ben", "carol"}
	locks := make(map[string]process)
	for _, name := range names {
		l, err := open(ctx, name)
		if err != nil {
			return err
		}
		defer l.Close(ctx)
		locks[name] = l
	}
	d := &diary{out: out, start: time.Now(), every: p.every}
	first := d.start.Add(p.every)
	var schedulers []gocron.Scheduler
	for _, name := range names {
		at := first
		if name == "carol" {
			at = first.Add(p.late)
		}
		s, err := newScheduler(name, locks[name], p, at, d)
		if err != nil {
			return err
		}
		schedulers = append(schedulers, s)
	}
	d.say("", "three schedulers, a job every %v; carol's clock is %v late", p.every, p.late)
	for _, s := range schedulers {
		s.Start()
	}
	sleep(ctx, time.Until(d.start.Add(time.Duration(p.ticks)*p.every+p.every/2)))
	for i, s := range schedulers {
		if err := s.Shutdown(); err != nil { // waits for a job that runs
			return fmt.Errorf("%s: %w", names[i], err)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := d.verify(p.ticks); err != nil {
		return err
	}
	return released(ctx, locks["ann"], d)
}

// newScheduler returns the scheduler of a machine, whose job is due at the time at
// and then once in every p.every.
func newScheduler(name string, l locker.Locker, p plan, at time.Time, d *diary) (gocron.Scheduler, error) {
	s, err := gocron.NewScheduler(gocron.WithDistributedLocker(adapt.Keyed[gocron.Lock]{
		Locker: locker.Prefix(l, "gocron/"),
		Options: []locker.Option{
			locker.WithTTL(p.every), // how soon the next tick can run if the machine crashes in the job
			// A tick stays taken when its job is done, or carol would run it again: for
			// longer than the clocks may differ, for less than the time to the next tick.
			locker.WithMinHold(p.hold),
		},
		OnLost: func(_ string, err error) { d.say(name, "LOST the lock: %v", err) }, // stop the job here
	}))
	if err != nil {
		return nil, err
	}
	_, err = s.NewJob(
		gocron.DurationJob(p.every),
		gocron.NewTask(func() { d.ran(name) }),
		gocron.WithName(job), // the lock's name
		gocron.WithStartAt(gocron.WithStartDateTime(at)),
		gocron.WithEventListeners(gocron.AfterLockError(func(_ uuid.UUID, _ string, err error) {
			d.refused(name, err)
		})),
	)
	return s, err
}

// process is what the store gives to one machine.
type process interface {
	locker.Locker
	locker.Inspector
	Close(ctx context.Context) error
}

// opener opens the store for one more machine.
type opener func(ctx context.Context, machine string) (process, error)

func inMemory() opener {
	store := memory.NewStore()
	return func(_ context.Context, machine string) (process, error) {
		return store.Open(func(o *memory.Options) { o.Owner = machine }), nil
	}
}

func inTable(table string) opener {
	return func(ctx context.Context, machine string) (process, error) {
		l, err := dynamo.Open(ctx, table, func(o *dynamo.Options) { o.Owner = machine })
		if err != nil {
			return nil, err
		}
		start, cancel := context.WithTimeout(ctx, 30*time.Second) // AWS takes some seconds to create a table
		defer cancel()
		if err := l.EnsureTable(start); err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
		return l, nil
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
