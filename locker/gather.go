package locker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"example.com/holdfast/internal/moment"
)

// grouping is how a client acquires several names.
type grouping struct {
	backend Grouper     // nil if the backend is none
	refused atomic.Bool // by a store that can't
}

// AcquireAll takes several locks, all or none; see the function [AcquireAll]. Where
// the backend is a [Grouper] one request acquires up to [Grouper].GroupLimit names.
//
// The call waits its turn in this Client's FIFO of each name, in the order of their
// bytes, and then sends the request. When that is refused because a name is held, it
// waits for that name alone, as Acquire does, before it tries again. It never stands
// in the way of calls for names behind the one that it waits for.
func (c *Client) AcquireAll(ctx context.Context, names []string, opts ...Option) (*Group, error) {
	names, err := setOf(names)
	if err != nil {
		return nil, err
	}
	p := newPartial(c.reader)
	if len(names) > 1 && c.groups.backend != nil && !c.groups.refused.Load() {
		parts := slices.Collect(slices.Chunk(names, max(1, c.groups.backend.GroupLimit())))
		g, err := inParts(ctx, p, parts, opts, c.acquireGroup)
		if !errors.Is(err, errors.ErrUnsupported) {
			return g, err
		}
		c.groups.refused.Store(true)
	}
	return oneByOne(ctx, p, c, names, opts)
}

// acquireGroup acquires names by one request.
func (c *Client) acquireGroup(ctx context.Context, names []string, opts []Option) ([]*Lease, error) {
	if len(names) == 1 {
		lease, err := c.Acquire(ctx, names[0], opts...)
		return []*Lease{lease}, err
	}
	o, err := c.options(names[0], opts)
	if err != nil {
		return nil, err
	}
	g := &gathering{c: c, each: make([]*acquiring, len(names)), places: make([]*waiter, len(names)), stale: make([]string, len(names))}
	start := c.mono()
	for i, name := range names {
		g.each[i] = &acquiring{c: c, name: name, o: o, start: start, group: true}
	}
	leases, err := g.call(ctx)
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			e := g.each[g.blamed].event()
			e.Kind, e.Err = EventRefused, err
			c.emit(ctx, e)
		}
		return nil, err
	}
	for i, a := range g.each {
		e := a.event()
		e.Kind, e.ID, e.Token, e.TookOver = EventAcquired, leases[i].ID(), leases[i].Token(), a.tookOver
		c.emit(ctx, e)
	}
	return leases, nil
}

// gathering is one call that acquires several names at once.
//
// While it waits for a name, it stands in the lines of that one and of names before
// it, never of one behind: whoever holds a name and waits for one behind it is not
// waited for by the call and held up by it at once.
type gathering struct {
	c      *Client
	each   []*acquiring // in the order of names
	places []*waiter    // in the lines; nil where the call does not stand
	stale  []string     // revisions that may be taken over
	blamed int          // which of the names the last error is about
}

// call is the call but for what comes before and after. Close ends it, and waits for
// what it leaves behind.
func (g *gathering) call(ctx context.Context) ([]*Lease, error) {
	ctx, end := g.c.enter(ctx)
	defer end()
	defer g.leaveAfter(-1)
	for {
		if err := g.line(ctx); err != nil {
			return nil, err
		}
		grants, first, err := g.resolve(ctx)
		if err == nil {
			return g.begin(ctx, grants, first)
		}
		if err = g.next(ctx, err); err != nil {
			return nil, err
		}
	}
}

// line waits until it is the call's turn for every name, and none is held by this
// client. A call that does not wait stands in no line.
func (g *gathering) line(ctx context.Context) error {
	for i, a := range g.each {
		g.blamed = i
		if ctx.Err() != nil || g.c.life.Err() != nil {
			return a.gaveUp(ctx)
		}
		if a.o.Wait > 0 && g.places[i] == nil {
			g.places[i] = a.enqueue()
			if err := a.awaitTurn(ctx, g.places[i]); err != nil {
				return err
			}
		}
		if a.isOwn() {
			g.leaveAfter(i)
			spare, err := a.awaitOwn(ctx)
			if err != nil {
				return err
			}
			if spare != nil { // left for a call that has gone
				a.rejectSpare(spare)
			}
		}
		if err := a.yield(ctx); err != nil {
			return err
		}
	}
	return nil
}

// leaveAfter gives up the places behind the i-th name.
func (g *gathering) leaveAfter(i int) {
	for i++; i < len(g.places); i++ {
		if g.places[i] != nil {
			g.each[i].leave(g.places[i])
			g.places[i] = nil
		}
	}
}

// next judges a try that failed: it waits for the name that stood in the way, and
// returns once another try makes sense.
func (g *gathering) next(ctx context.Context, err error) error {
	g.blamed = 0
	var held *HeldError
	if errors.As(err, &held) {
		g.blamed = max(0, slices.IndexFunc(g.each, func(a *acquiring) bool { return a.name == held.Name }))
	}
	i := g.blamed
	g.leaveAfter(i)
	g.stale[i], err = g.each[i].next(ctx, err, g.stale[i])
	return err
}

// resolve spends one acquisition ID on each name.
func (g *gathering) resolve(ctx context.Context) (grants []Grant, first moment.Reading, err error) {
	all := make([]Attempt, len(g.each))
	for i, a := range g.each {
		all[i] = a.attempt(g.stale[i])
	}
	first, err = g.each[0].untilKnown(ctx, func(d time.Duration) (err error) {
		grants, err = g.c.tryGroup(ctx, all, d)
		return err
	}, func() {
		for _, at := range all {
			g.c.abandon(at)
		}
	})
	return grants, first, err
}

// tryGroup makes one call of Grouper.AcquireGroup, like try.
func (c *Client) tryGroup(ctx context.Context, all []Attempt, d time.Duration) ([]Grant, error) {
	bound, cancel := c.bounded(ctx, d)
	defer cancel()
	grants, err := c.groups.backend.AcquireGroup(bound, all)
	if err == nil || bound.Err() == nil || errors.Is(err, ErrHeld) || errors.Is(err, ErrUnavailable) {
		return grants, err
	}
	return nil, fmt.Errorf("locker: acquire %q and others: no answer in time: %w: %w", all[0].Name, ErrUnavailable, err)
}

// begin makes leases of the grants. A client that is closed meanwhile lets all go.
func (g *gathering) begin(ctx context.Context, grants []Grant, first moment.Reading) (leases []*Lease, closed error) {
	for i, a := range g.each {
		a.tookOver = grants[i].TookOver && !g.c.isEnded(a.holder.AcquisitionID)
		lease, err := g.c.begin(ctx, grants[i], first, &a.o)
		if err != nil {
			g.blamed, closed = i, err
			continue
		}
		leases = append(leases, lease)
	}
	if closed != nil {
		return nil, errors.Join(closed, giveBack(ctx, leases))
	}
	return leases, nil
}

// isOwn reports whether the name is this client's, also if by a spare.
func (a *acquiring) isOwn() bool {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	l := a.c.lines[a.name]
	return l != nil && (l.hold != nil || l.spare != nil)
}

// rejectSpare takes a spare out of the line and releases it.
func (a *acquiring) rejectSpare(spare *acquisition) {
	a.c.mu.Lock()
	l := a.c.lines[a.name]
	ours := l != nil && l.spare == spare
	if ours {
		l.spare = nil
	}
	a.c.mu.Unlock()
	if ours {
		a.c.discard(spare)
	}
}
