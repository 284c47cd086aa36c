package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/holdfast/locker"
)

// worker is a goroutine of a process that takes locks and does guarded work.
type worker struct {
	p      *process
	random *rand.Rand
}

func newWorker(p *process, i int) *worker {
	return &worker{p: p, random: rand.New(rand.NewPCG(p.world.seed, stream("worker", p.String(), fmt.Sprint(i))))}
}

// run takes locks until the chaos ends or the process is dead.
func (wk *worker) run() {
	w, r := wk.p.world, wk.random
	for wk.p.sleep(between(r, 0, w.ttl/2)) && !w.isCalm() {
		name := w.names[0]
		if chance(r, 0.35) {
			name = pick(r, w.names[1:])
		}
		if chance(r, 0.08) {
			wk.operate(name)
			continue
		}
		o := wk.options()
		lease, err := wk.acquire(name, o)
		if !wk.p.alive() {
			return
		}
		if err != nil {
			wk.expect(err)
			continue
		}
		w.granted(wk.p, lease, o)
		wk.hold(lease, o.TTL)
	}
}

// options are those of a call of Acquire, at random.
func (wk *worker) options() locker.Options {
	w, r := wk.p.world, wk.random
	o := locker.Options{TTL: w.ttl}
	plain := chance(r, w.plain)
	if !plain && chance(r, 0.15) {
		o.TTL = between(r, max(w.ttl/2, 500*time.Millisecond), 2*w.ttl).Round(time.Millisecond)
	}
	if chance(r, 0.15) {
		o.MinHold = between(r, 0, o.TTL)
	}
	if chance(r, 0.2) {
		o.MaxHold = between(r, 0, 2*o.TTL)
	}
	if !plain && chance(r, 0.2) {
		o.Data = []byte("data")
	}
	o.NoRenewal = !plain && chance(r, 0.3)
	switch x := r.Float64(); {
	case x < 0.25: // no waiting
	case x < 0.55:
		o.Wait = between(r, 0, 2*o.TTL)
	default:
		o.Wait = locker.Forever
	}
	return o
}

// acquire asks for a name. The call is cancelled after a while if it waits for
// ever, and at times if it does not.
func (wk *worker) acquire(name string, o locker.Options) (*locker.Lease, error) {
	r := wk.random
	ctx, cancel := context.WithCancel(wk.p.life)
	defer cancel()
	if o.Wait == locker.Forever {
		defer processClock{wk.p}.AfterFunc(between(r, 0, 4*o.TTL), cancel).Stop()
	} else if chance(r, 0.1) {
		defer processClock{wk.p}.AfterFunc(between(r, 0, o.TTL/2), cancel).Stop()
	}
	all := func(dst *locker.Options) {
		o.Owner = dst.Owner
		*dst = o
	}
	return wk.p.locker.Acquire(ctx, name, all)
}

// expect wants the error of a call of Acquire to be one that it may have here.
func (wk *worker) expect(err error) {
	for _, known := range []error{locker.ErrHeld, locker.ErrUnavailable, locker.ErrClosed, context.Canceled} {
		if errors.Is(err, known) {
			return
		}
	}
	wk.p.world.fail("%v: Acquire = %v", wk.p, err)
}

// hold does guarded work for a while, and then ends the lease one way or another.
func (wk *worker) hold(l *locker.Lease, ttl time.Duration) {
	w, r := wk.p.world, wk.random
	left := between(r, 0, ttl/3)
	switch x := r.Float64(); {
	case x < 0.3:
		left = between(r, ttl/3, 3*ttl/2)
	case x < 0.5:
		left = between(r, ttl, 4*ttl)
	}
	for end := w.now() + left; w.now() < end && l.Err() == nil; {
		if !wk.increment(l) || !wk.p.sleep(between(r, 0, ttl/15)) {
			return
		}
		if chance(r, 0.15) {
			wk.extend(l, ttl)
		}
	}
	wk.finish(l)
}

// extend renews the lease in one of the ways there are.
func (wk *worker) extend(l *locker.Lease, ttl time.Duration) {
	r := wk.random
	wk.p.extends(l)
	ctx, cancel := context.WithCancel(wk.p.life)
	defer cancel()
	defer processClock{wk.p}.AfterFunc(between(r, 0, ttl), cancel).Stop()
	switch r.IntN(4) {
	case 0:
		l.Renew(ctx)
	case 1:
		l.Ensure(ctx, between(r, 0, 5*ttl/2))
	case 2:
		l.SetData(ctx, []byte("more"))
	case 3: // longer, and at once shorter again
		l.Ensure(ctx, between(r, ttl, 3*ttl))
		l.Renew(ctx)
	}
}

// finish releases the lease, keeps it until it is lost, or forgets it.
func (wk *worker) finish(l *locker.Lease) {
	r := wk.random
	switch x := r.Float64(); {
	case x < 0.7:
		l.Release(wk.p.life)
	case x < 0.8:
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if l.Release(ctx) != nil {
			l.Release(ctx)
		}
	case x < 0.9:
		for l.Err() == nil && !wk.p.world.isCalm() {
			if !wk.increment(l) || !wk.p.sleep(between(r, 0, wk.p.world.ttl/8)) {
				return
			}
			if chance(r, 0.1) { // nobody else gets the name before
				l.Release(wk.p.life)
			}
		}
	default: // forgotten: whoever renews it goes on doing so until the process ends
		if chance(r, 0.5) {
			l.Release(wk.p.life)
		}
	}
}

// increment does one guarded read-modify-write, and reports whether the process
// is alive. Between the last look at the lease and the arrival of the write
// anything can happen.
func (wk *worker) increment(l *locker.Lease) bool {
	w, r := wk.p.world, wk.random
	reg := &w.locks[l.Name()].register
	var v values
	if !wk.ask(func() { v = reg.read(l.Token()) }) {
		return false
	}
	if l.Err() != nil {
		return true
	}
	if chance(r, 0.01*w.wild) {
		wk.p.node.stop("is paused before a guarded write leaves", chance(r, 0.3), between(r, 0, 2*w.ttl))
	}
	return wk.ask(func() {
		if ok, broken := reg.write(l.Token(), v); !ok {
			w.noteLocked(wk.p, "the register refuses a stale write with token %v", l.Token())
		} else if broken != "" {
			w.failLocked("%v, token %v: %s", wk.p, l.Token(), broken)
		}
	})
}

// ask sends a request to the register, which carries it out when it arrives, and
// waits for the answer. It reports whether the process is alive then.
func (wk *worker) ask(do func()) bool {
	p, w, r := wk.p, wk.p.world, wk.random
	there, back := w.oneWay(r), w.oneWay(r)
	if chance(r, 0.01*w.wild) {
		there = between(r, 0, 2*w.ttl)
	}
	answered := make(chan struct{})
	leave := func() {
		w.afterLocked(there, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			do()
			w.reachLocked(p, back, func() { close(answered) })
		})
	}
	w.mu.Lock()
	switch {
	case p.dead:
		w.mu.Unlock()
		return false
	case p.node.stopped:
		p.node.parked = append(p.node.parked, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			leave()
		})
	default:
		leave()
	}
	w.mu.Unlock()
	<-answered
	return p.alive()
}
