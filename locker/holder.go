package locker

import "context"

// holderKey is the key, in the ctx of an Acquire, of a function that is told for
// whom the call waits. It goes by ctx because it has to come through Lockers
// between the caller and the [Client] that know nothing of it.
type holderKey struct{}

// withHolder returns a ctx for Acquire of which f hears each holder that the call
// begins to wait for. f must not block. Whoever was to hear of it before still does.
func withHolder(ctx context.Context, f func(Info)) context.Context {
	before, _ := ctx.Value(holderKey{}).(func(Info))
	return context.WithValue(ctx, holderKey{}, func(info Info) {
		f(info)
		if before != nil {
			before(info)
		}
	})
}

// tellHolder tells what [withHolder] has put into ctx, if anything.
func tellHolder(ctx context.Context, info Info) {
	if f, ok := ctx.Value(holderKey{}).(func(Info)); ok {
		f(info)
	}
}
