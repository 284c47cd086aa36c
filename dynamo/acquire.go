package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// Acquire makes one try to become the holder of a name.
//
// Input: the attempt. Requests: at most one GetItem, when DynamoDB's time is not
// known yet, and two UpdateItems: one for a free name or a revision in which nobody
// believes, one for what its failure has shown. A name that is bound to a session
// may take a GetItem and an UpdateItem more, of the session (session.go). Outcomes: a Grant; *locker.HeldError; an error that wraps
// locker.ErrUnavailable when the outcome is not known; any other is final.
// Next: expr.go has the conditions, item.go judges what was seen.
func (s *store) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	if err := s.checkTable(ctx); err != nil {
		return locker.Grant{}, err
	}
	it, seen := item{Name: a.Name}, false
	if !s.times.known() {
		attrs, err := s.get(ctx, a.TTL, a.Name, true)
		if err != nil {
			return locker.Grant{}, s.failure("acquire", a.Name, err)
		}
		if it, err = decode(a.Name, attrs); err != nil {
			return locker.Grant{}, err
		}
		seen = true
	}
	for writes := 0; ; writes++ {
		st, times, known := s.stamps()
		if n, mine := sequence(it.GUID, a.ID); mine {
			// An earlier send took effect; the client counts from the first of all.
			b := s.tokens.of(a.ID, locker.Token(it.Token))
			s.resolved(a, b)
			return grant(a, b, n), nil
		}
		from, b, err := s.allowed(ctx, a, &it, seen, writes == 2, times, known)
		if err != nil {
			return locker.Grant{}, err
		}
		attrs, err := s.update(ctx, a.TTL, s.acquireInput(a, b, from, st))
		switch classify(err) {
		case applied:
			g, err := s.granted(a, b, attrs)
			g.TookOver = tookOver(from)
			return g, err
		case unknown:
			s.tokens.unresolved(a.ID, b)
			return locker.Grant{}, s.failure("acquire", a.Name, err)
		case final:
			return locker.Grant{}, s.failure("acquire", a.Name, err)
		}
		if it, err = decode(a.Name, attrs); err != nil {
			return locker.Grant{}, err
		}
		seen = true
	}
}

// allowed decides from what is known of the item, which may not have been seen yet,
// whether the attempt may write: with which tokens, and if it takes over, from which
// revision.
func (s *store) allowed(ctx context.Context, a locker.Attempt, it *item, seen, spent bool, times span, known bool) (from string, b block, err error) {
	s.tokens.saw(locker.Token(it.Token), times, known)
	from, ok := a.Stale, pinnable(a.Stale)
	if seen || !ok {
		if from, ok, err = s.takeable(ctx, it, a, times, known); err != nil {
			return "", block{}, err
		}
	}
	b = s.tokens.next(a.ID, a.Tokens, s.tokens.stored(a.Name, locker.Token(it.Token)), times, known)
	switch {
	case seen && !ok:
		return "", block{}, s.held(*it, times, known)
	case spent || b.first <= locker.Token(it.Token):
		// Free by now, but this try has spent its writes, or its token, which an
		// earlier send has fixed, was overtaken: another try, soon, will do.
		held := s.held(*it, times, known)
		held.Holder.Doubt = max(held.Holder.Doubt, 50*time.Millisecond)
		return "", block{}, held
	}
	return from, b, nil
}

// takeable decides whether the item may become the attempt's: because it is free
// (from is empty), or by taking over the revision from, which is certain to have
// no believer by the client's rule A or by rule B here.
func (s *store) takeable(ctx context.Context, it *item, a locker.Attempt, times span, known bool) (from string, ok bool, err error) {
	if it.Session != "" {
		ok, err := s.unbound(ctx, it, a, times, known)
		return it.GUID, ok, err
	}
	state, _, _ := it.state(times, known, s.o.ClockMargin)
	switch {
	case state == locker.StateFree:
		return "", true, nil
	case state == locker.StateDead, a.Stale != "" && a.Stale == it.GUID:
		return it.GUID, true, nil
	}
	return "", false, nil
}

// granted checks that what DynamoDB says it stored is what was sent: an answer
// that was garbled on its way is of unknown outcome, not a lease.
func (s *store) granted(a locker.Attempt, b block, attrs map[string]types.AttributeValue) (locker.Grant, error) {
	it, err := decode(a.Name, attrs)
	if err != nil || it.GUID != revision(a.ID, firstSequence) || locker.Token(it.Token) != b.last() {
		s.tokens.unresolved(a.ID, b)
		return locker.Grant{}, s.garbled("acquire", a.Name, err)
	}
	s.resolved(a, b)
	return grant(a, b, firstSequence), nil
}

// resolved remembers what was granted.
func (s *store) resolved(a locker.Attempt, b block) {
	s.tokens.resolved(a.ID)
	if isSession(a.Name) {
		s.sessions.granted(a.Name)
		return
	}
	s.tokens.gave(a.Name, b)
}

// garbled is the error for an answer that can't be the one to the request.
func (s *store) garbled(what, name string, err error) error {
	if err == nil {
		err = errors.New("it shows another write")
	}
	return fmt.Errorf("dynamo: %s %q in table %q: %w: the answer is garbled: %w", what, name, s.table, locker.ErrUnavailable, err)
}

func grant(a locker.Attempt, b block, sequence int64) locker.Grant {
	return locker.Grant{
		Name: a.Name, ID: a.ID, Token: b.first, Tokens: b.n, TTL: a.TTL,
		Revision: revision(a.ID, sequence),
	}
}

// held describes the holder that a try was refused for.
func (s *store) held(it item, times span, known bool) *locker.HeldError {
	return &locker.HeldError{Name: it.Name, Holder: it.info(times, known, s.o.ClockMargin)}
}
