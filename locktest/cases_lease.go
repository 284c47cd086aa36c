package locktest

import (
	"context"
	"errors"
	"sync/atomic"

	"example.com/holdfast/locker"
)

// leaseCases are about what tells a holder that its lease is over.
func leaseCases() []testCase {
	return []testCase{
		{"Expired", "A lease whose time is over is lost: Done closes by itself, Err is a *LostError with LossExpired and the token, nothing remains.", nothing, expired},
		{"LossStays", "A loss once seen stays: no later renewal revives the lease.", nothing, lossStays},
		{"ContextReleased", "Lease.Context is cancelled by the release, with ErrReleased as its cause.", nothing, contextReleased},
		{"ContextLost", "Lease.Context is cancelled by the loss, with the *LostError as its cause.", nothing, contextLost},
		{"ContextParent", "Lease.Context ends with its parent, and when it is cancelled, and the lease goes on.", nothing, contextParent},
		{"ContextOver", "Lease.Context of a lease that is over is done already, with Lease.Err as its cause.", nothing, contextOver},
		{"AfterFunc", "AfterFunc calls the function once, with Lease.Err, when the lease is over.", nothing, afterFunc},
		{"AfterFuncOver", "AfterFunc calls the function also when the lease is over already.", nothing, afterFuncOver},
		{"AfterFuncStop", "The stop function of AfterFunc keeps the function from being called and reports whether it did.", nothing, afterFuncStop},
	}
}

