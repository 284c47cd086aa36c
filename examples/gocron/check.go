package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// diary tells what happens, one line at a time, and keeps who ran each tick.
type diary struct {
	start time.Time // one interval before the first tick
	every time.Duration

	mu   sync.Mutex
	out  io.Writer
	runs []execution // in the order in which they happened
	errs error
}

// execution is one run of the job.
type execution struct {
	tick int
	who  string
}

func (d *diary) say(who, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sayLocked(who, format, args...)
}

func (d *diary) sayLocked(who, format string, args ...any) {
	fmt.Fprintf(d.out, "%5.2f s  %-5s  %s\n", time.Since(d.start).Seconds(), who, fmt.Sprintf(format, args...))
}

// tick returns which tick it is.
func (d *diary) tick() int { return int(time.Since(d.start) / d.every) }

// ran is the job.
func (d *diary) ran(who string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.tick()
	d.runs = append(d.runs, execution{n, who})
	d.sayLocked(who, "runs tick %d", n)
}

// refused is told why a machine did not run the job.
func (d *diary) refused(who string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var held *locker.HeldError
	if errors.As(err, &held) {
		d.sayLocked(who, "leaves tick %d to %s", d.tick(), held.Holder.Owner)
		return
	}
	d.errs = errors.Join(d.errs, fmt.Errorf("%s: %w", who, err))
}

// verify returns an error unless each of the ticks ran once.
func (d *diary) verify(ticks int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	times := make(map[int]int)
	for _, r := range d.runs {
		times[r.tick]++
	}
	for n := 1; n <= ticks; n++ {
		if times[n] != 1 {
			return errors.Join(fmt.Errorf("tick %d ran %d times", n, times[n]), d.errs)
		}
	}
	if len(d.runs) != ticks {
		return errors.Join(fmt.Errorf("%d runs for %d ticks", len(d.runs), ticks), d.errs)
	}
	d.sayLocked("", "each of %d ticks ran once", ticks)
	return d.errs
}

// released waits until the lock may be taken: until the rest of the minimum hold of
// the last tick has passed. One that was not released would be renewed for ever.
func released(ctx context.Context, in locker.Inspector, d *diary) error {
	for deadline := time.Now().Add(d.every + 10*time.Second); ; sleep(ctx, 50*time.Millisecond) {
		info, err := in.Inspect(ctx, "gocron/"+job)
		switch {
		case err != nil:
			return err
		case info.State != locker.StateHeld:
			d.say("", "nothing is held")
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("still held by %s", info.Owner)
		}
	}
}
