package locker

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// Group is several locks that are held together. It lasts until the first of its
// leases is over: by [Group.Release], by a loss, or because somebody released it
// alone. The others go on being held and renewed until they are released.
//
// A Group is made by [AcquireAll]; methods of the zero Group panic. Its methods are
// safe for use by several goroutines at once.
type Group struct {
	leases []*Lease        // by name, in the order of bytes
	over   context.Context // done when the first lease is over, with its error as the cause
	end    context.CancelCauseFunc
}

// newGroup makes a group of leases.
func newGroup(leases []*Lease) *Group {
	g := &Group{leases: leases}
	g.over, g.end = context.WithCancelCause(context.Background())
	for _, l := range leases {
		l.h.onEnd(g.end) // refers to no Lease: one that nobody has any more is noticed
	}
	return g
}

// All iterates over the leases, in the order of their names' bytes. It does not block.
func (g *Group) All() iter.Seq[*Lease] { return slices.Values(g.leases) }

// Err returns nil while every lease is held, then the error of the one that was over
// first, as of [Lease.Err]: [ErrReleased] or a [*LostError] that names the lock. A loss
// once seen stays. Err reads the clock itself and does not block.
func (g *Group) Err() error {
	for _, l := range g.leases {
		if err := l.Err(); err != nil {
			g.end(err)
		}
	}
	return context.Cause(g.over)
}

// Done returns a channel that is closed when the first lease is over. The close may
// come late on a machine that was suspended; [Group.Err] does not.
func (g *Group) Done() <-chan struct{} { return g.over.Done() }

// Remaining returns how long all of the leases last unless they are renewed; 0 once
// one is over. It reads the clock and does not block.
func (g *Group) Remaining() time.Duration {
	if g.Err() != nil {
		return 0
	}
	left := Forever
	for _, l := range g.leases {
		left = min(left, l.Remaining())
	}
	return left
}

// Context returns a copy of parent that is cancelled when the first lease is over,
// with that lease's error as its cause. Calling cancel releases what the context
// holds, and leaves the leases as they are. Of a group that is over the context is
// done already.
func (g *Group) Context(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(parent)
	if err := g.Err(); err != nil {
		cancelCause(err)
	}
	stops := make([]func() bool, len(g.leases))
	for i, l := range g.leases {
		stops[i] = l.h.onEnd(cancelCause)
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancelCause(context.Canceled)
	}
}

// Release gives all locks back, many at once, each as by [Lease.Release]: for this
// process the group is over at once, and ctx lends its values only. It tries every
// one, and joins the errors: a [*LostError] for a lease that was lost, a
// [*ReleaseError] for one that the store has not confirmed, for which Release may be
// called again. Releasing twice returns what the first time did but for that, nil as
// a rule.
func (g *Group) Release(ctx context.Context) error {
	g.Err() // a loss that nobody has noticed yet came before
	return errors.Join(releaseEach(ctx, g.leases)...)
}
