package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/bench/worker"
)

// Workers of all languages are told the table, which also makes this program a
// worker, and the TTL in milliseconds, 0 for the library's default.
const (
	workerVariable = "HOLDFAST_BENCH_TABLE"
	ttlVariable    = "HOLDFAST_BENCH_TTL"
	sharedVariable = "HOLDFAST_BENCH_SHARED"
)

// workerMain is the whole program when it runs as a worker.
func workerMain() int {
	work := serve
	if isBare() {
		work = serveBare
	}
	if err := work(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context) error {
	ms, err := strconv.Atoi(os.Getenv(ttlVariable))
	if err != nil {
		return fmt.Errorf("%s: %w", ttlVariable, err)
	}
	l, err := dynamo.Open(ctx, os.Getenv(workerVariable), func(o *dynamo.Options) {
		o.DefaultTTL = time.Duration(ms) * time.Millisecond
		o.SharedHeartbeat = os.Getenv(sharedVariable) != ""
	})
	if err != nil {
		return err
	}
	err = worker.Run(os.Stdin, os.Stdout, client{l})
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	l.Close(ctx) // what is left ends with its TTL
	return err
}

// client makes a worker's client of this library.
type client struct{ l *dynamo.Locker }

func (c client) Acquire(ctx context.Context, name string) (worker.Lease, error) {
	lease, err := c.l.Acquire(ctx, name)
	if err != nil {
		return nil, err // not a nil *Lease in an interface
	}
	return lease, nil
}
