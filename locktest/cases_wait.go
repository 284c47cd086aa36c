package locktest

import (
	"context"
	"errors"

	"example.com/holdfast/locker"
)

// waitCases are about how long Acquire waits, and how waiting ends.
func waitCases() []testCase {
	return []testCase{
		{"CtxBoundsTheCall", "Acquire's ctx bounds the call only: cancelling it later does not end the lease, nor its renewal.", nothing, ctxBoundsTheCall},
		{"DoneCtx", "A ctx that is already done wins over a free lock: Acquire returns ctx's error, sends nothing and holds nothing.", nothing, doneCtx},
		{"CancelledWait", "Waiting that ctx ends returns, at once, a *HeldError that matches ErrHeld and ctx's error, and names the holder.", nothing, cancelledWait},
		{"WaitLimit", "WithWait bounds the wait: no sooner and not much later Acquire returns a *HeldError that names the holder.", nothing, waitLimit},
		{"WaitGrants", "WithWait waits: a lock released before it is over is granted.", nothing, waitGrants},
		{"NoWait", "NoWait, and TryAcquire, refuse a held lock without waiting for its holder, and take a free one.", nothing, noWait},
		{"WaiterLeavesNothing", "A waiter that is cancelled leaves nothing behind: the next gets the lock, and when that one releases it is free.", nothing, waiterLeavesNothing},
		{"QueuedWaiterLeaves", "A waiter that is cancelled before its turn does not cost those behind it theirs.", nothing, queuedWaiterLeaves},
		{"FIFO", "Calls for one name wait in the order in which they came within a Locker.", nothing, fifo},
		{"HalfTTL", "Acquire never returns a lease with less than half of its TTL remaining, however slow the store was.", nothing, halfTTL},
	}
}

func ctxBoundsTheCall(e *env) {
	p, other := e.open(), e.open()
	w := e.wait(p, locker.WithTTL(e.ttl))
	lease := e.granted(w, e.soon)
	w.cancel()
	e.sleep(2 * e.ttl)
	e.held(lease)
	e.refused(other, e.name)
}

func doneCtx(e *env) {
	p, other := e.open(), e.open()
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	for _, opt := range []locker.Option{nil, locker.NoWait(), locker.WithWait(e.ttl)} {
		var lease *locker.Lease
		var err error
		e.call("Acquire with a done ctx", func() { lease, err = p.Acquire(ctx, e.name, opt) })
		if !errors.Is(err, context.Canceled) {
			e.Errorf("Acquire with a cancelled ctx = %v, %v, want an error that matches %v", lease, err, context.Canceled)
		}
	}
	if n := p.faults.Calls(OpAcquire); n != 0 {
		e.Errorf("Acquire with a cancelled ctx sent %d requests, want none", n)
	}
	e.free(other, e.name)
}

func cancelledWait(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithOwner("the holder"))
	w := e.wait(other)
	e.asleep(w)
	w.cancel()
	err := e.failed(w, e.soon)
	var held *locker.HeldError
	if !errors.As(err, &held) || !errors.Is(err, locker.ErrHeld) {
		e.Fatalf("Acquire whose ctx was cancelled = %v, want a *HeldError", err)
	}
	if !errors.Is(err, context.Canceled) {
		e.Errorf("Acquire whose ctx was cancelled = %v, want it to match %v", err, context.Canceled)
	}
	if held.Name != e.name || held.Holder.Owner != "the holder" {
		e.Errorf("the HeldError names lock %q and holder %q, want %q and %q", held.Name, held.Holder.Owner, e.name, "the holder")
	}
	e.held(lease)
}

func waitLimit(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithOwner("the holder"))
	for _, who := range []*process{other, p} {
		w := e.wait(who, locker.WithWait(e.ttl))
		err := e.failed(w, e.ttl+e.soon)
		if got := w.ended.Sub(w.begun); got < e.ttl {
			e.Errorf("%s: Acquire WithWait(%v) gave up after %v", who.owner, e.ttl, got)
		}
		var held *locker.HeldError
		if !errors.As(err, &held) || held.Holder.Owner != "the holder" {
			e.Errorf("%s: Acquire WithWait = %v, want a *HeldError that names the holder", who.owner, err)
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			e.Errorf("%s: Acquire WithWait = %v, want no error of a ctx: none was done", who.owner, err)
		}
	}
	e.held(lease)
}

func waitGrants(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p)
	w := e.wait(other, locker.WithWait(e.long))
	e.asleep(w)
	e.release(lease)
	e.granted(w, e.soon)
}

func noWait(e *env) {
	p, other := e.open(), e.open()
	lease, err := e.try(p, e.name)
	if err != nil {
		e.Fatalf("TryAcquire of a free lock = %v, want a lease", err)
	}
	w := e.wait(other, locker.NoWait())
	if err := e.failed(w, e.soon); !errors.Is(err, locker.ErrHeld) {
		e.Errorf("Acquire with NoWait = %v, want an error that matches %v", err, locker.ErrHeld)
	}
	if got := w.ended.Sub(w.begun); got > e.ttl+e.slop {
		e.Errorf("Acquire with NoWait took %v: it has waited", got)
	}
	e.release(lease)
	e.free(other, e.name)
}

func waiterLeavesNothing(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p)
	w := e.wait(other)
	e.asleep(w)
	next := e.wait(other)
	e.asleep(next)
	w.cancel()
	e.failed(w, e.soon)
	e.release(lease)
	e.release(e.granted(next, e.soon))
	e.sleep(e.ttl / 2)
	e.free(e.open(), e.name)
}

func queuedWaiterLeaves(e *env) {
	p := e.open()
	lease := e.acquire(p)
	var line []*waiter
	for range 4 {
		w := e.wait(p)
		e.asleep(w)
		line = append(line, w)
	}
	line[1].cancel()
	e.failed(line[1], e.soon)
	line[2].cancel()
	e.failed(line[2], e.soon)
	e.release(lease)
	e.release(e.granted(line[0], e.soon))
	e.release(e.granted(line[3], e.soon))
	e.free(e.open(), e.name)
}

func fifo(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(other)
	var line []*waiter
	for range 5 {
		w := e.wait(p)
		e.asleep(w)
		line = append(line, w)
	}
	e.release(lease)
	for i, w := range line {
		e.eventually(e.soon, "the next waiter gets the lock", func() bool {
			for j, later := range line[i+1:] {
				if closed(later.done) {
					e.Fatalf("waiter %d got the lock before waiter %d", i+1+j+1, i+1)
				}
			}
			return closed(w.done)
		})
		e.release(e.granted(w, e.soon))
	}
}

func halfTTL(e *env) {
	p := e.open(remote)
	p.faults.Inject(OpAcquire, 1, Delay(e.clock, e.ttl*45/100))
	p.faults.Inject(OpAcquire, 1, Delay(e.clock, e.ttl*7/10))
	for range 2 {
		w := e.wait(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
		lease := e.granted(w, 2*e.soon)
		if w.left < e.ttl/2-e.slop {
			e.Errorf("Acquire returned a lease with %v remaining, want at least half of the TTL, %v", w.left, e.ttl/2)
		}
		e.release(lease)
	}
	if n := p.faults.Calls(OpAcquire); n < 3 {
		e.Errorf("%d requests were sent, want 3 or more: the second was answered too late for a lease", n)
	}
}
