package locktest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"example.com/holdfast/locker"
)

// allCases are about AcquireAll, and the group of leases that it returns.
func allCases() []testCase {
	return []testCase{
		{"All", "AcquireAll holds every name, each by a lease and a token of its own, in the order of the names' bytes; a name that is given twice is held once.", nothing, all},
		{"AllOrNothing", "AcquireAll that is refused for one name tells which and who holds it, and holds none: nor does a minimum hold keep one taken.", nothing, allOrNothing},
		{"AllWaits", "AcquireAll waits for a name that another holds, and then holds all.", nothing, allWaits},
		{"AllWaitLimit", "WithWait bounds the whole call of AcquireAll, not the wait for each name; after it nothing is held.", nothing, allWaitLimit},
		{"AllCancelled", "AcquireAll whose ctx ends the wait returns, soon, a *HeldError that matches ctx's error, and nothing stays held.", nothing, allCancelled},
		{"AllOpposite", "Calls of AcquireAll that want the same names in different order never wait for each other for ever, nor share a name.", nothing, allOpposite},
		{"AllReleased", "Group.Release releases every lease: then Err is ErrReleased, Done closed and the group's context cancelled, and releasing again is no error.", nothing, allReleased},
		{"AllLost", "The loss of one lease ends its group: Err and the context's cause are its *LostError and Done is closed; the other leases are held until Group.Release, which tells of the loss.", nothing, allLost},
		{"AllLimits", "AcquireAll of no names, or with a name or option outside of its limits, is an *InvalidError, before anything is sent.", nothing, allLimits},
		{"AllAnswerLost", "AcquireAll of which an answer gets lost holds all names all the same.", nothing, allAnswerLost},
		{"AllUnknown", "AcquireAll whose answers are lost for good is refused as unavailable, and what took effect is released.", nothing, allUnknown},
	}
}

// gatherer is a call of AcquireAll in a goroutine of its own. The fields below done
// may be read once it is closed.
type gatherer struct {
	cancel context.CancelFunc // of the call's ctx
	done   chan struct{}

	group *locker.Group
	err   error
}

// gather starts a call of AcquireAll.
func (e *env) gather(p *process, names []string, opts ...locker.Option) *gatherer {
	ctx, cancel := context.WithCancel(e.ctx)
	g := &gatherer{cancel: cancel, done: make(chan struct{})}
	e.spawn(func() {
		defer close(g.done)
		g.group, g.err = locker.AcquireAll(ctx, p.Locker, names, e.options(opts)...)
	})
	return g
}

// grouped checks that a call gets its locks soon.
func (e *env) grouped(g *gatherer) *locker.Group {
	e.Helper()
	e.within(2*e.soon, "AcquireAll", func() { <-g.done })
	if g.err != nil || g.group == nil {
		e.Fatalf("AcquireAll = %v, %v, want a group", g.group, g.err)
	}
	return g.group
}

// ungrouped checks that a call fails soon.
func (e *env) ungrouped(g *gatherer) error {
	e.Helper()
	e.within(2*e.soon, "AcquireAll", func() { <-g.done })
	if g.err == nil {
		e.Fatalf("AcquireAll = a group, want an error")
	}
	return g.err
}

// releaseGroup releases a group, which has to work.
func (e *env) releaseGroup(g *locker.Group) {
	e.Helper()
	var err error
	e.call("Group.Release", func() { err = g.Release(e.ctx) })
	if err != nil {
		e.Fatalf("Group.Release = %v, want no error", err)
	}
}

// three returns the name of the case's lock and two that begin with it.
func (e *env) three() []string { return []string{e.name, e.name + "/b", e.name + "/c"} }

func all(e *env) {
	p, other := e.open(), e.open()
	names := e.three()
	group := e.grouped(e.gather(p, []string{names[2], names[0], names[1], names[0]}))
	var got []string
	ids := make(map[string]bool)
	for lease := range group.All() {
		got = append(got, lease.Name())
		ids[lease.ID()] = true
		e.held(lease)
	}
	// A Locker may put something before all names.
	if len(got) != len(names) || !slices.IsSorted(got) || len(ids) != len(names) {
		e.Fatalf("the group has leases of %q, with %d IDs; want one of each of %q, in this order", got, len(ids), names)
	}
	for i, name := range names {
		if !strings.HasSuffix(got[i], name) {
			e.Errorf("the group has a lease of %q, want %q", got[i], name)
		}
		e.refused(other, name)
		e.refused(p, name)
	}
	if err := group.Err(); err != nil || group.Remaining() <= 0 || closed(group.Done()) {
		e.Errorf("Err() = %v with %v remaining, Done closed: %v; want the group held", err, group.Remaining(), closed(group.Done()))
	}
	e.releaseGroup(group)
	for _, name := range names {
		e.free(other, name)
	}
}

