package locker

import "context"

// TryAcquire is l.Acquire that does not wait for a holder: it returns a
// [*HeldError] when another holds the lock. It is Acquire with [NoWait] as its
// last option.
//
// It is not instantaneous. It lasts as long as its requests do; a store that
// does not answer is asked again for up to min(TTL/2, 5 s); and where a lease
// has ended but that is not certain yet ([Info].Doubt), TryAcquire waits for
// certainty for up to 3 s, never past ctx.
func TryAcquire(ctx context.Context, l Locker, name string, opts ...Option) (*Lease, error) {
	with := make([]Option, 0, len(opts)+1)
	with = append(with, opts...)
	return acquireFrom(ctx, l, name, append(with, NoWait())...)
}
