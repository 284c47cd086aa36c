package adapt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/holdfast/locker"
)

// Named has a Lock and an Unlock that are given the name. It is a certmagic.Locker,
// TryLocker and LockLeaseRenewer, for a Storage that has no locks of its own, or has
// some that time out by comparing clocks. Embedded beside a struct that embeds the
// Storage its methods are the ones that count:
//
//	type files struct{ certmagic.Storage }
//
//	type storage struct {
//		files       // certificates and keys
//		*adapt.Named // their locks
//	}
//
// Set the fields before the first use. Without a Locker every call but Unlock
// returns a [*locker.InvalidError]. A Named must not be copied, and is safe for use
// by several goroutines at once.
type Named struct {
	Locker  locker.Locker   // takes the locks; must not be nil
	Options []locker.Option // of each acquisition
	OnLost  func(name string, err error)

	locks keep[string]
}

// Lock takes the lock called name and waits while another holds it, until ctx is
// done or for as long as Options say. Errors are those of [locker.Locker].
func (n *Named) Lock(ctx context.Context, name string) error {
	h, err := acquire(ctx, n.Locker, name, n.OnLost, n.Options...)
	if err != nil {
		return err
	}
	n.locks.add(name, h)
	return nil
}

// TryLock is Lock that does not wait: false and no error when another holds the
// lock. See [locker.TryAcquire] for how long it may take all the same.
func (n *Named) TryLock(ctx context.Context, name string) (bool, error) {
	h, err := acquire(ctx, n.Locker, name, n.OnLost, n.tryOptions()...)
	var refused *locker.HeldError
	switch {
	case errors.As(err, &refused) && refused.Cause == nil:
		return false, nil
	case err != nil:
		return false, err
	}
	n.locks.add(name, h)
	return true, nil
}

// Unlock releases the lock called name; ctx lends its values only. As certmagic asks
// for, it returns an error only when the lock could not be released, a
// [*locker.ReleaseError], and may be called again then. When the lock was lost, when
// Close released it, or when name is not locked here, there is nothing left to
// release, and it returns nil.
func (n *Named) Unlock(ctx context.Context, name string) error {
	if err := n.locks.unlock(ctx, name); unconfirmed(err) {
		return err
	}
	return nil
}

// RenewLockLease makes sure that the lock is held, before another attempt at what it
// guards: it returns nil when the store has confirmed that.
//
// A lock that is renewed in the background is renewed once more and does not need d:
// it lasts for as long as the process lives, and others take over one TTL after
// a crash. With WithoutRenewal or WithMaxHold among the Options it lasts for d
// from now, at most 23 h.
//
// A lock that was lost is taken again if it is free, since certmagic goes on to
// look whether another has done the work meanwhile: without that, all of its attempts
// would fail, for up to 30 days.
//
// Errors: a [*locker.HeldError] when another holds the lock now, [ErrNotLocked] for
// a name that is not locked here, a [*locker.InvalidError] when d is negative, and
// those of [locker.Lease.Renew] and [locker.Locker].
func (n *Named) RenewLockLease(ctx context.Context, name string, d time.Duration) error {
	if err := usable(n.Locker); err != nil {
		return err
	}
	h := n.locks.last(name)
	if h == nil {
		return fmt.Errorf("adapt: renew %q: %w", name, ErrNotLocked)
	}
	if err := n.renew(ctx, h.lease, d); !ended(err) {
		return err
	}
	again, err := acquire(ctx, n.Locker, name, n.OnLost, n.tryOptions()...)
	if err != nil {
		return err
	}
	if !n.locks.replace(name, h, again) { // unlocked meanwhile
		return errors.Join(fmt.Errorf("adapt: renew %q: %w", name, ErrNotLocked), again.Unlock(ctx))
	}
	return nil
}

const longestRenewal = 23 * time.Hour // below the limit of Ensure

func (n *Named) renew(ctx context.Context, lease *locker.Lease, d time.Duration) error {
	o := locker.Resolve(n.Options...)
	if d < 0 || o.NoRenewal || o.MaxHold > 0 {
		return lease.Ensure(ctx, min(d, longestRenewal))
	}
	return lease.Renew(ctx)
}

func (n *Named) tryOptions() []locker.Option {
	opts := make([]locker.Option, 0, len(n.Options)+1)
	return append(append(opts, n.Options...), locker.NoWait())
}
