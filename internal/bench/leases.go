package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	leasesTable = "bench-leases"
	leasesOf    = "lease" // prefix of the names
	sessions    = "_session/"
	heapTarget  = 600 // bytes a lease
)

// manyLeases measures what it takes to keep many leases, and how they are had again
// after their holder was killed: by a process that waited for one of them, and
// then, that one killed too, by a new one.
func (b *bench) manyLeases(ctx context.Context, s *section) error {
	if err := b.createTable(ctx, leasesTable, holdfast.hash, holdfast.sort); err != nil {
		return err
	}
	holder, err := b.leaseWorker(ctx)
	if err != nil {
		return err
	}
	defer holder.quit()
	if err := b.take(ctx, holder, 0, b.rate); err != nil {
		return err
	}
	b.footprint(ctx, s, holder)
	if err := b.watch(ctx, s, holder); err != nil {
		return err
	}

	waiter, err := b.leaseWorker(ctx)
	if err != nil {
		return err
	}
	defer waiter.quit()
	name := leasesOf + "/0"
	if err := waiter.tell("keep", name); err != nil {
		return err
	}
	if _, err := waiter.await(ctx, "ask", name); err != nil {
		return err
	}
	if err := pause(ctx, min(2*time.Second, b.leasesTTL/2)); err != nil { // it sees the lease, and waits
		return err
	}
	holder.kill()
	died := time.Now()
	if err := b.takeOver(ctx, s, holder, waiter, "the one that had waited", died, b.leasesTTL+2*time.Second); err != nil {
		return err
	}
	// Its leases are bound by their first renewal.
	if err := pause(ctx, b.leasesTTL); err != nil {
		return err
	}
	waiter.kill()
	died = time.Now()
	fresh, err := b.leaseWorker(ctx)
	if err != nil {
		return err
	}
	defer fresh.quit()
	if err := fresh.tell("keep", name); err != nil {
		return err
	}
	return b.takeOver(ctx, s, waiter, fresh, "a new process", died, b.leasesTTL+4*time.Second)
}

func (b *bench) leaseWorker(ctx context.Context) (*process, error) {
	var env []string
	if b.shared {
		env = append(env, sharedVariable+"=1")
	}
	return b.worker(ctx, holdfast, leasesTable, b.leasesTTL, 0, env...)
}

// take has a worker acquire all names from one on, and waits for that.
func (b *bench) take(ctx context.Context, p *process, from, rate int) error {
	if err := p.tell("leases", leasesOf, from, b.leases-from, rate); err != nil {
		return err
	}
	began := time.Now()
	for !p.has("leased", leasesOf) {
		b.progress.say("acquiring %d leases: %d requests", b.leases, len(p.proxy.between(began, time.Time{})))
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		p.mu.Lock()
		err := p.failed
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
	_, err := p.await(ctx, "leased", leasesOf)
	return err
}

// footprint adds what the worker says about its heap.
func (b *bench) footprint(ctx context.Context, s *section, p *process) {
	var c curve
	var each, goroutines, number float64
	for p.has("heap", leasesOf) {
		l, err := p.await(ctx, "heap", leasesOf)
		if err != nil || len(l.values) < 3 {
			return
		}
		number, goroutines = l.numbers(0)[0], l.numbers(2)[0]
		each = l.numbers(1)[0] / number
		c.X, c.Y = append(c.X, number), append(c.Y, each)
	}
	s.add(figure{Name: "leases", Value: number})
	s.add(figure{Name: "heap of a lease", Value: each, Unit: "bytes", Most: heapTarget})
	s.add(figure{Name: "goroutines a lease", Value: goroutines / number, Most: 0.01})
	s.keep("heap of a lease, bytes", c)
}

// watch waits until all leases have been renewed once, and counts from then.
func (b *bench) watch(ctx context.Context, s *section, p *process) error {
	b.progress.say("first renewals")
	if err := pause(ctx, b.leasesTTL); err != nil {
		return err
	}
	began := time.Now()
	for time.Since(began) < b.leasesFor {
		n := sum(p.proxy.between(began, time.Time{}))
		b.progress.say("%d leases kept: %d writes", b.leases, n.writes)
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	n := sum(p.proxy.between(began, time.Now()))
	if err := p.tell("check", leasesOf); err != nil {
		return err
	}
	l, err := p.await(ctx, "checked", leasesOf)
	if err != nil {
		return err
	}
	lost, err := strconv.ParseFloat(l.values[0], 64)
	if err != nil {
		return err
	}
	s.add(figure{Name: fmt.Sprintf("leases lost in %v", b.leasesFor), Value: lost, None: true})
	s.add(figure{Name: "writes a second to renew them", Value: float64(n.writes) / b.leasesFor.Seconds(), Most: 0.334})
	return nil
}

// takeOver measures how soon after a process was killed another one has one of its
// names, and has it take all others.
func (b *bench) takeOver(ctx context.Context, s *section, dead, p *process, who string, died time.Time, limit time.Duration) error {
	b.progress.say("killed; %s takes over", who)
	got, err := p.await(ctx, "got", leasesOf+"/0")
	if err != nil {
		return err
	}
	s.add(figure{Name: "after a kill, the first by " + who, Value: got.at().Sub(died).Seconds(), Unit: "s", Most: limit.Seconds()})
	if err := b.take(ctx, p, 1, 0); err != nil {
		return err
	}
	s.add(figure{Name: "after a kill, all by " + who, Value: time.Since(died).Seconds(), Unit: "s"})
	owned := make(map[string]bool)
	for _, c := range dead.proxy.between(time.Time{}, died) {
		owned[c.key] = strings.HasPrefix(c.key, sessions)
	}
	ended := 0
	for _, c := range p.proxy.between(died, time.Time{}) {
		if owned[c.key] && c.write > 0 {
			ended++
		}
	}
	if b.shared {
		s.add(figure{Name: "after a kill, writes to the dead process's session by " + who, Value: float64(ended), Most: 1})
	}
	return nil
}