func allOrNothing(e *env) {
	p, other := e.open(), e.open()
	names := e.three()
	lease := e.acquireName(other, names[1], locker.WithOwner("the holder"))
	err := e.ungrouped(e.gather(p, names, locker.NoWait(), locker.WithMinHold(e.long)))
	var held *locker.HeldError
	if !errors.As(err, &held) || held.Name != names[1] || held.Holder.Owner != "the holder" {
		e.Errorf("AcquireAll = %v, want a *HeldError that names %q and its holder", err, names[1])
	}
	e.free(other, names[0])
	e.free(other, names[2])
	e.held(lease)
}

func allWaits(e *env) {
	p, other := e.open(), e.open()
	names := e.three()
	last, first := e.acquireName(other, names[2]), e.acquireName(p, names[0])
	g := e.gather(p, names)
	if e.pass(g.done, e.ttl/8) {
		e.Fatalf("AcquireAll = %v, %v, want it to wait: another holds a name", g.group, g.err)
	}
	e.release(last)
	if e.pass(g.done, e.ttl/8) {
		e.Fatalf("AcquireAll = %v, %v, want it to wait: a name is held by another call", g.group, g.err)
	}
	e.release(first)
	group := e.grouped(g)
	for _, name := range names {
		e.refused(other, name)
	}
	e.releaseGroup(group)
}

func allWaitLimit(e *env) {
	p, other := e.open(), e.open()
	names := e.three()
	first, second := e.acquireName(other, names[0]), e.acquireName(other, names[1])
	begun := e.now()
	g := e.gather(p, names, locker.WithWait(e.ttl))
	e.sleep(e.ttl / 2)
	e.release(first)
	e.pass(g.done, e.ttl*7/8)
	if got := e.since(begun); !closed(g.done) {
		e.Fatalf("AcquireAll WithWait(%v) still waits after %v: for each name", e.ttl, got)
	}
	if err := e.ungrouped(g); !errors.Is(err, locker.ErrHeld) {
		e.Errorf("AcquireAll WithWait = %v, want a *HeldError", err)
	}
	e.freeSoon(other, names[0])
	e.freeSoon(other, names[2])
	e.held(second)
}

func allCancelled(e *env) {
	p, other := e.open(), e.open()
	names := e.three()
	lease := e.acquireName(other, names[2])
	g := e.gather(p, names)
	if e.pass(g.done, e.ttl/8) {
		e.Fatalf("AcquireAll = %v, %v, want it to wait: another holds a name", g.group, g.err)
	}
	g.cancel()
	if err := e.ungrouped(g); !errors.Is(err, context.Canceled) || !errors.Is(err, locker.ErrHeld) {
		e.Errorf("AcquireAll whose ctx was cancelled = %v, want an error that matches ErrHeld and %v", err, context.Canceled)
	}
	e.freeSoon(other, names[0])
	e.freeSoon(other, names[1])
	e.held(lease)
}

func allOpposite(e *env) {
	const rounds = 8
	names := e.three()
	backward := slices.Clone(names)
	slices.Reverse(backward)
	var mu sync.Mutex
	holds := make(map[string]int)
	at := func(names []string, by int) {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range names {
			if holds[name] += by; holds[name] > 1 {
				e.Errorf("%q is held %d times", name, holds[name])
			}
		}
	}
	p, other := e.open(remote), e.open(remote)
	for _, who := range []*process{p, other} { // so that calls come between each other's requests
		who.faults.Inject(OpAcquire, -1, Delay(e.clock, e.tick()/8))
	}
	var ends []<-chan struct{}
	for i, who := range []*process{p, p, other} {
		want := [][]string{names, backward, backward[:2]}[i]
		ends = append(ends, e.spawn(func() {
			for range rounds {
				group, err := locker.AcquireAll(e.ctx, who.Locker, want, e.options(nil)...)
				if err != nil {
					e.Errorf("AcquireAll = %v, want a group", err)
					return
				}
				at(want, 1)
				e.pause(e.tick() / 8)
				at(want, -1)
				if err := group.Release(e.ctx); err != nil {
					e.Errorf("Group.Release = %v, want no error", err)
				}
			}
		}))
	}
	for _, end := range ends {
		e.within(rounds*3*e.soon, "the rounds of AcquireAll", func() { <-end })
	}
}

