package locker

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The errors of this package, for errors.Is. Those with a type of their own
// say more through errors.As.
var (
	// ErrHeld is matched by every [*HeldError]: another holds the lock.
	ErrHeld = errors.New("locker: held by another")

	// ErrLost is matched by every [*LostError]: the lease ended without being
	// released.
	ErrLost = errors.New("locker: lease lost")

	// ErrReleased is what [Lease.Err] returns once the lease was released; joined
	// with [ErrClosed] if that was done by [Client.Close].
	ErrReleased = errors.New("locker: lease released")

	// ErrStale is matched by every [*StaleError]: a token below one that was
	// already seen.
	ErrStale = errors.New("locker: stale token")

	// ErrInvalid is matched by every [*InvalidError]: a value outside of its
	// limits.
	ErrInvalid = errors.New("locker: invalid")

	// ErrClosed is returned by a Locker that was closed.
	ErrClosed = errors.New("locker: closed")

	// ErrNoFencing is returned for [RequireFencing] by a Locker whose tokens
	// are not promised to rise.
	ErrNoFencing = errors.New("locker: fencing is not available")

	// ErrNotLeader is matched by every [*NotLeaderError]: an [Elector] does not lead.
	ErrNotLeader = errors.New("locker: not the leader")

	// ErrUnavailable is wrapped by errors of a store that did not answer, or
	// answered that it can't just now. Whether the request took effect is not
	// known. It is the one kind of error after which trying again makes sense; of a
	// store that was never reached the address or the credentials may be wrong.
	ErrUnavailable = errors.New("locker: store unavailable")
)

// InvalidError says which value is outside of its limits. It is returned before
// anything is sent.
type InvalidError struct {
	What  string // what the value is for, such as "TTL"
	Value string // the value, or what is wrong with it, such as "of 4097 bytes"
	Want  string // the limit, such as "at most 4096 bytes"
}

// Error names the value and its limit.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("locker: %s %s: want %s", e.What, e.Value, e.Want)
}

// Is reports whether target is [ErrInvalid].
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// HeldError says that another holds the lock.
type HeldError struct {
	Name   string // of the lock
	Holder Info   // as last seen; State is [StateUnknown] when nobody could look
	Cause  error  // what ended the wait besides its own limit: ctx's error, or nil
}

// Error names the lock and its holder.
func (e *HeldError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "locker: %q is held", e.Name)
	if e.Holder.Owner != "" {
		fmt.Fprintf(&b, " by %q", e.Holder.Owner)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

// Is reports whether target is [ErrHeld].
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Unwrap returns the cause.
func (e *HeldError) Unwrap() error { return e.Cause }

// NotLeaderError says that an [Elector] does not lead.
type NotLeaderError struct {
	Name   string // of the lock
	Leader Info   // for whom the Elector waits, as last seen; State is [StateUnknown] when it has seen none
	Cause  error  // how the term ended that lead has not returned from yet; or nil
}

// Error names the lock and the leader, or the cause.
func (e *NotLeaderError) Error() string {
	s := fmt.Sprintf("locker: not the leader of %q", e.Name)
	if e.Leader.Owner != "" {
		s += fmt.Sprintf(": %q leads", e.Leader.Owner)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Is reports whether target is [ErrNotLeader].
func (e *NotLeaderError) Is(target error) bool { return target == ErrNotLeader }

// Unwrap returns the cause.
func (e *NotLeaderError) Unwrap() error { return e.Cause }

// LossReason says how a lease was lost.
type LossReason int

// The reasons.
const (
	LossUnknown LossReason = iota // a backend gave no reason
	LossExpired                   // its time ran out before a renewal was confirmed
	LossTaken                     // the store names another holder
	LossGone                      // the store has no record of the lease any more
	LossMaxHold                   // its time ran out after [WithMaxHold] had ended the renewal
)

// String returns the reason in words.
func (r LossReason) String() string {
	switch r {
	case LossUnknown:
		return "unknown"
	case LossExpired:
		return "expired"
	case LossTaken:
		return "taken by another"
	case LossGone:
		return "record gone"
	case LossMaxHold:
		return "maximum hold reached"
	}
	return fmt.Sprintf("LossReason(%d)", int(r))
}

// LostError says that a lease ended without being released. Others may hold
// the lock by now: work that relied on the lease has to stop, and what it wrote
// late is safe only where its token is checked ([Fence]).
type LostError struct {
	Name   string     // of the lock
	Token  Token      // of the lease that was lost
	Reason LossReason // how
	Cause  error      // the last failure to renew, or what the store said; or nil
}

// Error names the lock, the token and the reason.
func (e *LostError) Error() string {
	s := fmt.Sprintf("locker: lease on %q with token %v lost: %v", e.Name, e.Token, e.Reason)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Is reports whether target is [ErrLost]. The cause is left out: a loss must not
// look like a store that may be asked again.
func (e *LostError) Is(target error) bool { return target == ErrLost }

// ReleaseError says that a lease is over locally but that the store has not
// confirmed its release: the name may stay taken until the lease would have
// ended. [Lease.Release] may be called again. Returned by [Do] it also says
// that fn has run, which is why errors.Is does not look at the cause.
type ReleaseError struct {
	Name  string // of the lock
	Cause error  // why the release was not confirmed
}

// Error names the lock and the cause.
func (e *ReleaseError) Error() string {
	return fmt.Sprintf("locker: release of %q not confirmed: %v", e.Name, e.Cause)
}

// errClosing is the cause of the contexts that a client's Close ends, and how a
// lease ends by it.
var errClosing = fmt.Errorf("%w: %w", ErrReleased, ErrClosed)

// contextError returns why ctx is done. A cause of its own is told in words only:
// the loss of an outer lease, say, is not the loss of this one.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || cause == err {
		return err
	}
	return fmt.Errorf("%w (%v)", err, cause)
}
