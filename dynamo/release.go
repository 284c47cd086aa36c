package dynamo

import (
	"context"
	"fmt"
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
	s.tokens.resolved(g.ID) // whatever comes: a released ID is never sent as an attempt again
	st, _, _ := s.stamps()
	in, err := s.releaseInput(g, hold, st)
	if err != nil {
		return fmt.Errorf("dynamo: release %q: %w", g.Name, err)
	}
	attrs, err := s.update(ctx, g.TTL, in)
	switch classify(err) {
	case unknown, final:
		return s.failure("release", g.Name, err)
	case refused:
		it, bad := decode(g.Name, attrs)
		if bad == nil && it.GUID == revision(g.ID, deadSequence) {
			return nil
		}
		return s.lost("release", g, attrs, err)
	}
	return nil
}
