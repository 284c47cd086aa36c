package locktest

import (
	"context"
	"errors"
	"fmt"

	"example.com/holdfast/locker"
)

// closeCases are about the end of a Locker.
func closeCases() []testCase {
	return []testCase{
		{"Close", "Close releases every lease, and Acquire returns ErrClosed after it.", closing, closeReleases},
		{"CloseWaiters", "Close ends the calls that wait: they return ErrClosed at once.", closing, closeWaiters},
		{"CloseJoins", "Close goes on after an error: it releases all the other leases, and joins all errors.", closing, closeJoins},
		{"CloseRenews", "While Close is busy it renews the leases whose turn has not come, also when other calls wait.", closing, closeRenews},
		{"CloseDoneCtx", "Close releases even if its ctx is done already.", closing, closeDoneCtx},
		{"CloseTwice", "Closing again is harmless, and so is releasing afterwards.", closing, closeTwice},
	}
}

// several takes n locks of the case.
func (e *env) several(p *process, n int, opts ...locker.Option) []*locker.Lease {
	e.Helper()
	waiters := make([]*waiter, n)
	for i := range waiters {
		waiters[i] = e.waitFor(p, fmt.Sprintf("%s/%d", e.name, i), opts...)
	}
	leases := make([]*locker.Lease, n)
	for i, w := range waiters {
		leases[i] = e.granted(w, e.soon)
	}
	return leases
}

// close closes p.
func (e *env) close(p *process, ctx context.Context) (err error) {
	e.Helper()
	c := e.closer(p)
	e.call("Close", func() { err = c.Close(ctx) })
	return err
}

// allOver checks that leases were released and their names are free.
func (e *env) allOver(leases []*locker.Lease) {
	e.Helper()
	other := e.open()
	for _, lease := range leases {
		if err := lease.Err(); !errors.Is(err, locker.ErrReleased) {
			e.Errorf("after Close, Lease.Err() = %v, want %v", err, locker.ErrReleased)
		}
		e.free(other, lease.Name())
	}
}

func closeReleases(e *env) {
	p := e.open()
	leases := e.several(p, 5)
	if err := e.close(p, e.ctx); err != nil {
		e.Errorf("Close = %v, want no error", err)
	}
	e.allOver(leases)
	for _, opt := range []locker.Option{nil, locker.NoWait()} {
		var lease *locker.Lease
		var err error
		e.call("Acquire after Close", func() { lease, err = p.Acquire(e.ctx, e.name, opt) })
		if !errors.Is(err, locker.ErrClosed) {
			e.Errorf("Acquire after Close = %v, %v, want %v", lease, err, locker.ErrClosed)
		}
	}
}

func closeWaiters(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(other)
	var line []*waiter
	for range 3 {
		w := e.wait(p)
		e.asleep(w)
		line = append(line, w)
	}
	if err := e.close(p, e.ctx); err != nil {
		e.Errorf("Close = %v, want no error", err)
	}
	for _, w := range line {
		if err := e.failed(w, e.ttl); !errors.Is(err, locker.ErrClosed) {
			e.Errorf("Acquire that waits when Close is called = %v, want %v", err, locker.ErrClosed)
		}
	}
	e.held(lease)
	e.release(lease)
	e.free(e.open(), e.name)
}

func closeJoins(e *env) {
	p := e.open()
	leases := e.several(p, 6)
	one, two := errors.New("the first failure"), errors.New("the second failure")
	p.faults.Inject(OpRelease, 1, Fail(one))
	p.faults.Inject(OpRelease, 1, nil)
	p.faults.Inject(OpRelease, 1, Fail(two))
	err := e.close(p, e.ctx)
	var causes []error
	for _, failed := range releaseErrors(err) {
		causes = append(causes, failed.Cause)
	}
	if got := errors.Join(causes...); !errors.Is(got, one) || !errors.Is(got, two) || len(causes) != 2 {
		e.Errorf("Close = %v, want the *ReleaseErrors of both releases that failed joined", err)
	}
	other, stuck := e.open(), 0
	for _, lease := range leases {
		if _, err := e.try(other, lease.Name()); err != nil {
			stuck++
		}
	}
	if stuck != 2 {
		e.Errorf("%d of %d names are held after Close, want 2: those of which the release has failed", stuck, len(leases))
	}
}

// releaseErrors returns every *ReleaseError that is joined in err.
func releaseErrors(err error) []*locker.ReleaseError {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*locker.ReleaseError
		for _, err := range joined.Unwrap() {
			all = append(all, releaseErrors(err)...)
		}
		return all
	}
	var failed *locker.ReleaseError
	if !errors.As(err, &failed) {
		return nil
	}
	return []*locker.ReleaseError{failed}
}

// closeRenews has so many leases, and a store so slow, that those whose turn comes
// last have too little left for their release unless they are renewed meanwhile.
func closeRenews(e *env) {
	const many = 135
	p, other := e.open(remote), e.open()
	e.acquire(other)
	w := e.wait(p)
	e.asleep(w)
	leases := e.several(p, many, locker.WithTTL(e.ttl))
	p.faults.Inject(OpRelease, -1, Delay(e.clock, e.ttl*2/5))
	if err := e.close(p, e.ctx); err != nil {
		e.Errorf("Close of %d leases = %v, want no error", many, err)
	}
	for _, lease := range leases {
		if err := lease.Err(); !errors.Is(err, locker.ErrReleased) {
			e.Fatalf("after Close, Lease.Err() = %v, want %v", err, locker.ErrReleased)
		}
	}
	e.failed(w, e.ttl)
	e.free(other, leases[many-1].Name())
}

func closeDoneCtx(e *env) {
	p := e.open()
	leases := e.several(p, 3)
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	e.close(p, ctx) // it may say that it has not waited for all that it has begun
	for _, lease := range leases {
		e.freeSoon(e.open(), lease.Name())
	}
}

func closeTwice(e *env) {
	p := e.open()
	leases := e.several(p, 2)
	for range 2 {
		if err := e.close(p, e.ctx); err != nil {
			e.Errorf("Close = %v, want no error", err)
		}
	}
	for _, lease := range leases {
		if err := e.releaseErr(lease); err != nil {
			e.Errorf("Release after Close = %v, want no error", err)
		}
	}
	e.allOver(leases)
}
