package dynamo

import (
	"context"
	"time"

	"example.com/holdfast/locker"
)

// Release makes one try to end a grant, or an attempt of unknown outcome.
//
// Input: the grant, of which name and ID matter, and how long the name is to stay
// taken. Request: one UpdateItem that writes the dead sequence. Outcomes: nil,
// also when an earlier send had released; *locker.LostError when the item is
// another's or gone; an error that wraps locker.ErrUnavailable when the outcome
// is not known. Next: expr.go, releaseInput.
func (s *store) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	_, err := s.ReleaseWanted(ctx, g, hold)
	return err
}

// ReleaseWanted is Release, and tells whether the item was marked as wanted.
func (s *store) ReleaseWanted(ctx context.Context, g locker.Grant, hold time.Duration) (wanted bool, err error) {
	s.tokens.resolved(g.ID) // whatever comes: a released ID is never sent as an attempt again
	s.groups.resolved(g.ID)
	s.sessions.released(g.Name)
	st, _, _ := s.stamps()
	attrs, err := s.update(ctx, g.TTL, s.releaseInput(g, hold, st))
	if o := classify(err); o == unknown || o == final {
		return false, s.failure("release", g.Name, err)
	}
	it, bad := decode(g.Name, attrs)
	if err == nil || bad == nil && it.GUID == revision(g.ID, deadSequence) {
		return it.Wanted, nil // now, or by an earlier send
	}
	return false, s.lost("release", g, attrs, err)
}

// MarkWanted makes one try to tell the holder of a name that another waits.
//
// Input: the holder's acquisition. Request: one UpdateItem. Outcomes: nil, also when
// the name is not that acquisition's any more; an error that wraps
// locker.ErrUnavailable when it is not known. Next: expr.go, markInput.
func (s *store) MarkWanted(ctx context.Context, name, id string) error {
	_, err := s.update(ctx, controlTTL, s.markInput(name, id))
	switch classify(err) {
	case applied, refused:
		return nil
	}
	return s.failure("mark", name, err)
}
