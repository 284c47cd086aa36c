package adapt

import (
	"context"
	"errors"
	"sync"

	"example.com/holdfast/locker"
)

// ErrNotLocked is matched by the error of an Unlock, or of a renewal, of what is
// not locked through the same adapter.
var ErrNotLocked = errors.New("adapt: not locked")

// lost is an OnLost hook; see the package comment.
type lost = func(name string, err error)

// acquire takes the lock called name from l.
func acquire(ctx context.Context, l locker.Locker, name string, onLost lost, opts ...locker.Option) (*held, error) {
	if err := usable(l); err != nil {
		return nil, err
	}
	lease, err := l.Acquire(ctx, name, opts...)
	if err != nil {
		return nil, err
	}
	h := &held{lease: lease, onLost: onLost}
	if onLost != nil {
		lease.AfterFunc(h.over)
	}
	return h, nil
}

// usable returns an error for an adapter without a Locker.
func usable(l locker.Locker) error {
	if l == nil {
		return &locker.InvalidError{What: "adapter's Locker", Value: "nil", Want: "one to take the locks from"}
	}
	return nil
}

// held is a lock that was taken through an adapter.
type held struct {
	lease  *locker.Lease
	onLost lost // may be nil
	told   sync.Once
}

// Unlock releases the lock; see [locker.Lease.Release] for its errors. It also
// returns an error that is [locker.ErrClosed] when the Locker's Close had
// released it before.
func (h *held) Unlock(ctx context.Context) error {
	closed := h.lease.Err()
	err := h.lease.Release(ctx)
	switch {
	case err == nil && errors.Is(closed, locker.ErrClosed):
		return closed
	case errors.Is(err, locker.ErrLost) && h.onLost != nil:
		go h.over(err) // the store told only now
	}
	return err
}

// over is told why the lease is over.
func (h *held) over(err error) {
	if ended(err) {
		h.told.Do(func() { h.onLost(h.lease.Name(), err) })
	}
}

// ended reports whether err says that a lock ended other than by Unlock.
func ended(err error) bool {
	return errors.Is(err, locker.ErrLost) || errors.Is(err, locker.ErrClosed)
}

// unconfirmed reports whether err says that the store has not confirmed a release.
func unconfirmed(err error) bool {
	var failed *locker.ReleaseError
	return errors.As(err, &failed)
}
