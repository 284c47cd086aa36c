package timeline

import (
	"slices"
	"strings"
	"time"

	"example.com/holdfast/locker"
)

// The kinds of package locker that the picture shows in a way of their own.
var (
	kindAcquired    = locker.EventAcquired.String()
	kindRefused     = locker.EventRefused.String()
	kindRenewed     = locker.EventRenewed.String()
	kindLost        = locker.EventLost.String()
	kindRenewFailed = locker.EventRenewFailed.String()
	kindDropped     = locker.EventDropped.String()
	kindReleased    = locker.EventReleased.String()
)

// history is what happened to one lock.
type history struct {
	name      string
	who       []string          // in the order in which they appeared
	names     map[string]string // what they call themselves
	holds     []*hold
	waits     []*wait
	takeovers []takeover
	marks     []mark
}

// ending is how a hold ended, as far as the record tells.
type ending int

const (
	endUnknown  ending = iota // no end was recorded
	endReleased               // released
	endLost                   // lost
	endGone                   // its process ended
)

// hold is a lease from its acquisition to its end.
type hold struct {
	who      string
	id       string
	token    int64
	from, to time.Time
	seen     time.Time   // the last event of it
	renewals []time.Time // that were recorded
	end      ending
	text     string // of the end
}

// wait is a call that waited for a holder, or for one after another.
type wait struct {
	who      string
	from, to time.Time
	ended    bool // with an event
	refused  bool
	holders  []string // their owners
	text     string
}

// waitsFor notes for whom it waits now.
func (w *wait) waitsFor(holder Holder) {
	if n := len(w.holders); holder.Owner != "" && (n == 0 || w.holders[n-1] != holder.Owner) {
		w.holders = append(w.holders, holder.Owner)
	}
}

// takeover is an acquisition from a holder that had not released.
type takeover struct {
	at   time.Time
	from *hold // nil if the record does not have it
	to   *hold
	what string
}

// mark is an instant worth pointing at.
type mark struct {
	at   time.Time
	who  string // empty: all
	what string
	bad  bool
}

