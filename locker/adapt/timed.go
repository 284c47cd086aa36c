package adapt

import (
	"context"
	"slices"
	"time"

	"example.com/holdfast/locker"
)

// Timed has a Lock that is told how long to wait and returns a function to unlock
// by. With U = schema.UnlockFunc it is the schema.Locker of atlas. Embedded
// beside a struct that embeds the migrate.Driver its Lock is the one that counts:
//
//	type driver struct{ migrate.Driver }
//
//	type locked struct {
//		driver                          // reads and changes the schema
//		adapt.Timed[schema.UnlockFunc] // its lock
//	}
//
// The zero value returns a [*locker.InvalidError]. A Timed may be copied, and used by
// several goroutines at once.
type Timed[U ~func() error] struct {
	Locker  locker.Locker   // takes the locks; must not be nil
	Options []locker.Option // of each acquisition; how long to wait is the caller's to say
	OnLost  func(name string, err error)

	// ErrLocked is what the caller wants to see when another holds the lock, such as
	// atlas' schema.ErrLocked: the error of Lock then wraps it beside the
	// [*locker.HeldError]. Nil: none.
	ErrLocked error
}

// Lock takes the lock called name and waits for a holder for as long as timeout:
// not at all with 0 (see [locker.TryAcquire] for how long that may take), until ctx
// is done with a negative one. Errors are those of [locker.Locker].
//
// The function that it returns releases the lock. A second call returns nil. A loss is
// not swallowed: it returns the [*locker.LostError], or one that is
// [locker.ErrClosed] when Close released the lock. After a [*locker.ReleaseError] it
// may be called again.
func (t Timed[U]) Lock(ctx context.Context, name string, timeout time.Duration) (U, error) {
	if timeout < 0 {
		timeout = locker.Forever
	}
	h, err := acquire(ctx, t.Locker, name, t.OnLost, slices.Concat(t.Options, []locker.Option{locker.WithWait(timeout)})...)
	if err != nil {
		return nil, refusedAs(t.ErrLocked, err)
	}
	return func() error { return h.Unlock(ctx) }, nil
}
