// Package worker is the side of a benchmark that runs in a process of its own: it
// acquires and releases locks as it is told, and says when. Lines of text come by
// standard input and go by standard output, so that a worker can be written in any
// language; ../peers has those of other libraries.
//
// In, one command a line, all of which run at once:
//
//	hold NAME MS          acquire, hold for MS milliseconds, release
//	keep NAME             acquire and hold until the process ends
//	pairs NAME N          acquire and release N times
//	wait NAME N           N calls that wait for the name until the process ends
//	crowd NAME G US MS    G callers in loops, each holding for US microseconds, for MS milliseconds
//	leases PREFIX FROM N RATE   acquire and keep N names, RATE a second
//	check PREFIX          how many of those leases are lost
//	quit                  end; so does the end of the input
//
// Out, where T is the time of the wall clock in nanoseconds:
//
//	ready - T             the process takes commands
//	ask NAME T            before acquiring
//	got NAME T            acquired
//	rel NAME T            before releasing
//	done NAME T           released
//	lost NAME TEXT        a lease that was held by hold or keep is lost
//	pairs NAME CPU D,D…   nanoseconds: the process's CPU time, and of each pair
//	counts NAME C,C…      grants of each caller
//	heap PREFIX N BYTES GOROUTINES   N leases held: growth since before the first
//	leased PREFIX T       all are held
//	checked PREFIX N      so many are lost
//	error - TEXT          a command failed
package worker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Client is the library that is measured.
type Client interface {
	// Acquire waits for the name, as the library does unless told otherwise.
	Acquire(ctx context.Context, name string) (Lease, error)
}

// Lease is a lock that is held.
type Lease interface {
	Release(ctx context.Context) error
	Err() error // not nil once it is lost or released
}

// Run carries out the commands of in until it ends or says quit, and writes the
// answers to out. Its error is that of reading in.
func Run(in io.Reader, out io.Writer, c Client) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := &server{c: c, out: out, kept: make(map[string][]Lease)}
	w.stamp("ready", "-")
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if fields[0] == "quit" {
			return nil
		}
		go func() {
			if err := w.carryOut(ctx, fields[0], fields[1:]); err != nil && ctx.Err() == nil {
				w.say("error", "-", fmt.Sprintf("%s: %v", lines.Text(), err))
			}
		}()
	}
	return lines.Err()
}

// server carries out commands.
type server struct {
	c Client

	mu   sync.Mutex // guards what follows
	out  io.Writer
	kept map[string][]Lease
}

func (w *server) carryOut(ctx context.Context, command string, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no name")
	}
	name := args[0]
	n := make([]int, len(args)-1)
	for i, arg := range args[1:] {
		var err error
		if n[i], err = strconv.Atoi(arg); err != nil {
			return err
		}
	}
	switch {
	case command == "hold" && len(n) == 1:
		return w.hold(ctx, name, time.Duration(n[0])*time.Millisecond)
	case command == "keep" && len(n) == 0:
		return w.keep(ctx, name)
	case command == "pairs" && len(n) == 1:
		return w.pairs(ctx, name, n[0])
	case command == "wait" && len(n) == 1:
		return w.wait(ctx, name, n[0])
	case command == "crowd" && len(n) == 3:
		return w.crowd(ctx, name, n[0], time.Duration(n[1])*time.Microsecond, time.Duration(n[2])*time.Millisecond)
	case command == "leases" && len(n) == 3:
		return w.leases(ctx, name, n[0], n[1], n[2])
	case command == "check" && len(n) == 0:
		w.check(name)
		return nil
	}
	return fmt.Errorf("no such command")
}

// say writes one line.
func (w *server) say(word, name string, values ...any) {
	var line strings.Builder
	line.WriteString(word + " " + name)
	for _, v := range values {
		line.WriteString(" " + fmt.Sprint(v))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(w.out, line.String())
}

// stamp says that something happens now.
func (w *server) stamp(word, name string) { w.say(word, name, time.Now().UnixNano()) }

func (w *server) acquire(ctx context.Context, name string) (Lease, error) {
	w.stamp("ask", name)
	lease, err := w.c.Acquire(ctx, name)
	if err != nil {
		return nil, err
	}
	w.stamp("got", name)
	return lease, nil
}

func (w *server) hold(ctx context.Context, name string, d time.Duration) error {
	lease, err := w.acquire(ctx, name)
	if err != nil {
		return err
	}
	time.Sleep(d)
	if err := lease.Err(); err != nil {
		w.say("lost", name, err)
		return nil
	}
	released := time.Now().UnixNano()
	err = lease.Release(ctx)
	w.say("rel", name, released) // afterwards: writing takes time that is not the hand-over's
	if err != nil {
		return err
	}
	w.stamp("done", name)
	return nil
}

func (w *server) keep(ctx context.Context, name string) error {
	lease, err := w.acquire(ctx, name)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept[name] = append(w.kept[name], lease)
	return nil
}

// wait has many calls wait for one name. What they acquire they give back.
func (w *server) wait(ctx context.Context, name string, n int) error {
	for range n {
		go func() {
			if lease, err := w.c.Acquire(ctx, name); err == nil {
				w.stamp("got", name)
				lease.Release(ctx) // the process ends
			}
		}()
	}
	return nil
}
