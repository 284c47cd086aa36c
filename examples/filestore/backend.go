//go:build unix && !aix && !solaris

package filestore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"example.com/holdfast/locker"
)

// backend makes one try a call. It knows nothing of queues, renewals in the
// background or deadlines: those are the client's business.
type backend struct {
	dir   string
	clock func() instant
}

var (
	_ locker.Backend   = (*backend)(nil)
	_ locker.Inspector = (*backend)(nil)
	_ locker.Poller    = (*backend)(nil)
	_ locker.Lister    = (*backend)(nil)
)

// Acquire takes a name that is free, whose lease has ended by the machine's clock,
// or whose revision is a.Stale.
func (b *backend) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	var g locker.Grant
	err := b.change(ctx, "acquire", a.Name, func(r *record, now instant) (*record, error) {
		switch {
		case r != nil && r.ID == a.ID && !r.Released:
			g = r.grant() // an earlier send of this attempt took effect
			return nil, nil
		case r != nil && r.ID == a.ID: // a copy that comes after the release takes nothing
			return nil, r.held(now)
		case r.state(now) == locker.StateHeld && a.Stale != r.revision():
			return nil, r.held(now)
		}
		next := grantTo(a, r, now)
		g = next.grant()
		g.TookOver = r != nil && !r.Released
		return next, nil
	})
	if err != nil {
		return locker.Grant{}, err
	}
	return g, nil
}

// Renew extends the acquisition that the record names. The sequence in the
// grant's revision tells this renewal from those before and after it: one that
// comes late finds a higher one in the record.
func (b *backend) Renew(ctx context.Context, g locker.Grant, renewal locker.Renewal) (locker.Grant, error) {
	seq := sequence(g) + 1
	next := g
	next.Revision = revision(g.ID, seq) // the one to use next, whatever comes of this send
	err := b.change(ctx, "renew", g.Name, func(r *record, now instant) (*record, error) {
		switch {
		case r == nil || r.ID != g.ID || r.Released:
			return nil, r.lost(g, now)
		case r.Seq >= seq:
			return nil, fmt.Errorf("filestore: renewal %d of %q comes after renewal %d", seq, g.Name, r.Seq)
		}
		r.Seq = seq
		r.TTL = renewal.TTL
		r.Ends = now.add(r.TTL)
		if renewal.Data != nil {
			r.Data = bytes.Clone(renewal.Data)
		}
		next = r.grant()
		return r, nil
	})
	return next, err
}

// Release ends the acquisition, whatever its revision: a release of which nobody
// knows whether the attempt took effect has only the ID to go by. The record stays,
// for the sake of its token.
func (b *backend) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	return b.change(ctx, "release", g.Name, func(r *record, now instant) (*record, error) {
		switch {
		case r == nil || r.ID != g.ID:
			return nil, r.lost(g, now)
		case r.Released:
			return nil, nil
		}
		r.Seq++ // a new revision: what comes now is not the lease that others have seen
		r.Released = true
		r.TTL = max(hold, 0)
		r.Ends = now.add(r.TTL)
		return r, nil
	})
}
