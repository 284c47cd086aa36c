package locktest

import (
	"context"
	"errors"
	"runtime"

	"example.com/holdfast/locker"
)

// doCases are about Do.
func doCases() []testCase {
	return []testCase{
		{"Do", "Do holds the lock while fn runs, gives fn the lease, returns fn's error as it is and releases.", nothing, do},
		{"DoRefused", "Do does not call fn when the lock is not granted, and returns Acquire's error.", nothing, doRefused},
		{"DoLost", "Do joins a *LostError even when fn returned nil: a loss is never swallowed.", nothing, doLost},
		{"DoLostBeside", "Do joins a *LostError to the error that fn returned.", nothing, doLostBeside},
		{"DoContext", "The ctx of fn is cancelled, with the *LostError as its cause, when the lease is lost.", nothing, doContext},
		{"DoPanic", "Do releases when fn panics, and the panic goes on.", nothing, doPanic},
		{"DoGoexit", "Do releases when fn ends its goroutine.", nothing, doGoexit},
		{"DoDoneCtx", "Do releases also when its ctx is done by then.", nothing, doDoneCtx},
		{"FromContext", "FromContext returns the lease of the innermost Do.", nothing, fromContext},
	}
}

// do calls locker.Do on the case's lock.
func (e *env) do(p *process, fn func(ctx context.Context, lease *locker.Lease) error, opts ...locker.Option) (err error) {
	e.Helper()
	e.call("Do", func() { err = locker.Do(e.ctx, p, e.name, fn, e.options(opts)...) })
	return err
}

func do(e *env) {
	p, other := e.open(), e.open()
	failure := errors.New("what fn returned")
	for _, want := range []error{nil, failure} {
		var lease *locker.Lease
		var inside, contender error
		err := e.do(p, func(ctx context.Context, l *locker.Lease) error {
			lease, inside = l, l.Err()
			if from, ok := locker.FromContext(ctx); !ok || from != l || l.Name() != e.name {
				e.Errorf("FromContext = %v, %v, want the lease of Do", from, ok)
			}
			if ctx.Err() != nil {
				e.Errorf("the ctx of fn is done: %v", ctx.Err())
			}
			_, contender = locker.TryAcquire(ctx, other, e.name)
			return want
		})
		if err != want {
			e.Errorf("Do = %v, want what fn returned, %v", err, want)
		}
		if inside != nil {
			e.Errorf("inside of Do, Lease.Err() = %v, want nil", inside)
		}
		if !errors.Is(contender, locker.ErrHeld) {
			e.Errorf("inside of Do, TryAcquire by another = %v, want %v", contender, locker.ErrHeld)
		}
		if err := lease.Err(); !errors.Is(err, locker.ErrReleased) {
			e.Errorf("after Do, Lease.Err() = %v, want %v", err, locker.ErrReleased)
		}
		e.free(other, e.name)
	}
}

func doRefused(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p)
	err := e.do(other, func(context.Context, *locker.Lease) error {
		e.Errorf("fn was called although the lock is held")
		return nil
	}, locker.NoWait())
	if !errors.Is(err, locker.ErrHeld) {
		e.Errorf("Do = %v, want %v", err, locker.ErrHeld)
	}
	e.held(lease)
}

// outlive is an fn that returns err once its lease is over.
func outlive(err error) func(context.Context, *locker.Lease) error {
	return func(_ context.Context, lease *locker.Lease) error {
		<-lease.Done()
		return err
	}
}

func doLost(e *env) {
	err := e.do(e.open(), outlive(nil), locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.lostError("Do of which the lease was lost", err)
}

func doLostBeside(e *env) {
	failure := errors.New("what fn returned")
	err := e.do(e.open(), outlive(failure), locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.lostError("Do of which the lease was lost", err)
	if !errors.Is(err, failure) {
		e.Errorf("Do = %v, want it to match what fn returned, too", err)
	}
}

func doContext(e *env) {
	var cause error
	err := e.do(e.open(), func(ctx context.Context, lease *locker.Lease) error {
		<-ctx.Done()
		cause = context.Cause(ctx)
		return cause
	}, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.lostError("the cause of fn's ctx", cause)
	if err != cause {
		e.Errorf("Do = %v, want what fn returned: it is the loss already", err)
	}
}

func doPanic(e *env) {
	p := e.open()
	var lease *locker.Lease
	var recovered any
	e.call("Do", func() {
		defer func() { recovered = recover() }()
		locker.Do(e.ctx, p, e.name, func(_ context.Context, l *locker.Lease) error {
			lease = l
			panic("of fn")
		}, e.options(nil)...)
	})
	if recovered != "of fn" {
		e.Fatalf("the panic that came out of Do is %v, want fn's", recovered)
	}
	e.over(lease)
}

// over checks that a lease was released and the name is free.
func (e *env) over(lease *locker.Lease) {
	e.Helper()
	if err := lease.Err(); !errors.Is(err, locker.ErrReleased) {
		e.Errorf("Lease.Err() = %v, want %v", err, locker.ErrReleased)
	}
	e.free(e.open(), lease.Name())
}

func doGoexit(e *env) {
	p := e.open()
	var lease *locker.Lease
	e.call("Do", func() {
		locker.Do(e.ctx, p, e.name, func(_ context.Context, l *locker.Lease) error {
			lease = l
			runtime.Goexit()
			return nil
		}, e.options(nil)...)
	})
	e.over(lease)
}

func doDoneCtx(e *env) {
	p := e.open()
	ctx, cancel := context.WithCancel(e.ctx)
	var lease *locker.Lease
	var err error
	e.call("Do", func() {
		err = locker.Do(ctx, p, e.name, func(ctx context.Context, l *locker.Lease) error {
			lease = l
			cancel()
			return ctx.Err()
		}, e.options(nil)...)
	})
	if !errors.Is(err, context.Canceled) {
		e.Errorf("Do = %v, want what fn returned, %v", err, context.Canceled)
	}
	e.over(lease)
}

func fromContext(e *env) {
	p := e.open()
	if lease, ok := locker.FromContext(e.ctx); ok {
		e.Errorf("FromContext outside of Do = %v, want none", lease)
	}
	name := e.name + "/inner"
	var leases []*locker.Lease
	look := func(ctx context.Context) {
		lease, _ := locker.FromContext(ctx)
		leases = append(leases, lease)
	}
	err := e.do(p, func(outer context.Context, first *locker.Lease) error {
		look(outer)
		return locker.Do(outer, p, name, func(inner context.Context, second *locker.Lease) error {
			look(inner)
			look(outer)
			if first == second || first.Name() != e.name || second.Name() != name {
				e.Errorf("the leases are on %q and %q, want %q and %q", first.Name(), second.Name(), e.name, name)
			}
			if want := []*locker.Lease{first, second, first}; leases[0] != want[0] || leases[1] != want[1] || leases[2] != want[2] {
				e.Errorf("FromContext returned %v, want %v", leases, want)
			}
			return nil
		}, e.options(nil)...)
	})
	if err != nil {
		e.Errorf("Do inside of Do on another name = %v, want no error", err)
	}
}
