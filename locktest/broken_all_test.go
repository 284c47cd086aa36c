package locktest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"example.com/holdfast/locker"
)

// brokenGroups are Lockers that acquire several names in a wrong way.
func brokenGroups() []broken {
	return []broken{
		{"a group of its first name", flaws{}, acquiresAll(func(ctx context.Context, l locker.Locker, names []string, opts []locker.Option) (*locker.Group, error) {
			return locker.AcquireAll(ctx, l, names[:min(1, len(names))], opts...)
		}), "All AllWaits AllAnswerLost"},
		{"a name of a group is not acquired twice", flaws{}, acquiresAll(inTurn(true)), "All"},
		{"what a group had stays taken", flaws{}, acquiresAll(inTurn(false)), "AllOrNothing AllWaitLimit AllCancelled"},
		{"a group's names in the order given", flaws{}, acquiresAll(inTurn(false)), "AllOpposite"},
		{"a group does not wait", flaws{}, acquiresAll(adding(func(o *locker.Options) { o.Wait = 0 })), "AllWaits AllCancelled"},
		{"a group waits for each name", flaws{}, acquiresAll(inTurn(true)), "AllWaitLimit"},
		{"a group waits without end", flaws{}, acquiresAll(adding(func(o *locker.Options) { o.Wait = locker.Forever })), "AllOrNothing AllWaitLimit"},
		{"a group ignores ctx", flaws{}, acquiresAll(func(ctx context.Context, l locker.Locker, names []string, opts []locker.Option) (*locker.Group, error) {
			return locker.AcquireAll(context.WithoutCancel(ctx), l, names, opts...)
		}), "AllCancelled"},
		{"a group of nothing", flaws{}, acquiresAll(func(ctx context.Context, l locker.Locker, names []string, opts []locker.Option) (*locker.Group, error) {
			if len(names) == 0 {
				return nil, nil
			}
			return locker.AcquireAll(ctx, l, names, opts...)
		}), "AllLimits"},
		{"a group's release does nothing", flaws{keepsReleased: true}, nil, "AllReleased AllUnknown"},
		{"a group's renewals are a full put", flaws{renewsAnyone: true}, nil, "AllLost"},
		{"a group does not ask again", flaws{}, sendsAll(despairs), "AllAnswerLost AllUnknown"},
		{"some of a group", flaws{groupsPartly: true}, nil, "AllOrNothing"},
	}
}

type allFunc = func(ctx context.Context, l locker.Locker, names []string, opts []locker.Option) (*locker.Group, error)

// acquiresAll is a maker of Lockers with an AcquireAll of their own, which is given
// an honest Client.
func acquiresAll(do allFunc) maker {
	return func(_ testing.TB, b locker.Backend, open func(locker.Backend) *locker.Client) locker.Locker {
		c := open(b)
		return &wrapper{Client: c, acquireAll: func(ctx context.Context, names []string, opts ...locker.Option) (*locker.Group, error) {
			return do(ctx, c, names, opts)
		}}
	}
}

// adding changes the options.
func adding(change locker.Option) allFunc {
	return func(ctx context.Context, l locker.Locker, names []string, opts []locker.Option) (*locker.Group, error) {
		return locker.AcquireAll(ctx, l, names, append(slices.Clip(opts), change)...)
	}
}

// inTurn acquires the names in the order given, each as if it were alone. If it is
// told to, it releases what it had when one fails.
func inTurn(releases bool) allFunc {
	return func(ctx context.Context, l locker.Locker, names []string, opts []locker.Option) (*locker.Group, error) {
		leases := make(map[string]*locker.Lease)
		for _, name := range names {
			lease, err := l.Acquire(ctx, name, opts...)
			if err != nil {
				for _, lease := range leases {
					if releases {
						err = errors.Join(err, lease.Release(ctx))
					}
				}
				return nil, err
			}
			leases[name] = lease
		}
		have := locker.LockerFunc(func(_ context.Context, name string, _ ...locker.Option) (*locker.Lease, error) {
			return leases[name], nil
		})
		return locker.AcquireAll(ctx, have, names)
	}
}

func (w *wrapper) AcquireAll(ctx context.Context, names []string, opts ...locker.Option) (*locker.Group, error) {
	switch {
	case w.acquireAll != nil:
		return w.acquireAll(ctx, names, opts...)
	case w.acquire != nil:
		return locker.AcquireAll(ctx, locker.LockerFunc(w.acquire), names, opts...)
	}
	return w.Client.AcquireAll(ctx, names, opts...)
}

// GroupLimit is small, so that groups of the suite's size need several requests.
func (s *naiveStore) GroupLimit() int { return 2 }

func (s *naiveStore) AcquireGroup(ctx context.Context, all []locker.Attempt) ([]locker.Grant, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range all {
		r := s.records[s.key(a.Name)]
		if mine := r != nil && r.id == a.ID && !r.released && !s.notSameID; !mine && !s.takeable(a, r) && !s.groupsPartly {
			_, err := s.acquireLocked(a)
			return nil, err
		}
	}
	var grants []locker.Grant
	for _, a := range all {
		g, err := s.acquireLocked(a)
		if err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	return grants, nil
}
