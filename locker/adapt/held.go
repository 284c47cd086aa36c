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
	h := &held{lease: lease}
	if onLost != nil {
		h.teller = &teller{name: lease.Name(), onLost: onLost}
		lease.AfterFunc(h.teller.over)
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
	teller *teller // nil if nobody wants to hear of a loss
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
	case errors.Is(err, locker.ErrLost) && h.teller != nil:
		go h.teller.over(err) // the store told only now
	}
	return err
}

// teller tells of a loss, once. It refers to no Lease, so that one which nobody has any
// more is noticed.
type teller struct {
	name   string
	onLost lost
	told   sync.Once
}

// over is told why the lease is over.
func (t *teller) over(err error) {
	if ended(err) {
		t.told.Do(func() { t.onLost(t.name, err) })
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
