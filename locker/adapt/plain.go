package adapt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
)

// DefaultTimeout is how long [Plain.Lock] takes at most unless told otherwise: less
// than the 15 s of golang-migrate.
const DefaultTimeout = 10 * time.Second

// Plain has a Lock and an Unlock without arguments, as the database.Driver of
// golang-migrate does. Embedded beside a struct that embeds the driver its methods
// are the ones that count:
//
//	type database struct{ database.Driver }
//
//	type driver struct {
//		database     // runs the migrations
//		*adapt.Plain // its lock
//	}
//
// Set the fields before the first use. Without a Locker, or with a Name that can't
// be one, Lock returns a [*locker.InvalidError]. A Plain must not be copied, and is
// safe for use by several goroutines at once.
type Plain struct {
	Locker  locker.Locker   // takes the lock; must not be nil
	Name    string          // of the lock
	Options []locker.Option // of each acquisition
	OnLost  func(name string, err error)

	// Timeout is how long Lock takes at most. It must be less than the caller's own
	// limit, migrate.Migrate's LockTimeout: who gives up earlier leaves behind a lock
	// that nobody will unlock. Zero or less: [DefaultTimeout].
	Timeout time.Duration

	// ErrLocked is what the caller wants to see when another holds the lock, such as
	// golang-migrate's database.ErrLocked: the error of Lock then wraps it beside the
	// [*locker.HeldError]. Nil: none.
	ErrLocked error

	locks keep[struct{}]
}

// Lock takes the lock and waits while another holds it, for Timeout at most, or
// shorter if Options say so. Errors are those of [locker.Locker]: that of a lock
// that is held is a [*locker.HeldError].
func (p *Plain) Lock() error {
	limit := p.Timeout
	if limit <= 0 {
		limit = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	h, err := acquire(ctx, p.Locker, p.Name, p.OnLost, p.Options...)
	if err != nil {
		return refusedAs(p.ErrLocked, err)
	}
	p.locks.add(struct{}{}, h)
	return nil
}

// Unlock releases the lock. A loss is not swallowed: it returns the
// [*locker.LostError], or one that is [locker.ErrClosed] when Close released the
// lock. After a [*locker.ReleaseError] it may be called again. Without a lock it
// returns [ErrNotLocked].
//
// golang-migrate joins these to the outcome of the migrations. After any of them its
// Migrate takes itself for locked for good: make a new one.
func (p *Plain) Unlock() error {
	return unlocked(p.Name, p.locks.unlock(context.Background(), struct{}{}))
}

// refusedAs wraps locked around the error of a lock that another holds.
func refusedAs(locked, err error) error {
	if locked != nil && errors.Is(err, locker.ErrHeld) {
		return fmt.Errorf("%w: %w", locked, err)
	}
	return err
}
