// Quickstart shows a distributed lock at work. Three workers append to one file;
// the lock sees to it that one does at a time. One of them stalls for longer than
// its lease lasts: another takes over, and the file refuses the late write by its
// fencing token. At the end the file is checked line by line.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -table locks -endpoint http://127.0.0.1:8000
//
// The locks are in memory unless -table names a DynamoDB table, which is created
// when it is missing. Read main.go, then ledger.go, then store.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

const (
	ttl     = 2 * time.Second        // how soon others may take over from a worker that stalls
	work    = 100 * time.Millisecond // what it takes to make an entry
	entries = 3                      // by each worker
	limit   = 13 * time.Second       // for the whole story
)

func main() {
	table := flag.String("table", "", "DynamoDB `table` for the locks, created when it is missing; none: locks in memory")
	endpoint := flag.String("endpoint", "", "`URL` of a DynamoDB that is not AWS's, such as http://127.0.0.1:8000")
	flag.Parse()
	if flag.NArg() > 0 || *endpoint != "" && *table == "" {
		fmt.Fprintln(os.Stderr, "quickstart takes no arguments, and -endpoint only with -table")
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *table, *endpoint); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart: FAILED:", err)
		os.Exit(1)
	}
}

// run tells the whole story and returns nil if it came out right.
func run(ctx context.Context, out io.Writer, table, endpoint string) error {
	file, err := newLedger()
	if err != nil {
		return err
	}
	// The lock is named after what it guards, so programs that work on different
	// files don't wait for each other, on one table too.
	s := &story{out: out, start: time.Now(), file: file, lock: "file:" + file.path}
	s.say("", "the shared file is %s", file.path)

	open, err := openStore(ctx, s, table, endpoint)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	carol, err := open("carol")
	if err != nil {
		return err
	}
	defer carol.Close(ctx)
	late, err := s.beginToStall(ctx, carol)
	if err != nil {
		return fmt.Errorf("carol: %w", err)
	}
	var all workers
	for _, name := range []string{"ann", "ben"} {
		l, err := open(name) // each worker is a process of its own, as far as the locks know
		if err != nil {
			return err
		}
		defer l.Close(ctx)
		all.start(name, func() error { return s.work(ctx, name, l) })
	}
	all.start("carol", func() error {
		if err := late(); err != nil {
			return err
		}
		return s.work(ctx, "carol", carol)
	})
	if err := all.wait(); err != nil {
		return err
	}
	want := map[string]int{"ann": entries, "ben": entries, "carol": entries}
	if err := file.verify(want); err != nil {
		return err
	}
	s.say("", "the file is whole: %d entries, numbered without a gap, in token order, none torn or lost", 3*entries)
	return nil
}

// work makes a worker's entries, each under the lock. Do acquires the lock, renews
// it for as long as the function runs, and releases it.
func (s *story) work(ctx context.Context, name string, l locker.Locker) error {
	s.say(name, "wants to make %d entries", entries)
	for range entries {
		err := locker.Do(ctx, l, s.lock, func(ctx context.Context, lease *locker.Lease) error {
			n, err := s.file.count()
			if err != nil {
				return err
			}
			if n == 0 {
				s.say(name, "TAKES OVER: carol's lease has run out")
			}
			s.say(name, "holds the lock, with token %v", lease.Token())
			// Without the lock another worker could count the same just now, and the
			// file would have two entries of one number.
			if err := sleep(ctx, work); err != nil {
				return err
			}
			if err := s.file.append(lease.Token(), n+1, name); err != nil {
				return err
			}
			s.say(name, "wrote entry %d", n+1)
			return nil
		}, locker.WithTTL(ttl))
		if err != nil {
			return err
		}
	}
	return nil
}

// beginToStall makes carol acquire the lock, look at her lease and the file, and
// stall: for a process that is paused, or cut off, nothing goes on, renewal
// neither. late is what she does when she wakes up, as if no time had passed.
func (s *story) beginToStall(ctx context.Context, l locker.Locker) (late func() error, err error) {
	lease, err := l.Acquire(ctx, s.lock, locker.WithTTL(ttl), locker.WithoutRenewal())
	if err != nil {
		return nil, err
	}
	s.say("carol", "holds the lock, with token %v", lease.Token())
	n, err := s.file.count()
	if err != nil {
		return nil, err
	}
	if err := lease.Err(); err != nil {
		return nil, err
	}
	s.say("carol", "has a good lease and is about to write entry %d, but STALLS", n+1)
	return func() error {
		select {
		case <-s.file.written: // by another, so her lease is over
		case <-ctx.Done():
			return fmt.Errorf("nobody took over: %w", context.Cause(ctx))
		}
		s.say("carol", "wakes up and writes entry %d, with token %v", n+1, lease.Token())
		err := s.file.append(lease.Token(), n+1, "carol")
		if !errors.Is(err, locker.ErrStale) {
			return fmt.Errorf("the late write was not refused: error %v, want one that is %v", err, locker.ErrStale)
		}
		s.say("carol", "is refused by the file: %v", err)
		if err := lease.Err(); !errors.Is(err, locker.ErrLost) {
			return fmt.Errorf("the lease does not know that it is over: error %v, want one that is %v", err, locker.ErrLost)
		}
		s.say("carol", "sees it in the lease too: %v", lease.Err())
		return nil
	}, nil
}

// story tells what happens, one line at a time.
type story struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time

	file *ledger
	lock string
}

func (s *story) say(who, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%5.2f s  %-5s  %s\n", time.Since(s.start).Seconds(), who, fmt.Sprintf(format, args...))
}

// workers are goroutines that may fail.
type workers struct {
	sync.WaitGroup
	mu  sync.Mutex
	err error
}

func (w *workers) start(name string, f func() error) {
	w.Go(func() {
		if err := f(); err != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.err = errors.Join(w.err, fmt.Errorf("%s: %w", name, err))
		}
	})
}

func (w *workers) wait() error {
	w.Wait()
	return w.err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
