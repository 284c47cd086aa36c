package sim

import (
	"fmt"
	"strings"
	"time"
)

// entry is a line of the timeline. It is put into words only when somebody wants
// to read it.
type entry struct {
	at     time.Duration
	who    *process // nil: the world
	format string
	args   []any
}

// note adds a line to the timeline.
func (w *world) note(p *process, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked(p, format, args...)
}

func (w *world) noteLocked(p *process, format string, args ...any) {
	w.log = append(w.log, entry{w.now(), p, format, args})
}

// timeline returns the history for people: when, who, what.
func (w *world) timeline() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, e := range w.log {
		who := "world"
		if e.who != nil {
			who = e.who.String()
		}
		fmt.Fprintf(&b, "%12.6f  %-6s  %s\n", e.at.Seconds(), who, fmt.Sprintf(e.format, e.args...))
	}
	return b.String()
}
