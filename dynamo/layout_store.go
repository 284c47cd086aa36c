package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
)

// layoutStore is the [locker.Backend] on tables of another [Layout]. It sends by the
// store, and shares its outcomes. It keeps no state of any lock.
//
// It is no [locker.Binder] and makes no tokens: see [Layout].
type layoutStore struct{ store *store }

func (s *layoutStore) layout() Layout { return s.store.o.Layout }

// Acquire makes one try to become the holder of a name.
//
// Input: the attempt. Requests: one UpdateItem, for a free name or a revision in
// which nobody believes, and one more if its failure has shown the other. Outcomes: as
// the store's. Next: layout_expr.go has the conditions, layout_record.go judges what
// was seen; rule A, which alone takes over, is the client's.
func (s *layoutStore) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	if err := s.store.checkTable(ctx); err != nil {
		return locker.Grant{}, err
	}
	from := a.Stale
	for writes := 1; ; writes++ {
		attrs, err := s.store.update(ctx, a.TTL, s.acquireInput(a, from))
		outcome := classify(err)
		if outcome == unknown || outcome == final {
			return locker.Grant{}, s.store.failure("acquire", a.Name, err)
		}
		r, bad := s.layout().decodeRecord(a.Name, attrs)
		n, mine := sequence(r.rvn, a.ID)
		switch {
		case outcome == applied && (bad != nil || n != firstSequence || r.released):
			return locker.Grant{}, s.store.garbled("acquire", a.Name, bad)
		case bad != nil:
			return locker.Grant{}, bad
		case mine && !r.released:
			// Now, or by an earlier send: the client counts from the first of all.
			return locker.Grant{
				Name: a.Name, ID: a.ID, TTL: a.TTL, Revision: revision(a.ID, n),
				Wanted: r.wanted, TookOver: outcome == applied && tookOver(from),
			}, nil
		case !r.isFree():
			return locker.Grant{}, s.held(r)
		case writes == 2:
			held := s.held(r) // free by now, but this try has spent its writes
			held.Holder.Doubt = 50 * time.Millisecond
			return locker.Grant{}, held
		}
		from = ""
	}
}

// Renew makes one try to extend a grant.
//
// Input: the grant, whose revision carries the sequence of its last write. Request:
// one UpdateItem under the next sequence: a new recordVersionNumber, by which the
// other library sees that the holder lives. Outcomes: as the store's. Next:
// layout_expr.go, whereOwnAndOlder.
func (s *layoutStore) Renew(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
	g, n, err := nextWrite(g)
	if err != nil {
		return g, err
	}
	attrs, err := s.store.update(ctx, r.TTL, s.renewInput(g, n, r))
	switch classify(err) {
	case refused:
		return g, s.lost("renew", g, attrs, err)
	case unknown, final:
		return g, s.store.failure("renew", g.Name, err)
	}
	rec, err := s.layout().decodeRecord(g.Name, attrs)
	if err != nil || rec.rvn != g.Revision || rec.released {
		return g, s.store.garbled("renew", g.Name, err)
	}
	g.TTL, g.Wanted = r.TTL, rec.wanted
	return g, nil
}

// Release makes one try to end a grant, or an attempt of unknown outcome.
//
// Input: the grant, of which name and ID matter, and how long the name is to stay
// taken. Request: one UpdateItem that writes the dead sequence. Outcomes: as the
// store's. Next: layout_expr.go, releaseInput.
func (s *layoutStore) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	_, err := s.ReleaseWanted(ctx, g, hold)
	return err
}

// ReleaseWanted is Release, and tells whether the item was marked as wanted.
func (s *layoutStore) ReleaseWanted(ctx context.Context, g locker.Grant, hold time.Duration) (wanted bool, err error) {
	attrs, err := s.store.update(ctx, g.TTL, s.releaseInput(g, hold))
	if o := classify(err); o == unknown || o == final {
		return false, s.store.failure("release", g.Name, err)
	}
	r, bad := s.layout().decodeRecord(g.Name, attrs)
	if err == nil || bad == nil && r.rvn == revision(g.ID, deadSequence) {
		return r.wanted, nil // now, or by an earlier send
	}
	return false, s.lost("release", g, attrs, err)
}

// MarkWanted makes one try to tell the holder of a name that another waits. One of
// the other library would not look: nothing is sent then.
func (s *layoutStore) MarkWanted(ctx context.Context, name, id string) error {
	if _, own := ownID(revision(id, firstSequence)); !own {
		return nil
	}
	_, err := s.store.update(ctx, controlTTL, s.markInput(name, id))
	switch classify(err) {
	case applied, refused:
		return nil
	}
	return s.store.failure("mark", name, err)
}

// lost tells from the item that made a renewal or release fail what has become of
// the lease.
func (s *layoutStore) lost(what string, g locker.Grant, attrs values, cause error) error {
	lost := &locker.LostError{Name: g.Name, Reason: locker.LossTaken}
	r, err := s.layout().decodeRecord(g.Name, attrs)
	_, mine := sequence(r.rvn, g.ID)
	switch {
	case err != nil:
		lost.Cause = err
	case r.isFree():
		lost.Reason = locker.LossGone
	case mine:
		// A copy of this request, or a later one, came before it. Nobody else has the
		// lock; a later send tells.
		return fmt.Errorf("dynamo: %s %q: %w: a copy of the request came first: %w", what, g.Name, locker.ErrUnavailable, cause)
	case r.isBroken():
		lost.Cause = errors.New("dynamo: an operator has broken it")
	default:
		lost.Cause = errors.New(s.held(r).Error()) // not wrapped: a loss is no refusal
	}
	return lost
}

// held describes the holder that a try was refused for.
func (s *layoutStore) held(r record) *locker.HeldError {
	return &locker.HeldError{Name: r.name, Holder: r.info()}
}
