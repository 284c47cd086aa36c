package dynamo

import (
	"context"
	"strings"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// A session is a lock whose lease many others share; its item is like any other. An
// item that is bound to one has its name in the attribute session, and is held for as
// long as the session is. A session that a contender has killed, or its holder
// released, is dead for ever: it has the dead sequence, and its name, which ends in
// the ID of its only acquisition, is never used again.

// sessionPrefix begins the names of sessions, and of nothing else.
const sessionPrefix = "_session/"

// isSession reports whether a name is that of a session.
func isSession(name string) bool { return strings.HasPrefix(name, sessionPrefix) }

// sessionID returns the ID of the acquisition that the session belongs to.
func sessionID(session string) string {
	return session[strings.LastIndexByte(session, '/')+1:]
}

// sessions is what the store knows of sessions without looking.
type sessions struct {
	mu     sync.Mutex
	mine   map[string]struct{} // acquired here and not released
	killed map[string]struct{} // known to be dead, the latest thousand or so
}

func (k *sessions) isMine(session string) bool { return k.in(&k.mine, session) }
func (k *sessions) isDead(session string) bool { return k.in(&k.killed, session) }

func (k *sessions) in(set *map[string]struct{}, session string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := (*set)[session]
	return ok
}

// granted is told of every grant, released of every release.
func (k *sessions) granted(name string) {
	if isSession(name) {
		k.put(&k.mine, name)
	}
}

func (k *sessions) released(name string) {
	if isSession(name) {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.mine, name)
	}
}

func (k *sessions) dead(session string) { k.put(&k.killed, session) }

func (k *sessions) put(set *map[string]struct{}, session string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if *set == nil || len(*set) == 1000 {
		*set = make(map[string]struct{})
	}
	(*set)[session] = struct{}{}
}

// revision is what rule A watches: of a bound item its session's as well, which
// changes with every heartbeat.
func (it *item) revision() string {
	if it.Session == "" || it.heart == nil {
		return it.GUID
	}
	return it.GUID + " " + it.heart.GUID
}

// pinnable reports whether a revision is all of what a take-over depends on: not
// so of a bound item's, whose session has to be killed before.
func pinnable(stale string) bool { return stale != "" && !strings.Contains(stale, " ") }

// boundState is the state of an item that is bound to a session.
func (it *item) boundState(times span, known bool, margin time.Duration) (s locker.State, remaining, doubt time.Duration) {
	if it.heart == nil {
		return locker.StateHeld, 0, 0
	}
	s, remaining, doubt = it.heart.state(times, known, margin)
	if s == locker.StateFree {
		return locker.StateDead, 0, 0
	}
	return s, remaining, doubt
}

// readSession reads the item of the session that it is bound to.
func (s *store) readSession(ctx context.Context, ttl time.Duration, it *item, consistent bool) error {
	if s.sessions.isDead(it.Session) {
		it.heart = &item{Name: it.Session}
		return nil
	}
	attrs, err := s.get(ctx, ttl, it.Session, consistent)
	if err != nil {
		return s.failure("read the session of", it.Name, err)
	}
	heart, err := decode(it.Session, attrs)
	if err != nil {
		return err
	}
	if heart.Session != "" {
		return &ItemError{Name: it.Session, Reason: "it is a session and bound to a session"}
	}
	it.heart = &heart
	return nil
}

// unbound makes sure that the session of an item is dead, so that the item may be
// taken over, and reports whether it is. The session is dead only when a write has
// made sure of it: what a read doesn't show may be there.
//
// The client's own acquisitions that are over need no such proof, whatever becomes
// of its session: it knows that it doesn't believe in them.
func (s *store) unbound(ctx context.Context, it *item, a locker.Attempt, times span, known bool) (dead bool, err error) {
	guid, session, _ := strings.Cut(a.Stale, " ")
	if s.sessions.isDead(it.Session) || guid == it.GUID && (session == "" || s.sessions.isMine(it.Session)) {
		return true, nil
	}
	if err := s.readSession(ctx, a.TTL, it, true); err != nil {
		return false, err
	}
	state, _, _ := it.state(times, known, s.o.ClockMargin)
	if state != locker.StateDead && (a.Stale == "" || a.Stale != it.revision()) {
		return false, nil
	}
	if it.heart.GUID != revision(sessionID(it.Session), deadSequence) {
		return s.kill(ctx, it, a)
	}
	s.sessions.dead(it.Session)
	return true, nil
}

// kill makes one try to end the session of an item for its holder.
func (s *store) kill(ctx context.Context, it *item, a locker.Attempt) (dead bool, err error) {
	st, _, _ := s.stamps()
	attrs, err := s.update(ctx, a.TTL, s.killInput(it.Session, it.heart.GUID, st))
	switch classify(err) {
	case unknown, final:
		return false, s.failure("end the session of", a.Name, err)
	}
	heart, err := decode(it.Session, attrs)
	if err != nil {
		return false, err
	}
	it.heart = &heart
	if heart.GUID != revision(sessionID(it.Session), deadSequence) {
		return false, nil // it was renewed meanwhile
	}
	s.sessions.dead(it.Session)
	return true, nil
}
