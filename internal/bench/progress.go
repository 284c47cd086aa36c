package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// progress shows what is going on: on a terminal one line that changes, else a
// line now and then.
type progress struct {
	w        io.Writer
	terminal bool

	mu       sync.Mutex // guards what follows
	scenario string
	began    time.Time
	shown    time.Time
	text     string
}

const (
	redraw = 200 * time.Millisecond // on a terminal
	relog  = 5 * time.Second        // elsewhere
)

func newProgress(f *os.File) *progress {
	info, err := f.Stat()
	return &progress{w: f, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (p *progress) begin(scenario string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scenario, p.began, p.shown, p.text = scenario, time.Now(), time.Time{}, ""
	p.show("begins")
}

// say tells how far the scenario is. It may be called often.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	interval := relog
	if p.terminal {
		interval = redraw
	}
	if time.Since(p.shown) >= interval {
		p.show(fmt.Sprintf(format, args...))
	}
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show("done")
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

// show is called with mu held.
func (p *progress) show(text string) {
	p.shown, p.text = time.Now(), text
	end, start := "\n", ""
	if p.terminal {
		start, end = "\r\x1b[K", ""
	}
	fmt.Fprintf(p.w, "%s%-9s %4.0f s  %s%s", start, p.scenario, time.Since(p.began).Seconds(), text, end)
}
