package locker

import (
	"sync"
	"time"

	"example.com/holdfast/internal/moment"
)

// acquisition is a grant of the store, and how long this client believes in it.
// One lease uses it at a time. When that is released the next call in the line may
// go on with it, with its renewals and its deadline; see spare.go.
//
// It is believed in while less than span has passed since from, counted by
// [moment.Held], and while its session is, as far as its record may say so.
type acquisition struct {
	c    *Client
	name string
	ttl  time.Duration // that renewals ask for

	// Guarded by schedule.mu.
	due   time.Duration // on the monotonic clock
	index int32         // in the schedule; -1 when not there

	renews bool // in the background; changes, under mu, only where the lease is one of a [Group] that is not complete yet
	beats  bool // it is the heartbeat of its session

	// All below, and what may change of its leases, are guarded by mu; position by the
	// session's.
	over     bool  // nobody believes in it any more, or its release was decided: it is never renewed again
	altered  bool  // its record may differ from what a new one of the same lease would be
	guarded  bool  // a write of the user's may depend on its record: the next lease needs another
	bound    bool  // its record is certainly bound to the session, since a write at from: span means nothing
	spent    int16 // tokens that leases have been given
	position int32 // among the members of session
	mu       sync.Mutex
	grant    Grant
	from     moment.Reading // before the send of what the store is known to have confirmed
	span     time.Duration
	lease    *hold         // that uses it, or did last; nil for a heartbeat
	rare     *rare         // nil for most
	renewal  *renewal      // nil while there is nothing to say
	next     time.Duration // when the next renewal in the background is due, on the monotonic clock; never: Forever
	session  *session      // that the record may be bound to, or whose heartbeat it is, or nil
}

// rare is what few acquisitions have.
type rare struct {
	owner  string        // that the leases were acquired with; empty: the Client's
	data   []byte        // the same
	wanted time.Duration // when another process was first known to wait, on the monotonic clock; 0: none is
}

// slack is what a holder takes off its lease, for a clock that runs slowly and
// for the time between looking at the clock and acting on it.
func (c *Client) slack(ttl time.Duration) time.Duration {
	if c.opts.InProcess {
		return 0
	}
	return max(ttl/100, 20*time.Millisecond)
}

// ttlFor returns the TTL of a lease that a holder believes in for d.
func (c *Client) ttlFor(d time.Duration) time.Duration {
	if c.opts.InProcess {
		return d
	}
	return d + max(d/99+1, 20*time.Millisecond)
}

// leftLocked returns how long the acquisition is still to be believed in.
func (acq *acquisition) leftLocked(now moment.Reading) time.Duration {
	left := Forever
	if !acq.bound {
		left = acq.span - moment.Held(acq.from, now)
	}
	if acq.session != nil && !acq.beats {
		left = min(left, acq.session.left(now))
	}
	return left
}

// lowerLocked cuts the belief to the end of a write that is about to be sent, if
// that is earlier than what is believed in, or if nothing but the session's end is:
// the write may take effect without an answer.
func (acq *acquisition) lowerLocked(sent moment.Reading, span time.Duration) {
	if acq.bound || span < acq.span-moment.Held(acq.from, sent) {
		acq.from, acq.span, acq.bound = sent, span, false
	}
}

// confirmedLocked is told of a renewal that the store has confirmed, sent at sent:
// bound to s or, with a nil s, for a span.
func (acq *acquisition) confirmedLocked(sent moment.Reading, span time.Duration, s *session) {
	acq.from, acq.span, acq.bound = sent, span, s != nil
	if s == nil && acq.session != nil && !acq.beats {
		acq.session.remove(acq)
		acq.session = nil
	}
}

// wantedSinceLocked is told that another process waits for the name, and since when
// that is known, on the monotonic clock.
func (acq *acquisition) wantedSinceLocked(since time.Duration) {
	if acq.rare == nil {
		acq.rare = new(rare)
	}
	if since = max(1, since); acq.rare.wanted == 0 || since < acq.rare.wanted {
		acq.rare.wanted = since
	}
	if acq.lease != nil {
		acq.lease.wanted.release()
	}
}

