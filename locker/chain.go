package locker

import (
	"context"
	"slices"
)

// Middleware wraps a Locker in another.
type Middleware func(next Locker) Locker

// Chain wraps l in the middleware given, of which the first is the outermost: it
// sees a call first; nil ones are skipped. Middleware reads what a call asks for with
// [Resolve].
func Chain(l Locker, middleware ...Middleware) Locker {
	for _, wrap := range slices.Backward(middleware) {
		if wrap != nil {
			l = wrap(l)
		}
	}
	return l
}

// Defaults is middleware that puts opts before the options of every call, so
// that they hold unless the call says otherwise.
func Defaults(opts ...Option) Middleware {
	return func(next Locker) Locker { return defaulted{next, opts} }
}

// defaulted is what Defaults makes.
type defaulted struct {
	next Locker
	opts []Option
}

func (d defaulted) Acquire(ctx context.Context, name string, own ...Option) (*Lease, error) {
	return acquireFrom(ctx, d.next, name, slices.Concat(d.opts, own)...)
}

func (d defaulted) AcquireAll(ctx context.Context, names []string, own ...Option) (*Group, error) {
	return AcquireAll(ctx, d.next, names, slices.Concat(d.opts, own)...)
}
