package sim

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/internal/ddbmodel"
)

// acquisition is what became of an ID.
type acquisition struct {
	p           *process
	tokens      map[int64]int64 // what requests with it reserve: the first by the last
	first, last int64           // what the store has granted
	sent        time.Duration   // when the first request with it was
	granted     time.Duration   // when the store made it the holder
}

// spendLocked notes the first request with an ID.
func (w *world) spendLocked(p *process, request any) {
	in, ok := request.(*dynamodb.UpdateItemInput)
	if !ok || in.ExpressionAttributeValues[":guid"] == nil {
		return // no write, or one that leaves the ID as it is
	}
	id := acquisitionID(text(in.ExpressionAttributeValues[":guid"]))
	a := w.spent[id]
	if a == nil {
		a = &acquisition{p: p, sent: w.now(), tokens: make(map[int64]int64)}
		w.spent[id] = a
	}
	first, last := number(in.ExpressionAttributeValues[":first"]), number(in.ExpressionAttributeValues[":token"])
	if last != 0 {
		a.tokens[last] = first
	}
}

// placeLocked finds the acquisition that a lease is of. One that did not come from
// the store has to be the next on the acquisition of the lease before.
func (w *world) placeLocked(lk *lock, b *belief) {
	token := int64(b.lease.Token())
	b.from, b.to = w.now(), w.now()
	if a := w.spent[b.lease.ID()]; a != nil {
		b.of, b.from, b.to = a, a.sent, a.granted
		if token < a.first || token > a.last || a.p != b.p {
			w.failLocked("%v was granted %s with token %d, but the store gave %v those from %d to %d", b.p, b.lease.Name(), token, a.p, a.first, a.last)
		}
		return
	}
	w.figure.HandedOver++
	if b.index == 0 || lk.beliefs[b.index-1].p != b.p {
		w.failLocked("%v was handed %s, which it did not have", b.p, b.lease.Name())
		b.of = &acquisition{p: b.p}
		return
	}
	last := lk.beliefs[b.index-1]
	b.of = last.of
	if token != int64(last.lease.Token())+1 || token > b.of.last {
		w.failLocked("%v was handed %s with token %d, after %v of those up to %d", b.p, b.lease.Name(), token, last.lease.Token(), b.of.last)
	}
}

// acquisitionID returns the ID in a revision.
func acquisitionID(revision string) string {
	id, _, _ := strings.Cut(revision, "/")
	return id
}

// session is what the checks know of a session.
type session struct {
	ttl  time.Duration
	dead bool
}

// isSession reports whether an item is that of a session.
func isSession(name string) bool { return strings.HasPrefix(name, "_session/") }

// committedSessionLocked is told of every write of a session's item. One that is
// dead has to stay so, and a heartbeat counts as one of every name that is bound.
func (w *world) committedSessionLocked(c ddbmodel.Change) {
	s, id, revision := w.sessions[c.Key], strings.TrimPrefix(c.Key, "_session/"), text(c.New["guid"])
	if s == nil {
		s = &session{}
		w.sessions[c.Key] = s
	}
	owner := w.spent[id]
	dead := number(c.New["expiresOn"]) == 0
	switch {
	case acquisitionID(revision) != id && !isBroken(revision):
		w.failLocked("the session %s belongs to the acquisition %s", c.Key, acquisitionID(revision))
	case s.dead && !dead:
		w.failLocked("the session %s lives again", c.Key)
	case dead && !s.dead && owner.p != w.writer:
		w.figure.Killed++
		if !owner.p.dead {
			w.figure.KilledAlive++
		}
	}
	s.dead = dead
	s.ttl = max(s.ttl, ttlOf(c.New))
	for _, name := range w.names {
		lk := w.locks[name]
		if lk.session != c.Key {
			continue
		}
		lk.longest = max(lk.longest, s.ttl)
		if w.writer.node != w.last && !dead {
			lk.touched = w.now()
		}
	}
}

// bond is an item's session in the timeline.
func bond(item ddbmodel.Item) string {
	var b strings.Builder
	if s := text(item["session"]); s != "" {
		b.WriteString(", bound to " + s)
	}
	if item["wanted"] != nil {
		b.WriteString(", wanted")
	}
	return b.String()
}
