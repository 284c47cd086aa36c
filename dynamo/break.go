package dynamo

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/locker"
)

// brokenSequence is that of an acquisition that was broken: below that of every
// write of a holder, so that nobody takes the record for his own.
const brokenSequence = 0

// Break makes one try to end the acquisition that info shows.
//
// Input: info, of which name and acquisition ID matter. Request: one UpdateItem
// that gives the item a revision of nobody's and, without FreeNow, leaves all else
// as it is: the broken holder believes no longer than the item's end and TTL say,
// which its last renewal has written. An item that is bound to a session takes two
// more: its holder goes by the session, so that is broken first, and with it all that
// depend on it. Outcomes: nil, also when there is nothing to break any more;
// *locker.HeldError when the item is another acquisition's; an error that wraps
// locker.ErrUnavailable when the outcome is not known. Next: breakInput, expr.go.
func (s *store) Break(ctx context.Context, info locker.Info, opts ...locker.BreakOption) error {
	if err := s.checkTable(ctx); err != nil {
		return err
	}
	freeNow := locker.ResolveBreak(opts...).FreeNow
	it, err := s.breakItem(ctx, info, freeNow, "")
	if err != nil || it == nil {
		return err
	}
	id, _, _ := strings.Cut(it.GUID, "/")
	if it.Session == "" || id != info.AcquisitionID && (!freeNow || it.GUID != brokenRevision(info.AcquisitionID, false)) {
		return s.notBroken(info, *it)
	}
	session := locker.Info{Name: it.Session, AcquisitionID: sessionID(it.Session)}
	if other, err := s.breakItem(ctx, session, false, ""); err != nil {
		return err
	} else if other != nil {
		if err := s.notBroken(session, *other); err != nil {
			return err
		}
	}
	again, err := s.breakItem(ctx, info, freeNow, it.Session)
	if err != nil || again == nil {
		return err
	}
	if id, _, _ := strings.Cut(again.GUID, "/"); id == info.AcquisitionID && again.Session != it.Session {
		return fmt.Errorf("dynamo: break %q in table %q: %w: it was renewed meanwhile", info.Name, s.table, locker.ErrUnavailable)
	}
	return s.notBroken(info, *again)
}

// breakItem sends the break of an item that is bound to the session, or to none. It
// returns the item as it is if that does not meet the condition.
func (s *store) breakItem(ctx context.Context, info locker.Info, freeNow bool, session string) (*item, error) {
	attrs, err := s.update(ctx, controlTTL, s.breakInput(info, freeNow, session))
	switch classify(err) {
	case unknown, final:
		return nil, s.failure("break", info.Name, err)
	}
	it, bad := decode(info.Name, attrs)
	switch {
	case err == nil && (bad != nil || it.GUID != brokenRevision(info.AcquisitionID, freeNow)):
		return nil, s.garbled("break", info.Name, bad)
	case err == nil:
		return nil, nil
	}
	return &it, bad
}

// notBroken judges the item that a break was refused for.
func (s *store) notBroken(info locker.Info, it item) error {
	times, known := s.now()
	state, _, _ := it.state(times, known, s.o.ClockMargin)
	id, _, _ := strings.Cut(it.GUID, "/")
	switch {
	case state == locker.StateFree:
		return nil
	case id == info.AcquisitionID && (it.GUID == revision(id, deadSequence) || it.GUID == revision(id, brokenSequence)):
		return nil // released and kept taken for a while, or broken before
	case it.GUID == brokenRevision(info.AcquisitionID, false):
		return nil
	case id == info.AcquisitionID:
		return &ItemError{Name: info.Name, Reason: fmt.Sprintf("guid is %q, which is no revision", it.GUID)}
	}
	held := s.held(it, times, known)
	held.Cause = fmt.Errorf("the acquisition to be broken, %q, has ended before", info.AcquisitionID)
	return held
}

// breakInput is the write that ends the acquisition that info shows. It leaves the
// token alone, above which the next one has to be: so a copy of the broken
// acquire that comes late is refused.
func (s *store) breakInput(info locker.Info, freeNow bool, session string) *dynamodb.UpdateItemInput {
	id := info.AcquisitionID
	w := newWrite()
	w.assign("guid", str(brokenRevision(id, freeNow)))
	w.values[":id"], w.values[":zero"] = str(id), whole(0)
	dependence := whereAlone
	if session != "" {
		dependence = whereBound
		w.values[":session"] = str(session)
	}
	if !freeNow {
		w.values[":oldest"], w.values[":newest"] = str(revision(id, firstSequence)), str(revision(id, deadSequence-1))
		return w.where(s.table, info.Name, whereBreakable+dependence, "expiresOn", "session")
	}
	w.assign("expiresOn", whole(0))
	w.drop("session", "ttl", "owner", "acquired", "data", "wanted")
	w.values[":oldest"], w.values[":newest"] = str(revision(id, brokenSequence)), str(revision(id, deadSequence))
	w.values[":broken"] = str(brokenRevision(id, false))
	return w.where(s.table, info.Name, whereFreeable+dependence, "session")
}

// brokenRevision returns the guid that a break of the acquisition writes. One that
// frees the name writes that of a release.
func brokenRevision(id string, freeNow bool) string {
	if freeNow {
		return revision(locker.BrokenID(id), deadSequence)
	}
	return revision(locker.BrokenID(id), brokenSequence)
}

// isBroken reports whether the item's acquisition was broken.
func (it *item) isBroken() bool { return strings.HasSuffix(it.GUID, revision("", brokenSequence)) }