// histories sorts events out by lock, in the order of the locks' names.
func histories(events []Event) []*history {
	byName := make(map[string]*history)
	var all []*history
	for _, e := range events {
		if e.Lock != "" && byName[e.Lock] == nil {
			byName[e.Lock] = &history{name: e.Lock, names: make(map[string]string)}
			all = append(all, byName[e.Lock])
		}
	}
	for _, h := range all {
		h.tell(events)
	}
	slices.SortFunc(all, func(a, b *history) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return all
}

// tell takes in the events of the lock.
func (h *history) tell(events []Event) {
	if len(events) == 0 {
		return
	}
	byID := make(map[string]*hold)
	for _, e := range events {
		switch {
		case e.Lock == h.name:
			h.appear(e)
			h.add(e, byID)
		case e.Lock == "":
			h.addCommon(e)
		}
	}
	last := events[len(events)-1].At
	h.takeOvers(events, byID)
	h.close(last)
}

func (h *history) appear(e Event) {
	if !slices.Contains(h.who, e.Who) {
		h.who = append(h.who, e.Who)
		h.names[e.Who] = e.Who
	}
	if e.Owner != "" {
		h.names[e.Who] = e.Owner
	}
}

// add takes in an event of this lock.
func (h *history) add(e Event, byID map[string]*hold) {
	hd := byID[e.ID]
	if hd != nil && e.ID != "" {
		hd.seen = e.At
	}
	switch e.Kind {
	case KindWaiting:
		h.beginWait(e)
	case kindAcquired:
		h.endWait(e, false)
		hd = &hold{who: e.Who, id: e.ID, token: e.Token, from: e.At, seen: e.At}
		byID[e.ID] = hd
		h.holds = append(h.holds, hd)
	case kindRefused:
		h.endWait(e, true)
		h.marks = append(h.marks, mark{e.At, e.Who, "refused: " + e.Text, false})
	case kindReleased, kindLost:
		if hd == nil { // the record begins later than the lease
			hd = &hold{who: e.Who, id: e.ID, token: e.Token, from: e.At.Add(-e.Held), seen: e.At}
			byID[e.ID] = hd
			h.holds = append(h.holds, hd)
		}
		hd.to, hd.end, hd.text = e.At, endReleased, e.Text
		if e.Kind == kindLost {
			hd.end = endLost
			hd.text = "lost: " + e.Reason
		}
	case kindRenewed:
		if hd != nil {
			hd.renewals = append(hd.renewals, e.At)
		}
	case KindNote, KindGone:
		h.marks = append(h.marks, mark{e.At, e.Who, e.Text, false})
	default:
		bad := e.Kind == kindRenewFailed || e.Kind == kindDropped
		h.marks = append(h.marks, mark{e.At, e.Who, strings.TrimSuffix(e.Kind+": "+e.Text, ": "), bad})
	}
	if e.Kind == KindGone {
		h.gone(e)
	}
}

// addCommon takes in an event of all locks, if whom it happened to is seen here.
func (h *history) addCommon(e Event) {
	if e.Who != "" && !slices.Contains(h.who, e.Who) {
		return
	}
	h.marks = append(h.marks, mark{e.At, e.Who, e.Text, e.Kind == KindBroken})
	if e.Kind == KindGone {
		h.gone(e)
	}
}

// gone ends what a process that is no more had not ended.
func (h *history) gone(e Event) {
	for _, hd := range h.holds {
		if hd.who == e.Who && hd.end == endUnknown {
			hd.to, hd.end, hd.text = e.At, endGone, e.Text
		}
	}
	for _, w := range h.waits {
		if w.who == e.Who && !w.ended {
			w.to, w.ended, w.text = e.At, true, e.Text
		}
	}
}

// sameCall is how far apart the beginnings of one call may lie, as its events tell
// them: between the event and its record the machine may have been busy.
const sameCall = 100 * time.Millisecond

// beginWait takes in that a call waits. One that waits already waits for another
// holder from now on.
func (h *history) beginWait(e Event) {
	from := e.At.Add(-e.Waited)
	w := h.openWait(e.Who, from)
	if w == nil || w.from.Sub(from).Abs() > sameCall {
		w = &wait{who: e.Who, from: from}
		h.waits = append(h.waits, w)
	}
	w.waitsFor(e.Holder)
}

// endWait ends the wait of an acquired or refused event, which tells how long it
// was; where no beginning was recorded, it tells of that too.
func (h *history) endWait(e Event, refused bool) {
	from := e.At.Add(-e.Waited)
	w := h.openWait(e.Who, from)
	if w == nil {
		if e.Holder.ID == "" && e.Holder.Owner == "" {
			return // nobody was in the way
		}
		w = &wait{who: e.Who, from: from}
		w.waitsFor(e.Holder)
		h.waits = append(h.waits, w)
	}
	if from.Before(w.from) {
		w.from = from
	}
	w.to, w.ended, w.refused = e.At, true, refused
}

// openWait returns the process's wait without an end that began closest to from, or
// nil.
func (h *history) openWait(who string, from time.Time) (closest *wait) {
	for _, w := range h.waits {
		if w.who == who && !w.ended && (closest == nil || w.from.Sub(from).Abs() < closest.from.Sub(from).Abs()) {
			closest = w
		}
	}
	return closest
}

// takeOvers finds acquisitions whose holder before had not released. It comes after
// everything else: a release may be recorded after the acquisition that it allowed.
func (h *history) takeOvers(events []Event, byID map[string]*hold) {
	for _, e := range events {
		if e.Lock != h.name || e.Kind != kindAcquired || e.Holder.ID == "" {
			continue
		}
		to, from := byID[e.ID], byID[e.Holder.ID]
		switch {
		case from == nil && e.Holder.State == locker.StateDead.String():
			h.takeovers = append(h.takeovers, takeover{e.At, nil, to, "took over from " + e.Holder.Owner})
		case from != nil && from.end != endReleased && from != to:
			h.takeovers = append(h.takeovers, takeover{e.At, from, to, "took over from " + h.names[from.who]})
			if from.end == endUnknown {
				from.to = e.At
			}
		}
	}
}

// close gives everything an end in the picture.
func (h *history) close(last time.Time) {
	for _, hd := range h.holds {
		if hd.to.IsZero() {
			hd.to = last
		}
	}
	for _, w := range h.waits {
		if !w.ended {
			w.to = last
		}
	}
}

// count returns how many holds ended so.
func (h *history) count(end ending) (n int) {
	for _, hd := range h.holds {
		if hd.end == end {
			n++
		}
	}
	return n
}
