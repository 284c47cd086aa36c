package timeline

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/holdfast/locker"
)

// Kinds of events besides those of package locker, by their names.
const (
	KindWaiting = "waiting" // a call waits for a holder; acquired or refused ends it
	KindNote    = "note"    // Text says what happened to Who; an empty Who: to all
	KindGone    = "gone"    // Who ended, with all that it held; Text says how
	KindBroken  = "broken"  // a promise was broken, as Text says; it concerns all
)

// prefix begins the messages of [locker.SlogObserver].
const prefix = "lock "

// Event is something that happened.
type Event struct {
	At    time.Time
	Who   string // the process
	Owner string // what it calls itself; empty: Who
	Kind  string // one of the above, or what a locker.EventKind is called
	Lock  string // its name; empty: of all locks
	ID    string // of the lease
	Token int64

	Waited, Held time.Duration
	Holder       Holder // who was in the way
	Reason       string // of a loss
	Text         string // an error, or a note
}

// Holder is who was seen holding a lock.
type Holder struct {
	ID, Owner, State string
	Token            int64
}

// FromEvent returns what an observer was told of, at a time, by a process.
func FromEvent(at time.Time, who string, e locker.Event) Event {
	h := e.Holder
	out := Event{
		At: at, Who: who, Owner: e.Owner, Kind: e.Kind.String(), Lock: e.Name, ID: e.ID, Token: int64(e.Token), Waited: e.Waited, Held: e.Held,
		Holder: Holder{ID: h.AcquisitionID, Owner: h.Owner, State: h.State.String(), Token: int64(h.Token)},
	}
	if e.Err != nil {
		out.Text = e.Err.Error()
	}
	if lost, ok := errors.AsType[*locker.LostError](e.Err); ok {
		out.Reason = lost.Reason.String()
	}
	return out
}

// logLine is an event in the log.
type logLine struct {
	Time    time.Time     `json:"time"`
	Msg     string        `json:"msg"`
	Process string        `json:"process"` // may be added by whoever writes the log
	Owner   string        `json:"owner"`
	Lock    string        `json:"lock"`
	ID      string        `json:"id"`
	Token   int64         `json:"token"`
	Waited  time.Duration `json:"waited"`
	Held    time.Duration `json:"held"`
	Reason  string        `json:"reason"`
	Error   string        `json:"error"`
	Text    string        `json:"text"` // of a note
	Holder  Holder        `json:"holder"`
}

// Read reads the events out of a log that a [slog.JSONHandler] wrote, ordered by
// time. Lines of other kinds are skipped, so the log may be a program's own, and so
// is what was cut off, be it at the end or before the line of another process. A process is told apart by the attribute
// "process" or else by its owner.
//
// Errors: the reader's, and one for a log without any event.
func Read(r io.Reader) ([]Event, error) {
	var events []Event
	lines := bufio.NewReader(r)
	for {
		text, err := lines.ReadBytes('\n')
		if e, ok := parse(text); ok {
			events = append(events, e)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("timeline: %w", err)
		}
	}
	if len(events) == 0 {
		return nil, errors.New(`timeline: no events: want lines of JSON as locker.SlogObserver makes them with a slog.JSONHandler, such as {"time":…,"msg":"lock acquired","lock":…}`)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	return events, nil
}

// parse returns the event of a line, if it is one.
func parse(text []byte) (Event, bool) {
	if !bytes.Contains(text, []byte(prefix)) {
		return Event{}, false
	}
	var l logLine
	if err := json.Unmarshal(text, &l); err != nil {
		if next := bytes.LastIndex(text, []byte(`{"time":`)); next > 0 { // behind a line that was cut off
			return parse(text[next:])
		}
		return Event{}, false
	}
	kind, ok := strings.CutPrefix(l.Msg, prefix)
	if !ok || !knownKind(kind) || l.Time.IsZero() || l.Lock == "" {
		return Event{}, false
	}
	return Event{
		At: l.Time, Who: cmp.Or(l.Process, l.Owner, "unknown"), Owner: l.Owner, Kind: kind, Lock: l.Lock, ID: l.ID, Token: l.Token,
		Waited: l.Waited, Held: l.Held, Holder: l.Holder, Reason: l.Reason, Text: cmp.Or(l.Error, l.Text),
	}, true
}

func knownKind(kind string) bool {
	switch kind {
	case KindWaiting, KindNote, KindGone:
		return true
	}
	for k := locker.EventAcquired; !strings.Contains(k.String(), "("); k++ {
		if k.String() == kind {
			return true
		}
	}
	return false
}
