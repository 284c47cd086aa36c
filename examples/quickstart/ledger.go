package main

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"

	"example.com/holdfast/locker"
)

// ledger is the shared file: a line for each entry, with its number, the token
// under which it was written, and by whom. It is the resource that the lock guards,
// and it guards itself by a fence: it refuses a token below the highest seen.
//
// Here the workers share one ledger. A resource on its own machine does the same,
// with the highest token kept beside the data.
type ledger struct {
	path    string
	written chan struct{} // closed by the first entry

	mu    sync.Mutex // over check and write, so that nothing comes between
	fence locker.Fence
}

const entry = "entry %d token %v by %s\n"

func newLedger() (*ledger, error) {
	f, err := os.CreateTemp("", "holdfast-*.txt")
	if err != nil {
		return nil, err
	}
	return &ledger{path: f.Name(), written: make(chan struct{})}, f.Close()
}

// append adds an entry, unless the fence refuses the token.
func (l *ledger) append(t locker.Token, n int, by string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.fence.Check(l.path, t); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, entry, n, t, by); err != nil {
		return err
	}
	select {
	case <-l.written:
	default:
		close(l.written)
	}
	return f.Close()
}

// count returns how many entries there are.
func (l *ledger) count() (int, error) {
	b, err := os.ReadFile(l.path)
	return strings.Count(string(b), "\n"), err
}

// verify reads the file and checks that it has the wanted number of entries by
// each worker, numbered 1, 2, 3…, under rising tokens, and nothing else.
func (l *ledger) verify(want map[string]int) error {
	b, err := os.ReadFile(l.path)
	if err != nil {
		return err
	}
	got := make(map[string]int)
	n, last := 0, locker.Token(0)
	for line := range strings.Lines(string(b)) {
		n++
		var number int
		var token locker.Token
		var by string
		if _, err := fmt.Sscanf(line, entry, &number, &token, &by); err != nil || fmt.Sprintf(entry, number, token, by) != line {
			return fmt.Errorf("%s:%d: torn line %q", l.path, n, line)
		}
		if number != n {
			return fmt.Errorf("%s:%d: entry %d, want %d", l.path, n, number, n)
		}
		if token <= last {
			return fmt.Errorf("%s:%d: token %v after %v", l.path, n, token, last)
		}
		last = token
		got[by]++
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("%s: entries %v, want %v", l.path, got, want)
	}
	return nil
}
