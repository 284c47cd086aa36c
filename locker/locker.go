package locker

import "context"

// Locker takes named locks. It is all that a library needs to depend on: which
// store stands behind it is the business of the program that uses the library.
//
// Acquire takes the lock called name and returns the [Lease] on it. While
// somebody else holds the lock it waits, for as long as [WithWait] allows
// (without that option: until ctx is done). A ctx that is already done wins
// over a free lock. ctx bounds the call only: cancelling it after Acquire has
// returned does not end the lease. To bind work to the lease use [Do] or
// [Lease.Context].
//
// A lease that Acquire returns has at least half of its TTL remaining. It is
// renewed in the background until it is released, lost or limited by
// [WithMaxHold], unless [WithoutRenewal] says otherwise.
//
// The same name may be asked for any number of times at once, through one
// Locker or several: it is held once at a time. A lock is not re-entrant.
//
// Errors, to be told apart with errors.Is and errors.As:
//   - [*InvalidError] (Is [ErrInvalid]): the name or an option is outside of
//     its limits. Nothing was sent.
//   - [*HeldError] (Is [ErrHeld]): waiting ended while another held the lock.
//     It names the holder, and matches ctx's error too when ctx ended the wait.
//   - [ErrUnavailable]: the store could not be asked, or its answer did not
//     arrive, for as long as the call was allowed to try.
//   - [ErrNoFencing]: [RequireFencing] was asked for and can't be promised.
//   - [ErrClosed]: the Locker was closed.
//   - ctx's error, when ctx ended before anything was known.
//   - any other error is final: the store refused, and would do so again.
//
// After an error the caller holds nothing. Where an attempt's outcome was not
// known when Acquire gave up, it is resolved and released in the background; if
// that fails as well, the lock may stay taken for one TTL.
//
// Implementations are safe for use by several goroutines at once.
type Locker interface {
	Acquire(ctx context.Context, name string, opts ...Option) (*Lease, error)
}

// LockerFunc is a function that is a [Locker], for middleware.
type LockerFunc func(ctx context.Context, name string, opts ...Option) (*Lease, error)

// Acquire calls f. A nil f is an [*InvalidError].
func (f LockerFunc) Acquire(ctx context.Context, name string, opts ...Option) (*Lease, error) {
	if f == nil {
		return nil, noLocker()
	}
	return f(ctx, name, opts...)
}

// acquireFrom is l.Acquire. Where nobody has set an l it is an error that says so.
func acquireFrom(ctx context.Context, l Locker, name string, opts ...Option) (*Lease, error) {
	if l == nil {
		return nil, noLocker()
	}
	return l.Acquire(ctx, name, opts...)
}

func noLocker() error {
	return &InvalidError{What: "Locker", Value: "nil", Want: "one to take the lock from"}
}
