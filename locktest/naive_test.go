package locktest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// flaws are ways in which a naive store may break the contract. The zero value
// is honest.
type flaws struct {
	namesCut     bool // names are cut to 255 bytes
	namesFolded  bool // names are compared without case
	asksTwice    bool // looks and writes are two steps
	notSameID    bool // Acquire does not know its own ID again
	newTokenEach bool // each send of an ID has a token of its own

	anonymous       bool // a HeldError does not say who the holder is
	forgetsData     bool
	forgetsNothing  bool // owner and data of the last holder are kept unless replaced
	freeIsError     bool // Inspect of a free name fails
	remainsForGood  bool // Inspect always shows the whole TTL remaining
	frozenRevision  bool // a renewal does not change the revision
	revisionOfLook  bool // each look shows another revision
	oneToken        bool // for all
	tokenPerRenewal bool
	tokensRestart   bool // a release deletes the record
	takeOverNoToken bool // a take-over keeps the token

	groupsPartly bool // a group that is refused leaves those names taken that came before

	endsEarly   bool
	neverEnds   bool // nor is it ever taken over
	refusesFree bool // a Stale that is not there is refused
	unpinned    bool // any Stale takes over
	noStale     bool // Stale takes nothing over

	keepsReleased    bool // Release does nothing
	releasesAnyone   bool
	needsRevision    bool // Release refuses a grant without one
	secondIsLost     bool // Release of what was released is a loss
	unlandedFails    bool // Release of what never was fails
	ignoresHold      bool
	holdsTTL         bool // a hold is as long as the lease
	holdsWithoutHold bool // the name stays taken for a while without a hold, too

	renewsAnyone   bool // a full put, unconditional
	renewsNothing  bool // answers, and does nothing
	renewsReleased bool
	renewsAnyOrder bool
	renewsOldTTL   bool // for the TTL of the acquisition
	renewsAll      bool // a full put, of what a renewal knows
	creates        bool // a renewal makes the record that is not there
	dropsData      bool // nil data is no data
	keepsData      bool // data that is empty is not replaced
	badGrant       bool // the Grant beside an error can't be used

	listsAll       bool // whatever the prefix
	listsOwn       bool // those of one process alone
	listsOn        bool // after it was told to stop
	breaksNothing  bool // answers, and does nothing
	breaksAnyone   bool // whoever holds the name now
	breaksOnlySeen bool // the revision that was seen
	breaksAtOnce   bool // frees the name
	breaksForGood  bool // the name is never free again
	breaksOnce     bool // to break again is an error
	breaksFree     bool // a free name is an error
	breaksToken    bool // forgets the token
	breaksLater    bool // does not know FreeNow
}

// naiveStore is a store in a map, by package time.
type naiveStore struct {
	flaws
	mu      sync.Mutex
	records map[string]*naiveRecord
	looks   int
}

type naiveRecord struct {
	id       string
	seq      int
	owner    string
	data     []byte
	token    locker.Token
	ttl      time.Duration
	lease    time.Duration // the acquisition's TTL
	acquired time.Time
	expires  time.Time
	released bool
}

func newNaiveStore(f flaws) *naiveStore {
	return &naiveStore{flaws: f, records: make(map[string]*naiveRecord)}
}

func (s *naiveStore) key(name string) string {
	if s.namesFolded {
		name = strings.ToLower(name)
	}
	if s.namesCut && len(name) > 255 {
		name = name[:255]
	}
	return name
}

func (s *naiveStore) revision(r *naiveRecord) string {
	switch {
	case s.frozenRevision:
		return r.id
	case r.released:
		return r.id + "/released"
	case s.revisionOfLook:
		s.looks++
		return fmt.Sprintf("%s/look %d", r.id, s.looks)
	}
	return fmt.Sprintf("%s/%010d", r.id, r.seq)
}

func sequenceOf(g locker.Grant) int {
	var seq int
	fmt.Sscanf(strings.TrimPrefix(g.Revision, g.ID+"/"), "%d", &seq)
	return seq
}

func (s *naiveStore) state(r *naiveRecord) locker.State {
	end := r.expires
	if s.endsEarly {
		end = end.Add(-r.ttl / 2)
	}
	switch {
	case r.released && !time.Now().Before(r.expires):
		return locker.StateFree
	case r.released || time.Now().Before(end) || s.neverEnds:
		return locker.StateHeld
	}
	return locker.StateDead
}

func (s *naiveStore) info(name string, r *naiveRecord) locker.Info {
	if r == nil || s.state(r) == locker.StateFree {
		return locker.Info{Name: name, State: locker.StateFree}
	}
	info := locker.Info{
		Name: name, AcquisitionID: r.id, Owner: r.owner, Token: r.token, TTL: r.ttl, Acquired: r.acquired,
		State: s.state(r), Revision: s.revision(r), Data: bytes.Clone(r.data), Remaining: max(0, time.Until(r.expires)),
	}
	if s.remainsForGood {
		info.Remaining = r.ttl
	}
	return info
}

func (s *naiveStore) grant(name string, r *naiveRecord) locker.Grant {
	return locker.Grant{Name: name, ID: r.id, Token: r.token, TTL: r.ttl, Revision: fmt.Sprintf("%s/%010d", r.id, r.seq)}
}

func (s *naiveStore) check(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("naive: %w: %w", locker.ErrUnavailable, ctx.Err())
	}
	return nil
}