// inheritWanted makes the acquisition wanted for as long as the one before it.
func (acq *acquisition) inheritWanted(before *acquisition) {
	before.mu.Lock()
	var since time.Duration
	if before.rare != nil {
		since = before.rare.wanted
	}
	before.mu.Unlock()
	if since == 0 {
		return
	}
	acq.mu.Lock()
	defer acq.mu.Unlock()
	acq.wantedSinceLocked(since)
}

// wantedLocked reports whether another process is known to wait for the name.
func (acq *acquisition) wantedLocked() bool { return acq.rare != nil && acq.rare.wanted > 0 }

// ownerLocked returns the owner that the leases were acquired with.
func (acq *acquisition) ownerLocked() string {
	if acq.rare == nil || acq.rare.owner == "" {
		return acq.c.opts.Owner
	}
	return acq.rare.owner
}

// dataLocked returns the data that the leases were acquired with.
func (acq *acquisition) dataLocked() []byte {
	if acq.rare == nil {
		return nil
	}
	return acq.rare.data
}

// maxHoldReachedLocked reports whether the background has to stop renewing.
func (acq *acquisition) maxHoldReachedLocked(now moment.Reading) bool {
	h := acq.lease
	return h != nil && h.maxHold > 0 && now.Mono-h.acquired >= h.maxHold
}

// idleLocked reports whether no lease uses the acquisition at present.
func (acq *acquisition) idleLocked() bool { return acq.lease != nil && acq.lease.err != nil }

// lose ends the acquisition, and the lease that uses it, without a release. It
// returns the events to tell of it. Only the first end counts.
func (acq *acquisition) lose(reason LossReason, cause error) []Event {
	now := acq.c.now()
	acq.mu.Lock()
	if acq.over {
		acq.mu.Unlock()
		return nil
	}
	acq.over = true
	if acq.renewal != nil {
		if reason == LossExpired && cause == nil {
			cause = acq.renewal.lastErr
		}
		if acq.renewal.cancel != nil {
			acq.renewal.cancel() // nothing that it could still tell would matter
		}
	}
	id, h, s := acq.grant.ID, acq.lease, acq.session
	var hooks *hook
	var lost *LostError
	var events []Event
	ended := h != nil && h.err == nil
	early := h != nil && now.Mono-h.acquired < h.minHold // the name is to stay taken for longer
	if ended {
		if reason == LossExpired && acq.renews && acq.maxHoldReachedLocked(now) {
			reason = LossMaxHold
		}
		lost = &LostError{Name: acq.name, Token: h.token, Reason: reason, Cause: cause}
		hooks = h.endLocked(lost)
		e := h.eventLocked(EventLost)
		e.Held, e.Err = now.Mono-h.acquired, lost
		events = append(events, e)
	}
	acq.mu.Unlock()

	runHooks(hooks, lost) // before the next in the line can begin
	if !early {
		acq.c.forgo(id)
	}
	acq.leaveSession(reason != LossExpired && reason != LossMaxHold, nil) // what is bound has no minimum hold left
	acq.c.schedule.remove(acq)
	if ended {
		h.settle()
	}
	if acq.beats {
		events = append(events, s.lose(reason, cause)...)
	}
	return events
}

// expire ends the acquisition if its time is over, and reports whether it is.
func (acq *acquisition) expire() (over bool, events []Event) {
	now := acq.c.now()
	acq.mu.Lock()
	over, left := acq.over, acq.leftLocked(now)
	acq.mu.Unlock()
	if over || left > 0 {
		return over, nil
	}
	return true, acq.lose(LossExpired, nil)
}

// info describes the acquisition as another process would see it.
func (acq *acquisition) info() Info {
	now := acq.c.now()
	acq.mu.Lock()
	defer acq.mu.Unlock()
	return Info{
		Name: acq.name, AcquisitionID: acq.grant.ID, Owner: acq.ownerLocked(), Token: acq.lease.token, TTL: acq.grant.TTL,
		Acquired: now.Wall.Add(acq.lease.acquired - now.Mono), State: StateHeld, Revision: acq.grant.Revision,
		Remaining: max(0, acq.leftLocked(now)),
	}
}
