package locktest

import (
	"context"
	"errors"
	"strconv"

	"example.com/holdfast/locker"
)

// composeCases are about what package locker makes of any Locker.
func composeCases() []testCase {
	return []testCase{
		{"Semaphore", "Up to n hold a name of a Semaphore at once, each on a slot of its own; one more is refused with a *HeldError, until a slot is released.", nothing, semaphore},
		{"SemaphoreWaits", "A call of a Semaphore that waits gets the first slot that is released, whichever it is, and holds no other.", nothing, semaphoreWaits},
		{"Elector", "Of several Electors one leads at a time; when it resigns another does.", nothing, elector},
		{"ElectorLost", "An Elector leads until its lease is lost and campaigns again.", nothing, electorLost},
	}
}

// slots fills a semaphore of three slots through p and returns the leases.
func (e *env) slots(p *process) []*locker.Lease {
	e.Helper()
	const n = 3
	var leases []*locker.Lease
	names := make(map[string]bool)
	for range n {
		var lease *locker.Lease
		var err error
		e.call("Acquire of a slot", func() {
			lease, err = locker.Semaphore(p, n).Acquire(e.ctx, e.name, e.options([]locker.Option{locker.NoWait()})...)
		})
		if err != nil {
			e.Fatalf("Acquire of slot %d of %d = %v, want a lease", len(leases)+1, n, err)
		}
		leases = append(leases, lease)
		names[lease.Name()] = true
	}
	for i := range n {
		if name := e.name + "/" + strconv.Itoa(i); !names[name] {
			e.Errorf("%d leases are on %v, want one on %q", n, names, name)
		}
	}
	return leases
}

func semaphore(e *env) {
	p, other := e.open(), e.open()
	leases := e.slots(p)
	for _, l := range []*process{p, other} {
		sem := &process{Locker: locker.Semaphore(l, len(leases))}
		e.refused(sem, e.name)
	}
	e.release(leases[1])
	var lease *locker.Lease
	var err error
	e.call("TryAcquire of a slot", func() { lease, err = locker.TryAcquire(e.ctx, locker.Semaphore(other, len(leases)), e.name) })
	if err != nil {
		e.Fatalf("TryAcquire by another after a release = %v, want a lease", err)
	}
	if lease.Name() != leases[1].Name() {
		e.Errorf("Lease.Name() = %q, want the slot that is free, %q", lease.Name(), leases[1].Name())
	}
	e.held(leases[0])
	e.held(leases[2])
	e.release(lease)
}

func semaphoreWaits(e *env) {
	p, other := e.open(), e.open()
	leases := e.slots(p)
	for i, lease := range leases {
		w := e.wait(&process{Locker: locker.Semaphore(other, len(leases))})
		e.asleep(w)
		e.release(lease)
		got := e.granted(w, e.soon)
		if got.Name() != lease.Name() {
			e.Errorf("Lease.Name() = %q, want the slot that was released, %q", got.Name(), lease.Name())
		}
		leases[i] = got
	}
	for _, lease := range leases {
		e.held(lease)
		e.release(lease)
	}
	for _, lease := range leases {
		e.freeSoon(p, lease.Name())
	}
}

// candidate is an Elector at work; err is what Run returned, once done is closed.
type candidate struct {
	*locker.Elector
	resign context.CancelFunc
	done   <-chan struct{}
	err    error
}

func (e *env) campaign(p *process, opts ...locker.Option) *candidate {
	c := &candidate{Elector: locker.NewElector(p, e.name, opts...)}
	var ctx context.Context
	ctx, c.resign = context.WithCancel(e.ctx)
	c.done = e.spawn(func() {
		c.err = c.Run(ctx, func(ctx context.Context, _ *locker.Lease) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
	})
	return c
}

// leads waits until c leads.
func (e *env) leads(c *candidate) {
	e.Helper()
	e.eventually(e.soon, "IsLeader() = nil", func() bool { return c.IsLeader(e.ctx) == nil })
}

// leadsNot checks that c does not lead.
func (e *env) leadsNot(c *candidate) {
	e.Helper()
	if err := c.IsLeader(e.ctx); !errors.Is(err, locker.ErrNotLeader) {
		e.Errorf("IsLeader() = %v, want %v", err, locker.ErrNotLeader)
	}
}

func elector(e *env) {
	first := e.campaign(e.open())
	e.leads(first)
	second := e.campaign(e.open())
	e.sleep(e.ttl)
	e.leads(first)
	e.leadsNot(second)
	first.resign()
	e.within(e.soon, "Run after ctx was cancelled", func() { <-first.done })
	if !errors.Is(first.err, context.Canceled) {
		e.Errorf("Run = %v, want what lead returned, %v", first.err, context.Canceled)
	}
	e.leadsNot(first)
	e.leads(second)
}

func electorLost(e *env) {
	c := e.campaign(e.open(), locker.WithTTL(e.ttl))
	e.leads(c)
	changed := c.Changed()
	g := e.steal()
	e.eventually(e.soon, "IsLeader() = ErrNotLeader after the lease was stolen", func() bool {
		return errors.Is(c.IsLeader(e.ctx), locker.ErrNotLeader)
	})
	if !e.pass(changed, e.soon) {
		e.Errorf("Changed() is not closed after a loss")
	}
	e.rawRelease(e.raw(), g, 0)
	e.leads(c)
}
