package locker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"example.com/holdfast/internal/moment"
)

// session is a heartbeat that the leases of a client with one TTL share: a lock of
// its own, renewed by the client while leases are bound to it. It belongs to one
// client for ever: its name, made of its acquisition's ID, is never used again.
//
// A lease is bound by its first renewal in the background, so that short ones pay
// nothing for it; one with a MaxHold never is, one with a MinHold only after that,
// because what is left of the session may be shorter. What is bound is believed in for as
// long as the session; Close releases it before the session.
type session struct {
	c     *Client
	ttl   time.Duration
	ready chan struct{} // closed when acq is set, or the session could not be had
	acq   *acquisition  // of the lock; nil if it could not be had

	mu      sync.Mutex
	members []*acquisition
	closed  bool // takes no more members
}

// sessionToJoin returns the session that the next renewal is to bind the record to,
// and makes the acquisition a member: it is believed in no longer than the session
// from now on. It is nil if the record is to live by itself: after a renewal that
// failed, while Ensure's time lasts, where the lease has a maximum or minimum hold to
// keep, or when no session with enough time left can be had.
func (acq *acquisition) sessionToJoin() *session {
	c := acq.c
	if c.binder == nil || acq.beats {
		return nil
	}
	acq.mu.Lock()
	h, old, left := acq.lease, acq.session, acq.leftLocked(c.now())
	no := acq.failingLocked() || left > acq.ttl || h.maxHold > 0 || c.mono()-h.acquired < h.minHold
	acq.mu.Unlock()
	if no {
		return nil
	}
	s := old
	if old == nil {
		s = c.openSession(acq.ttl)
	}
	if s == nil || old == nil && s.left(c.now()) < acq.ttl/2 {
		return nil
	}
	acq.mu.Lock()
	defer acq.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed, acq.over, acq.idleLocked(), acq.lease != h:
		return nil
	case acq.session == nil:
		acq.session, acq.position = s, int32(len(s.members))
		s.members = append(s.members, acq)
	}
	return s
}

// openSession returns the session for leases of this TTL; a new one if there is
// none, nil if it can't be had now.
func (c *Client) openSession(ttl time.Duration) *session {
	c.mu.Lock()
	s := c.sessions[ttl]
	if s == nil && c.life.Err() == nil {
		s = &session{c: c, ttl: ttl, ready: make(chan struct{})}
		if c.sessions == nil {
			c.sessions = make(map[time.Duration]*session)
		}
		c.sessions[ttl] = s
		c.mu.Unlock()
		s.acq = c.acquireSession(s)
		close(s.ready)
		if s.acq == nil {
			c.forgetSession(s)
			return nil
		}
		s.acq.plan()
		return s
	}
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	<-s.ready // whoever makes it has a bound
	if s.acq == nil {
		return nil
	}
	return s
}

// acquireSession makes one try to acquire the session's lock.
func (c *Client) acquireSession(s *session) *acquisition {
	id := c.newID()
	at := Attempt{Name: sessionPrefix + id, ID: id, Owner: c.opts.Owner, TTL: s.ttl}
	first := c.now()
	g, err := c.try(context.Background(), at, max(100*time.Millisecond, min(s.ttl/6, maxRenewal)))
	if errors.Is(err, ErrUnavailable) {
		c.abandon(at)
	}
	if err != nil {
		return nil
	}
	acq := &acquisition{
		c: c, name: at.Name, ttl: s.ttl, renews: true, index: -1,
		grant: g, from: first, span: s.ttl - c.slack(s.ttl), session: s, beats: true,
	}
	acq.next = acq.nextRenewalLocked() // nobody else has it yet
	return acq
}

// forgetSession keeps the session from being given to anybody else.
func (c *Client) forgetSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions[s.ttl] == s {
		delete(c.sessions, s.ttl)
	}
}

// left returns how long the session is still to be believed in.
func (s *session) left(now moment.Reading) time.Duration {
	s.acq.mu.Lock()
	defer s.acq.mu.Unlock()
	if s.acq.over {
		return 0
	}
	return s.acq.leftLocked(now)
}

// grant returns what the session was granted.
func (s *session) grant() Grant {
	s.acq.mu.Lock()
	defer s.acq.mu.Unlock()
	return s.acq.grant
}

// remove takes a member out. Its mutex is held. A session that takes no more of them
// is released when the last has gone.
func (s *session) remove(acq *acquisition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.members) - 1
	s.members[acq.position] = s.members[last]
	s.members[acq.position].position = acq.position
	s.members[last] = nil
	s.members = s.members[:last]
	if s.closed && last == 0 {
		s.c.background.spawn(s.release)
	}
}

// close makes the session take no more members, and returns those that it has.
func (s *session) close() []*acquisition {
	s.c.forgetSession(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return slices.Clone(s.members)
}

// isClosed reports whether the session takes no more members.
func (s *session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// lose ends all leases that are bound to a session that was lost.
func (s *session) lose(reason LossReason, cause error) (events []Event) {
	for _, acq := range s.close() {
		events = append(events, acq.lose(reason, cause)...)
	}
	return events
}

// retireIfEmpty releases a session to which nothing is bound any more, and reports
// whether it did.
func (s *session) retireIfEmpty() bool {
	s.mu.Lock()
	if len(s.members) > 0 {
		s.mu.Unlock()
		return false
	}
	s.closed = true
	s.mu.Unlock()
	s.release()
	return true
}

// giveUp takes no more members and makes the present ones live by themselves, until
// they find another: then the session is released, and with it whatever in the
// store could not be unbound from it.
func (s *session) giveUp() {
	members := s.close()
	now := s.c.mono()
	for i, acq := range members {
		acq.mu.Lock()
		if acq.session == s && acq.renews { // still
			acq.next = min(acq.next, now+s.ttl/3*time.Duration(i)/time.Duration(len(members)))
		}
		acq.mu.Unlock()
		acq.plan()
	}
}

// release ends the session in the store, unless it is over.
func (s *session) release() {
	s.c.forgetSession(s)
	if s.acq.retire() {
		s.c.releaseAbandoned(s.grant(), nil)
	}
}

// closeSessions releases the sessions of a client whose leases have been released.
func (c *Client) closeSessions() {
	c.mu.Lock()
	var all []*session
	for _, s := range c.sessions {
		all = append(all, s)
	}
	c.mu.Unlock()
	for _, s := range all {
		<-s.ready
		if s.acq == nil {
			continue
		}
		s.close()
		s.release()
	}
}

// leaveSession is called when the acquisition is over. A record that may still be
// bound would live as long as the session, so unless it is known to be somebody
// else's or released, it is released in the background, at the end of the hold, until
// that is confirmed; if it can't be, the session is given up. It reports whether the
// record is being released.
func (acq *acquisition) leaveSession(settled bool, hold func() time.Duration) (releases bool) {
	acq.mu.Lock()
	s, g := acq.session, acq.grant
	acq.mu.Unlock()
	switch {
	case s == nil, acq.beats:
		return false
	case settled, s.left(acq.c.now()) <= 0:
		acq.leave()
		return false
	}
	acq.c.background.spawn(func() {
		if err := acq.c.releaseAbandoned(g, hold); err != nil && !errors.Is(err, ErrLost) {
			s.giveUp()
		}
		acq.leave()
	})
	return true
}

// leave ends the membership of an acquisition whose record is not bound any more.
func (acq *acquisition) leave() {
	acq.mu.Lock()
	defer acq.mu.Unlock()
	if acq.session != nil {
		acq.session.remove(acq)
		acq.session, acq.bound, acq.over, acq.span = nil, false, true, 0
	}
}
