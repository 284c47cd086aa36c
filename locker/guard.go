package locker

import "fmt"

// GuardGrant returns the grant that a lease of this Client is on, as it was last
// confirmed, for authors of backends: so that a store which can do that lets a user's
// own write depend on the lease, by a condition on the record of the acquisition
// Grant.ID. Users call what the backend makes of it, such as Guard of package dynamo.
//
// A lease that is released while others of this Client wait gives its acquisition to
// the next, without a write. After GuardGrant it does not any more: the next
// lease, of this Client too, changes the record before Acquire returns it. So a
// condition that was made for one lease fails from when another is held; and from
// when a release has taken effect in the store, by the rules of [Backend]. Renewals
// may be under way: only Name, ID, Token and Tokens stay what they are, and the
// lease's own token may be a later one of these.
//
// Errors: an [*InvalidError] for nil, or a lease that another Client has made; what
// [Lease.Err] returns, of a lease that is over. GuardGrant does not block and sends
// nothing.
func (c *Client) GuardGrant(lease *Lease) (Grant, error) {
	if lease == nil || lease.h == nil {
		return Grant{}, &InvalidError{What: "lease", Value: "nil", Want: "one that Acquire has returned"}
	}
	h, acq := lease.h, lease.h.acq
	if acq.c != c {
		return Grant{}, &InvalidError{What: "lease", Value: fmt.Sprintf("on %q", acq.name), Want: "one that this Locker has acquired"}
	}
	for {
		now := c.now()
		acq.mu.Lock()
		held := h.err == nil && acq.leftLocked(now) > 0
		acq.guarded = acq.guarded || held // before a release can hand it on
		g := acq.grant
		acq.mu.Unlock()
		if held {
			return g, nil
		}
		if err := h.check(); err != nil { // nil: a renewal was confirmed just now
			return Grant{}, err
		}
	}
}
