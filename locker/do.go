package locker

import (
	"context"
	"errors"
)

// leaseKey is the key of the innermost lease in the context that Do passes on.
type leaseKey struct{}

// Do acquires the lock called name, calls fn and releases the lock. It is the
// way to use a lock that leaves nothing to forget. It waits as Acquire does, and fn
// runs in the calling goroutine.
//
// fn's context is ctx bound to the lease: it is cancelled, with the [*LostError]
// as its cause, when the lease is lost, and [FromContext] finds the lease in it.
// fn should stop then: others may hold the lock. When fn panics, Do releases and
// the panic goes on.
//
// Errors: what Acquire returned, or an [*InvalidError] for a nil l or fn, and fn was
// not called; else fn's error, joined with a [*LostError] if the lease was lost
// meanwhile (also when fn returned nil: a loss is never swallowed), with a
// [*ReleaseError] if the store has not confirmed the release, or with one that is
// [ErrReleased] and [ErrClosed] if the client was closed while fn ran. fn has run in
// all of these cases.
//
// The release does not depend on ctx; see [Lease.Release].
func Do(ctx context.Context, l Locker, name string, fn func(ctx context.Context, lease *Lease) error, opts ...Option) (err error) {
	if fn == nil {
		return &InvalidError{What: "fn of Do", Value: "nil", Want: "a function"}
	}
	lease, err := acquireFrom(ctx, l, name, opts...)
	if err != nil {
		return err
	}
	work, cancel := lease.Context(context.WithValue(ctx, leaseKey{}, lease))
	defer func() {
		if closed := lease.Err(); errors.Is(closed, ErrClosed) && !errors.Is(err, closed) {
			err = errors.Join(err, closed) // the client was closed under fn
		}
		over := lease.Release(ctx) // the *LostError, if it was lost before
		cancel()
		if over != nil && !errors.Is(err, over) {
			err = errors.Join(err, over)
		}
	}()
	return fn(work, lease)
}

// FromContext returns the lease of the innermost [Do] that ctx comes from; false if
// there is none. The lease may be over.
func FromContext(ctx context.Context) (*Lease, bool) {
	lease, ok := ctx.Value(leaseKey{}).(*Lease)
	return lease, ok
}
