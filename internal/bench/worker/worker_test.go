package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
)

// counter grants everything, unless the name is "none".
type counter struct{ held atomic.Int64 }

func (c *counter) Acquire(_ context.Context, name string) (Lease, error) {
	if name == "none" {
		return nil, errors.New("refused")
	}
	c.held.Add(1)
	return &grant{c: c}, nil
}

type grant struct {
	c    *counter
	over atomic.Bool
}

func (g *grant) Release(context.Context) error {
	g.over.Store(true)
	g.c.held.Add(-1)
	return nil
}

func (g *grant) Err() error {
	if g.over.Load() {
		return errors.New("over")
	}
	return nil
}

// TestRun gives every command and reads what it says.
func TestRun(t *testing.T) {
	for _, test := range []struct {
		command string
		want    []string // beginnings of lines, in this order
		held    int64    // leases that are held in the end
	}{
		{"hold a 1", []string{"ask a ", "got a ", "rel a ", "done a "}, 0},
		{"keep a", []string{"ask a ", "got a "}, 1},
		{"pairs a 3", []string{"pairs a "}, 0},
		{"wait a 2", []string{"got a ", "got a "}, 0},
		{"crowd a 2 100 20", []string{"counts a "}, 0},
		{"leases p 0 20 0", []string{"heap p 2 ", "heap p 5 ", "heap p 10 ", "heap p 20 ", "leased p "}, 20},
		{"check p", []string{"checked p 0"}, 0},
		{"hold none 1", []string{"ask none ", "error - hold none 1: refused"}, 0},
		{"dance a", []string{"error - dance a: no such command"}, 0},
		{"hold a x", []string{"error - hold a x: "}, 0},
		{"hold", []string{"error - hold: no name"}, 0},
	} {
		t.Run(test.command, func(t *testing.T) {
			c := &counter{}
			in, commands := io.Pipe()
			answers, out := io.Pipe()
			go func() {
				if err := Run(in, out, c); err != nil {
					t.Errorf("Run = %v, want nil", err)
				}
				out.Close()
			}()
			lines := bufio.NewScanner(answers)
			next := func() string {
				lines.Scan()
				return lines.Text()
			}
			if got := next(); !strings.HasPrefix(got, "ready - ") {
				t.Errorf("first line %q, want ready", got)
			}
			fmt.Fprintln(commands, test.command)
			for _, want := range test.want {
				if got := next(); !strings.HasPrefix(got, want) {
					t.Errorf("%q, want %q and more", got, want)
				}
			}
			if !strings.HasPrefix(test.command, "wait") { // which says nothing after its releases
				if got := c.held.Load(); got != test.held {
					t.Errorf("%d leases held, want %d", got, test.held)
				}
			}
			fmt.Fprintln(commands, "quit")
			for lines.Scan() { // Run ends
			}
		})
	}
}