// takeable reports whether an attempt gets the name of r.
func (s *naiveStore) takeable(a locker.Attempt, r *naiveRecord) bool {
	switch {
	case r == nil:
		return !s.refusesFree || a.Stale == ""
	case s.state(r) == locker.StateFree:
		return !s.refusesFree || a.Stale == ""
	case s.noStale, s.neverEnds:
		return s.state(r) == locker.StateDead
	case s.unpinned && a.Stale != "":
		return true
	}
	return s.state(r) == locker.StateDead || a.Stale == s.revision(r)
}

func (s *naiveStore) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	if err := s.check(ctx); err != nil {
		return locker.Grant{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acquireLocked(a)
}

func (s *naiveStore) acquireLocked(a locker.Attempt) (locker.Grant, error) {
	r := s.records[s.key(a.Name)]
	if r != nil && r.id == a.ID && !r.released && !s.notSameID {
		if s.newTokenEach {
			r.token++
		}
		return s.grant(a.Name, r), nil
	}
	if !s.takeable(a, r) {
		err := &locker.HeldError{Name: a.Name, Holder: s.info(a.Name, r)}
		if r == nil || s.state(r) == locker.StateFree {
			err.Holder.State = locker.StateHeld
		}
		if s.anonymous {
			err.Holder = locker.Info{Name: a.Name, State: locker.StateHeld, Revision: err.Holder.Revision, TTL: err.Holder.TTL}
		}
		return locker.Grant{}, err
	}
	if s.asksTwice {
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
		s.mu.Lock()
	}
	next := &naiveRecord{
		id: a.ID, seq: 1, owner: a.Owner, data: bytes.Clone(a.Data), token: 1, ttl: a.TTL, lease: a.TTL,
		acquired: time.Now(), expires: time.Now().Add(a.TTL),
	}
	if s.forgetsData {
		next.data = nil
	}
	if r != nil {
		next.token = r.token + 1
		if s.oneToken || s.takeOverNoToken && !r.released {
			next.token = r.token
		}
		if s.forgetsNothing && len(a.Data) == 0 {
			next.data = r.data
		}
	}
	s.records[s.key(a.Name)] = next
	return s.grant(a.Name, next), nil
}

func (s *naiveStore) Renew(ctx context.Context, g locker.Grant, renewal locker.Renewal) (locker.Grant, error) {
	next := g
	next.Revision = fmt.Sprintf("%s/%010d", g.ID, sequenceOf(g)+1)
	if err := s.check(ctx); err != nil {
		if s.badGrant {
			next.Revision = fmt.Sprintf("%s/%010d", g.ID, -1)
		}
		return next, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[s.key(g.Name)]
	lost := &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossTaken}
	put := &naiveRecord{id: g.ID, token: g.Token, lease: g.TTL, acquired: time.Now()}
	switch {
	case s.renewsNothing:
		next.TTL = renewal.TTL
		return next, nil
	case r == nil:
		if !s.creates {
			lost.Reason = locker.LossGone
			return next, lost
		}
		r = put
		s.records[s.key(g.Name)] = r
	case r.id != g.ID:
		if !s.renewsAnyone {
			return next, lost
		}
		r = put
		s.records[s.key(g.Name)] = r
	case r.released && !s.renewsReleased:
		return next, lost
	case r.seq > sequenceOf(g) && !s.renewsAnyOrder:
		next.Revision = fmt.Sprintf("%s/%010d", g.ID, r.seq)
		return next, fmt.Errorf("naive: renewal %d comes after %d", sequenceOf(g), r.seq)
	}
	if s.badGrant && sequenceOf(g) < r.seq {
		return next, lost
	}
	if s.tokenPerRenewal {
		r.token--
	}
	r.released = false
	r.seq = max(r.seq, sequenceOf(g)) + 1
	r.ttl = renewal.TTL
	if s.renewsOldTTL {
		r.ttl = r.lease
	}
	r.expires = time.Now().Add(r.ttl)
	if s.renewsAll {
		r.owner, r.acquired = "", time.Now()
	}
	if (renewal.Data != nil || s.dropsData || s.renewsAll) && (len(renewal.Data) > 0 || !s.keepsData) {
		r.data = bytes.Clone(renewal.Data)
	}
	next = s.grant(g.Name, r)
	next.TTL = renewal.TTL
	return next, nil
}

func (s *naiveStore) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.key(g.Name)
	r := s.records[key]
	lost := &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossTaken}
	switch {
	case s.keepsReleased:
		return nil
	case s.releasesAnyone && r != nil:
		delete(s.records, key)
		return nil
	case (r == nil || r.id != g.ID) && s.unlandedFails:
		return fmt.Errorf("naive: no such acquisition")
	case r == nil || r.id != g.ID:
		return lost
	case s.needsRevision && g.Revision == "":
		return lost
	case r.released && s.secondIsLost:
		return lost
	case r.released:
		return nil
	}
	if s.ignoresHold {
		hold = 0
	}
	if s.holdsTTL && hold > 0 || s.holdsWithoutHold {
		hold = r.ttl
	}
	r.released, r.expires = true, time.Now().Add(hold)
	if hold > 0 {
		r.ttl = hold
	}
	if s.tokensRestart && hold == 0 {
		delete(s.records, key)
	}
	return nil
}

func (s *naiveStore) Inspect(ctx context.Context, name string) (locker.Info, error) {
	if err := s.check(ctx); err != nil {
		return locker.Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	info := s.info(name, s.records[s.key(name)])
	if info.State == locker.StateFree && s.freeIsError {
		return info, fmt.Errorf("naive: no such lock")
	}
	return info, nil
}

func (s *naiveStore) Poll(ctx context.Context, name string) (locker.Info, error) {
	return s.Inspect(ctx, name)
}
