package memory

import (
	"context"
	"fmt"
	"time"

	"example.com/holdfast/locker"
)

var _ locker.Breaker = (*backend)(nil)

// brokenSeq is the sequence of an acquisition that was broken: below that of every
// renewal.
const brokenSeq = 0

// Break ends the acquisition that info shows, and keeps the name taken until its
// lease would have ended, unless it is to be free at once. The ID is never granted
// again.
func (b *backend) Break(ctx context.Context, info locker.Info, opts ...locker.BreakOption) error {
	freeNow := locker.ResolveBreak(opts...).FreeNow
	return b.store.call(ctx, OpBreak, func(now time.Time) error {
		s := b.store
		r := s.records[info.Name]
		broken := locker.BrokenID(info.AcquisitionID)
		switch {
		case r.state(now) == locker.StateFree:
			return nil
		case r.id != info.AcquisitionID && r.id != broken:
			return &locker.HeldError{
				Name: info.Name, Holder: r.info(info.Name, now),
				Cause: fmt.Errorf("the acquisition to be broken, %q, has ended before", info.AcquisitionID),
			}
		case !freeNow && (r.id == broken || r.released() || r.seq == brokenSeq):
			return nil
		}
		s.dead.add(info.Name, r.id)
		r.id, r.seq = broken, brokenSeq
		if freeNow {
			r.seq, r.ttl, r.expires = deadSeq, 0, now
		}
		s.wakeLocked(info.Name)
		return nil
	})
}
