package locker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strconv"
)

// Breaker is an optional interface of a [Backend], and of a [Locker].
type Breaker interface {
	// Break makes one try to end the acquisition that info shows: no renewal and
	// no release of it may take effect after. It is pinned to info.AcquisitionID,
	// whatever its revision, and replaces it by [BrokenID]; token, TTL and the end
	// of the lease stay as they are, so that the name becomes free when the holder
	// must have noticed. With [FreeNow] the name is free at once instead.
	//
	// Success is also: the acquisition was broken before; the name is free; the
	// acquisition was released and the name is kept taken by a hold, which only
	// FreeNow ends. When another acquisition has the name now, a [*HeldError]
	// describes it. An unknown outcome wraps [ErrUnavailable].
	Break(ctx context.Context, info Info, opts ...BreakOption) error
}

// BreakOptions are what a call of Break may be told. The zero value is the
// default; each field says what it means.
type BreakOptions struct {
	// FreeNow makes the name free at once; see [FreeNow]. False: when the lease
	// would have ended.
	FreeNow bool
}

// BreakOption changes one of the [BreakOptions].
type BreakOption func(*BreakOptions)

// FreeNow makes the name free at once, instead of when the lease would have
// ended. Two may believe then: the broken holder goes on until its next renewal
// is refused, or its lease runs out, and somebody else may hold the name by now.
// It is for a holder that is known to be dead, or for work that is guarded by
// fencing tokens; those go on rising.
//
// It also ends the time for which [WithMinHold] keeps a released name taken, and
// frees a name that was broken without it.
func FreeNow() BreakOption { return func(o *BreakOptions) { o.FreeNow = true } }

// ResolveBreak returns the options that opts choose, for backends. Nil options are
// skipped.
func ResolveBreak(opts ...BreakOption) BreakOptions {
	var o BreakOptions
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// BrokenID returns the ID that takes the place of an acquisition that is broken:
// "broken" and 20 characters of [0-9a-z]. Nobody holds anything under it. It
// depends on id alone, so that whoever breaks an acquisition again, after an
// answer that got lost, sees that it was done.
func BrokenID(id string) string {
	const digits = 20 // 103 bits
	sum := sha256.Sum256([]byte("broken/" + id))
	n := new(big.Int).SetBytes(sum[:])
	n.Mod(n, new(big.Int).Exp(big.NewInt(36), big.NewInt(digits), nil))
	return fmt.Sprintf("broken%0*s", digits, n.Text(36))
}

// errBroken is why a lease of this client's own was lost that it broke itself.
var errBroken = errors.New("locker: broken by Break")

// Break takes a lock away from the holder that info, from [Client.Inspect],
// [Client.List] or a [HeldError], shows: its renewals are refused from now on, and
// its lease is lost, at its next renewal or at the end that it has now. The name
// becomes free at that end, so that nobody else holds it before the broken holder
// must have noticed; who waits for it gets it up to a TTL later where the lease's
// end can't be told by the store's time. Until then it shows a holder with the
// ID that [BrokenID] returns. [FreeNow] frees the name at once, at the price that two
// may believe.
//
// What is broken is the acquisition that info shows, by info.Name and
// info.AcquisitionID: renewed meanwhile or not. Whoever has acquired the name since
// then keeps it. To break an acquisition again changes nothing and is no error, so
// Break may be repeated after an unknown outcome. Nor is it an error, and nothing
// changes, if the name is free, or released and kept taken by [WithMinHold]; of an
// info whose State is [StateFree] nothing is sent. A lease of this Client's own
// is lost at once.
//
// A lease that shares the heartbeat of its process, see
// [ClientOptions].SharedHeartbeat, is broken with that heartbeat: that process loses
// all leases that depend on it.
//
// Break does not stop the broken holder's work: it hears of the loss like of any
// other, and what it writes late is safe only where its token is checked.
//
// Errors: a [*HeldError] when another acquisition has the name now, which it
// describes; [*InvalidError] for a name that can't be one or an info without
// acquisition, before anything is sent; [errors.ErrUnsupported] when the backend is
// no [Breaker]; one that wraps [ErrUnavailable]
// when it is not known whether it took effect; any other is final. Break makes
// one try, bounded by ctx.
func (c *Client) Break(ctx context.Context, info Info, opts ...BreakOption) error {
	if err := CheckName(info.Name); err != nil {
		return err
	}
	breaker, ok := c.backend.(Breaker)
	switch {
	case !ok:
		return fmt.Errorf("locker: break %q: %w", info.Name, errors.ErrUnsupported)
	case info.State == StateFree:
		return nil
	case info.AcquisitionID == "":
		return &InvalidError{What: "acquisition to break", Value: strconv.Quote(""), Want: "the one that Inspect or List shows"}
	}
	if ResolveBreak(opts...).FreeNow {
		c.loseOwn(ctx, info) // before the send: others may be let in by it
	}
	if err := breaker.Break(ctx, info, opts...); err != nil {
		return err
	}
	c.loseOwn(ctx, info)
	return nil
}

// loseOwn ends this client's own lease if it is of the acquisition that info shows.
func (c *Client) loseOwn(ctx context.Context, info Info) {
	c.mu.Lock()
	var own *acquisition
	if l := c.lines[info.Name]; l != nil {
		own = l.spare
		if l.hold != nil {
			own = l.hold.acq
		}
	}
	c.mu.Unlock()
	if own != nil && own.isOf(info.AcquisitionID) {
		c.tell(ctx, own.lose(LossTaken, errBroken))
	}
}
