package sim

import (
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/holdfast/internal/timeline"
	"example.com/holdfast/locker"
)

// told is what a process's observer was told.
type told struct {
	at    time.Duration
	who   *process
	event locker.Event
}

// picture writes a page that shows what the processes were told, and what happened
// to them and their nodes; requests are left to the text.
func (w *world) picture(out io.Writer) error {
	w.mu.Lock()
	start := w.start
	var events []timeline.Event
	for _, t := range w.told {
		events = append(events, timeline.FromEvent(start.Add(t.at), t.who.String(), t.event))
	}
	for _, e := range w.log {
		if e := e.pictured(start); e.Kind != "" {
			events = append(events, e)
		}
	}
	w.mu.Unlock()
	return timeline.Draw(out, fmt.Sprintf("the history of seed %d", w.seed), events)
}

// pictured returns the entry for the picture: the world's, and what befalls a
// process from outside. The library's own events come from its observer.
func (e entry) pictured(start time.Time) timeline.Event {
	out := timeline.Event{At: start.Add(e.at), Kind: timeline.KindNote, Text: fmt.Sprintf(e.format, e.args...)}
	switch {
	case strings.HasPrefix(e.format, "VIOLATION"):
		out.Kind = timeline.KindBroken
	case e.who == nil:
	case e.format == "crashes":
		out.Kind, out.Who = timeline.KindGone, e.who.String()
	case hasAnyPrefix(e.format, "node %d", "wall clock", "clocks", "the link"):
		out.Who = e.who.String()
	default:
		return timeline.Event{}
	}
	return out
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