func allReleased(e *env) {
	p, other := e.open(), e.open()
	names := e.three()
	group := e.grouped(e.gather(p, names))
	ctx, cancel := group.Context(e.ctx)
	defer cancel()
	e.releaseGroup(group)
	if err := group.Err(); !errors.Is(err, locker.ErrReleased) || !closed(group.Done()) || group.Remaining() != 0 {
		e.Errorf("after Release: Err() = %v with %v remaining, Done closed: %v; want %v", err, group.Remaining(), closed(group.Done()), locker.ErrReleased)
	}
	if cause := context.Cause(ctx); !errors.Is(cause, locker.ErrReleased) {
		e.Errorf("after Release the cause of the group's context is %v, want %v", cause, locker.ErrReleased)
	}
	e.releaseGroup(group)
	for _, name := range names {
		e.free(other, name)
	}
}

func allLost(e *env) {
	p, other := e.open(), e.open()
	names := e.three()
	group := e.grouped(e.gather(p, names, locker.WithTTL(2*e.ttl)))
	ctx, cancel := group.Context(e.ctx)
	defer cancel()
	e.steal()
	if !e.pass(group.Done(), 2*e.ttl) {
		e.Fatalf("Group.Done() is not closed within %v after a lease of it was taken; Err() = %v", 2*e.ttl, group.Err())
	}
	e.lostError("Group.Err()", group.Err())
	if e.call("the group's context", func() { <-ctx.Done() }); !errors.Is(context.Cause(ctx), locker.ErrLost) {
		e.Errorf("the cause of the group's context is %v, want the loss", context.Cause(ctx))
	}
	e.refused(other, names[1])
	var err error
	e.call("Group.Release", func() { err = group.Release(e.ctx) })
	e.lostError("Group.Release", err)
	e.free(other, names[1])
	e.free(other, names[2])
}

func allLimits(e *env) {
	p := e.open()
	for _, c := range []struct {
		what  string
		names []string
		opt   locker.Option
	}{
		{"no names", nil, nil},
		{"an empty name behind others", append(e.three(), ""), nil},
		{"a name kept for backends", append(e.three(), "_session/"+e.name), nil},
		{"a TTL of 0", e.three(), locker.WithTTL(0)},
		{"a negative wait", e.three(), locker.WithWait(-1)},
		{"a negative minimum hold", e.three(), locker.WithMinHold(-1)},
		{"a minimum hold above the TTL", e.three(), locker.WithMinHold(e.long + 1)},
		{"a negative maximum hold", e.three(), locker.WithMaxHold(-1)},
	} {
		g := e.gather(p, c.names, c.opt)
		e.within(2*e.soon, "AcquireAll", func() { <-g.done })
		var invalid *locker.InvalidError
		if g.group != nil || !errors.As(g.err, &invalid) {
			e.Errorf("%s: AcquireAll = %v, %v, want an *InvalidError", c.what, g.group, g.err)
		}
	}
	if n := p.faults.Calls(OpAcquire); n != 0 {
		e.Errorf("%d requests were sent, want none", n)
	}
}

func allAnswerLost(e *env) {
	p, other := e.open(), e.open()
	names := e.three()
	p.faults.Inject(OpAcquire, 2, Lose())
	group := e.grouped(e.gather(p, names, locker.NoWait()))
	for lease := range group.All() {
		e.held(lease)
	}
	for _, name := range names {
		e.refused(other, name)
	}
	e.releaseGroup(group)
	for _, name := range names {
		e.free(other, name)
	}
}

func allUnknown(e *env) {
	p, other := e.open(), e.open()
	p.faults.Inject(OpAcquire, -1, Lose())
	g := e.gather(p, e.three(), locker.NoWait(), locker.WithTTL(2*e.ttl))
	if err := e.ungrouped(g); !errors.Is(err, locker.ErrUnavailable) || errors.Is(err, locker.ErrHeld) {
		e.Errorf("AcquireAll = %v, want an error that matches ErrUnavailable", err)
	}
	e.sleep(e.ttl / 4)
	for _, name := range e.three() {
		e.free(other, name)
	}
}
