package memory

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"

	"example.com/holdfast/locker"
)

// backend is one process's connection to a store: a [locker.Backend] whose
// methods do not wait, with one exception, [backend.Await]. Every call is one
// critical section of the store, so the first that gets in wins.
type backend struct{ store *Store }

var (
	_ locker.Backend   = (*backend)(nil)
	_ locker.Inspector = (*backend)(nil)
	_ locker.Poller    = (*backend)(nil)
	_ locker.Notifier  = (*backend)(nil)
	_ locker.Grouper   = (*backend)(nil)
)

// Acquire takes a name that is free or whose lease has ended, to the instant,
// or whose revision is a.Stale.
//
// The IDs of acquisitions that are over are remembered, because a request that
// was held up on its way must not take a name for somebody who has gone.
func (b *backend) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	var g locker.Grant
	err := b.store.call(ctx, OpAcquire, func(now time.Time) error {
		if err := b.store.refusalLocked(a, now); err != nil {
			return err
		}
		g = b.takeLocked(a, now)
		return nil
	})
	if err != nil {
		return locker.Grant{}, err
	}
	return g, nil
}

// AcquireGroup takes several names in one critical section. It counts as one
// [OpAcquire].
func (b *backend) AcquireGroup(ctx context.Context, all []locker.Attempt) ([]locker.Grant, error) {
	var grants []locker.Grant
	err := b.store.call(ctx, OpAcquire, func(now time.Time) error {
		for _, a := range all {
			if err := b.store.refusalLocked(a, now); err != nil {
				return err
			}
		}
		for _, a := range all {
			grants = append(grants, b.takeLocked(a, now))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return grants, nil
}

// GroupLimit is none.
func (b *backend) GroupLimit() int { return math.MaxInt }

// refusalLocked returns why an attempt does not get its name, nil if it does.
func (s *Store) refusalLocked(a locker.Attempt, now time.Time) error {
	r := s.records[a.Name]
	switch held := r.state(now) == locker.StateHeld; {
	case r.isOf(a):
		return nil
	case s.dead.has(a.Name, a.ID), held && r.revision() != a.Stale:
		return &locker.HeldError{Name: a.Name, Holder: r.info(a.Name, now)}
	}
	return nil
}

// takeLocked gives the attempt, which nothing stands in the way of, its name.
func (b *backend) takeLocked(a locker.Attempt, now time.Time) locker.Grant {
	s := b.store
	r := s.records[a.Name]
	tookOver := r.state(now) != locker.StateFree
	if r.isOf(a) {
		tookOver = false
	} else {
		r = s.grantLocked(a, now)
		defer s.wakeLocked(a.Name)
	}
	g := r.grant(a.Name)
	g.TookOver = tookOver
	g.Wanted = s.wantedLocked(b, a.Name)
	return g
}

// isOf reports whether an earlier send of the attempt took effect.
func (r *record) isOf(a locker.Attempt) bool { return r != nil && r.id == a.ID && !r.released() }

// Renew extends a lease that has not ended. Here it is stricter than a store
// which can't be sure of the time: a lease that has ended is lost even while
// nobody else has taken the name.
//
// A renewal that was overtaken by a later one of the same acquisition is
// refused too, with an error that says nothing of the lease.
func (b *backend) Renew(ctx context.Context, g locker.Grant, renewal locker.Renewal) (locker.Grant, error) {
	seq := sequence(g) + 1
	next := g
	next.Revision = revision(g.ID, seq)
	err := b.store.call(ctx, OpRenew, func(now time.Time) error {
		s := b.store
		r := s.records[g.Name]
		switch {
		case r.isGone(g.ID, now):
			return lost(g, locker.LossGone)
		case r.id != g.ID:
			return lost(g, locker.LossTaken)
		case r.state(now) == locker.StateDead:
			return lost(g, locker.LossExpired)
		case r.seq >= seq:
			next.Revision = r.revision()
			return fmt.Errorf("memory: renewal %d of %q came after renewal %d", seq, g.Name, r.seq)
		}
		r.seq = seq
		r.ttl = renewal.TTL
		r.expires = now.Add(renewal.TTL)
		if renewal.Data != nil {
			r.data = bytes.Clone(renewal.Data)
		}
		next = r.grant(g.Name)
		next.Wanted = s.wantedLocked(b, g.Name) // before they are woken
		s.wakeLocked(g.Name)
		return nil
	})
	return next, err
}

// Release frees the name, or keeps it taken for hold. Whatever the outcome, the
// ID is never granted again.
func (b *backend) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	return b.store.call(ctx, OpRelease, func(now time.Time) error {
		s := b.store
		s.dead.add(g.Name, g.ID)
		r := s.records[g.Name]
		switch {
		case r != nil && r.id == g.ID && r.released():
			return nil
		case r.isGone(g.ID, now):
			return lost(g, locker.LossGone)
		case r.id != g.ID:
			return lost(g, locker.LossTaken)
		}
		r.seq = deadSeq
		r.ttl = max(hold, 0)
		r.expires = now.Add(r.ttl)
		s.wakeLocked(g.Name)
		return nil
	})
}

// Inspect never shows an older state.
func (b *backend) Inspect(ctx context.Context, name string) (locker.Info, error) {
	return b.look(ctx, OpInspect, name)
}

// Poll is Inspect with an [Op] of its own.
func (b *backend) Poll(ctx context.Context, name string) (locker.Info, error) {
	return b.look(ctx, OpPoll, name)
}

func (b *backend) look(ctx context.Context, op Op, name string) (locker.Info, error) {
	var info locker.Info
	err := b.store.call(ctx, op, func(now time.Time) error {
		info = b.store.records[name].info(name, now)
		return nil
	})
	if err != nil {
		return locker.Info{}, err
	}
	return info, nil
}

// call runs f as one call of op, unless ctx is done or a fault was ordered. The
// store's mutex is held while f runs; now is the instant of the call.
func (s *Store) call(ctx context.Context, op Op, f func(now time.Time) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %v: %w: %w", op, locker.ErrUnavailable, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fault := s.nextFaultLocked(op)
	if fault.err != nil {
		return fault.err
	}
	err := f(s.clock.Now())
	if fault.drop {
		return lostAnswer(op)
	}
	return err
}

// grantLocked makes a the holder of its name, whoever held it before.
func (s *Store) grantLocked(a locker.Attempt, now time.Time) *record {
	r := &record{
		id:       a.ID,
		seq:      1,
		owner:    a.Owner,
		data:     bytes.Clone(a.Data),
		token:    1,
		ttl:      a.TTL,
		acquired: now,
		expires:  now.Add(a.TTL),
	}
	if last := s.records[a.Name]; last != nil {
		s.dead.add(a.Name, last.id)
		r.token = last.token + 1
	}
	s.records[a.Name] = r
	return r
}

// isGone reports whether the store knows neither the acquisition as held nor
// any other holder.
func (r *record) isGone(id string, now time.Time) bool {
	return r.state(now) == locker.StateFree || r.id == id && r.released()
}

func lost(g locker.Grant, reason locker.LossReason) error {
	return &locker.LostError{Name: g.Name, Token: g.Token, Reason: reason}
}
