package dynamo

import (
	"context"

	"example.com/holdfast/locker"
)

// Inspect reads what the table knows of a name, strongly consistent: 1 read unit
// for an item of up to 4 KB. One that is bound to a session takes another read, of
// the session.
func (s *store) Inspect(ctx context.Context, name string) (locker.Info, error) {
	return s.look(ctx, "inspect", name, true)
}

// Poll is Inspect for half of the price. It may show an older state, which is
// safe to act on: a take-over is pinned to the revision seen.
func (s *store) Poll(ctx context.Context, name string) (locker.Info, error) {
	return s.look(ctx, "poll", name, false)
}

func (s *store) look(ctx context.Context, what, name string, consistent bool) (locker.Info, error) {
	attrs, err := s.get(ctx, controlTTL, name, consistent)
	if err != nil {
		return locker.Info{}, s.failure(what, name, err)
	}
	it, err := decode(name, attrs)
	if err != nil {
		return locker.Info{}, err
	}
	if it.Session != "" {
		if err := s.readSession(ctx, controlTTL, &it, consistent); err != nil {
			return locker.Info{}, err
		}
	}
	times, known := s.now()
	s.tokens.saw(locker.Token(it.Token), times, known)
	return it.info(times, known, s.o.ClockMargin), nil
}