func expired(e *env) {
	lease := e.acquire(e.open(), locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.held(lease)
	if !e.pass(lease.Done(), 2*e.ttl) {
		e.Fatalf("Lease.Done() is open %v after the acquisition, want it closed after the TTL, %v", 2*e.ttl, e.ttl)
	}
	lost := e.lostError("Lease.Err()", lease.Err())
	if lost.Reason != locker.LossExpired || lost.Token != lease.Token() {
		e.Errorf("LostError = token %v, %v, want token %v, %v", lost.Token, lost.Reason, lease.Token(), locker.LossExpired)
	}
	if errors.Is(lost, locker.ErrReleased) {
		e.Errorf("the LostError matches ErrReleased")
	}
	if got := lease.Remaining(); got != 0 {
		e.Errorf("Lease.Remaining() = %v, want 0", got)
	}
}

func lossStays(e *env) {
	p := e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	first := e.lost(lease, 2*e.ttl)
	e.lostError("Renew of a lost lease", e.renewErr(lease))
	e.lostError("Ensure of a lost lease", e.ensureErr(lease, e.ttl))
	if n := p.faults.Calls(OpRenew); n != 0 {
		e.Errorf("%d renewals were sent of a lost lease, want none", n)
	}
	if err := lease.Err(); err != error(first) {
		e.Errorf("Lease.Err() = %v, want it to stay %v", err, first)
	}
}

func contextReleased(e *env) {
	lease := e.acquire(e.open())
	ctx, cancel := lease.Context(e.ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		e.Fatalf("the lease's context is done while it is held: %v", err)
	}
	e.release(lease)
	e.doneWith(ctx, locker.ErrReleased)
}

// doneWith checks that a lease's context is done soon, because of want.
func (e *env) doneWith(ctx context.Context, want error) {
	e.Helper()
	if !e.pass(ctx.Done(), e.ttl) {
		e.Fatalf("the lease's context is not done, want it cancelled because of %v", want)
	}
	if cause := context.Cause(ctx); !errors.Is(cause, want) {
		e.Errorf("context.Cause = %v, want %v", cause, want)
	}
	if err := ctx.Err(); err != context.Canceled {
		e.Errorf("ctx.Err() = %v, want %v", err, context.Canceled)
	}
}

func contextLost(e *env) {
	lease := e.acquire(e.open(), locker.WithTTL(e.ttl), locker.WithoutRenewal())
	ctx, cancel := lease.Context(e.ctx)
	defer cancel()
	e.lost(lease, 2*e.ttl)
	e.doneWith(ctx, locker.ErrLost)
	if cause := context.Cause(ctx); cause != lease.Err() {
		e.Errorf("context.Cause = %v, want Lease.Err(), %v", cause, lease.Err())
	}
}

func contextParent(e *env) {
	lease := e.acquire(e.open())
	type key struct{}
	why := errors.New("why the parent was cancelled")
	parent, cancelParent := context.WithCancelCause(context.WithValue(e.ctx, key{}, "value"))
	ctx, cancel := lease.Context(parent)
	defer cancel()
	other, cancelOther := lease.Context(parent)
	if got := ctx.Value(key{}); got != "value" {
		e.Errorf("a value of the parent is %v in the lease's context, want it to be there", got)
	}
	cancelOther()
	e.doneWith(other, context.Canceled)
	if err := ctx.Err(); err != nil {
		e.Errorf("one context of the lease is done because another was cancelled: %v", err)
	}
	cancelParent(why)
	e.doneWith(ctx, why)
	e.held(lease)
	e.refused(e.open(), e.name)
	e.release(lease)
}

func contextOver(e *env) {
	p := e.open()
	lease := e.acquire(p)
	e.release(lease)
	ctx, cancel := lease.Context(e.ctx)
	defer cancel()
	if ctx.Err() == nil {
		e.Errorf("the context of a released lease is not done")
	}
	e.doneWith(ctx, locker.ErrReleased)

	lease = e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.lost(lease, 2*e.ttl)
	ctx, cancel = lease.Context(e.ctx)
	defer cancel()
	if ctx.Err() == nil {
		e.Errorf("the context of a lost lease is not done")
	}
	e.doneWith(ctx, locker.ErrLost)
}

// told is what functions given to AfterFunc were called with.
type told struct {
	calls  atomic.Int32
	called chan error // the first
}

func newTold() *told { return &told{called: make(chan error, 1)} }

func (t *told) call(err error) {
	t.calls.Add(1)
	select {
	case t.called <- err:
	default:
	}
}

// toldOnce checks that the function is called, with want, and not again.
func (e *env) toldOnce(t *told, want error) {
	e.Helper()
	e.eventually(e.ttl, "the function is called", func() bool { return len(t.called) > 0 })
	if err := <-t.called; !errors.Is(err, want) {
		e.Errorf("the function was called with %v, want %v", err, want)
	}
	e.sleep(e.ttl / 8)
	if n := t.calls.Load(); n != 1 {
		e.Errorf("the function was called %d times, want once", n)
	}
}

func afterFunc(e *env) {
	p := e.open()
	atRelease, atLoss := newTold(), newTold()
	lease := e.acquire(p)
	stop := lease.AfterFunc(atRelease.call)
	e.sleep(e.ttl / 8)
	if n := atRelease.calls.Load(); n != 0 {
		e.Fatalf("the function was called while the lease is held")
	}
	e.release(lease)
	e.toldOnce(atRelease, locker.ErrReleased)
	if stop() {
		e.Errorf("stop = true after the function was called, want false")
	}

	lease = e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	lease.AfterFunc(atLoss.call)
	e.lost(lease, 2*e.ttl)
	e.toldOnce(atLoss, locker.ErrLost)
}

func afterFuncOver(e *env) {
	p := e.open()
	atRelease, atLoss := newTold(), newTold()
	lease := e.acquire(p)
	e.release(lease)
	stop := lease.AfterFunc(atRelease.call)
	e.toldOnce(atRelease, locker.ErrReleased)
	if stop() {
		e.Errorf("stop = true after the function was called, want false")
	}

	lease = e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.lost(lease, 2*e.ttl)
	lease.AfterFunc(atLoss.call)
	e.toldOnce(atLoss, locker.ErrLost)
}

func afterFuncStop(e *env) {
	lease := e.acquire(e.open())
	stopped, kept := newTold(), newTold()
	stop := lease.AfterFunc(stopped.call)
	lease.AfterFunc(kept.call)
	if !stop() {
		e.Errorf("stop = false, want true: the lease is held")
	}
	if stop() {
		e.Errorf("the second stop = true, want false")
	}
	e.release(lease)
	e.toldOnce(kept, locker.ErrReleased)
	if n := stopped.calls.Load(); n != 0 {
		e.Errorf("the function was called although it was stopped")
	}
}
