package dynamo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/holdfast/locker"
)

// item is a lock as the table has it. The first three attributes are those of the
// Node package dynamo-lock, with its meaning.
type item struct {
	Name      string
	GUID      string // the revision: changed by every write
	ExpiresOn *int64 // ms of the server's time; 0: free
	Token     int64
	TTL       int64 // ms
	Owner     string
	Acquired  int64 // ms
	Data      []byte
	Session   string // the name of the session that the lease lasts as long as
	Wanted    bool   // another process waits

	heart *item // the session's own item, if there is a session and it was read
}

// farFuture is the stamp of a lease whose end can't be told by DynamoDB's time:
// the last millisecond of the year 9999. Rule A alone takes it over.
const farFuture = 253_402_300_799_999

// purgeAfter is how long an item that nobody uses is kept: then DynamoDB deletes
// it, some time after the moment in the attribute purgeAt, in seconds.
const purgeAfter = 7 * 24 * time.Hour

// ItemError says that an item of the table is not one that this package, or the
// Node package dynamo-lock, has written. Nothing was changed. The lock can't be
// used until the item is repaired or deleted.
type ItemError struct {
	Name   string // of the lock
	Reason string // what is wrong
	Cause  error  // of decoding, or nil
}

// Error names the lock and what is wrong.
func (e *ItemError) Error() string {
	return fmt.Sprintf("dynamo: item of lock %q is damaged: %s", e.Name, e.Reason)
}

// Unwrap returns the cause.
func (e *ItemError) Unwrap() error { return e.Cause }

// expires returns when the lease ends by the server's time; known is false when
// the item doesn't tell.
func (it *item) expires() (at time.Time, known bool) {
	return time.UnixMilli(*it.ExpiresOn), *it.ExpiresOn < farFuture
}

// state judges the item. Pure: rule B is here and nowhere else.
//
// It is free without a guid or with expiresOn 0, dead when the stamped end and
// the margin have passed even by the lower bound of the server's time, and else
// held: in doubt, if the end may have passed by the upper bound. One that is bound
// to a session is as the session is; if that is free or gone, it is dead.
func (it *item) state(times span, known bool, margin time.Duration) (s locker.State, remaining, doubt time.Duration) {
	if it.ExpiresOn == nil || *it.ExpiresOn == 0 {
		return locker.StateFree, 0, 0
	}
	if it.Session != "" {
		return it.boundState(times, known, margin)
	}
	ttl := it.ttl()
	end, stamped := it.expires()
	switch {
	case !known || !stamped || margin < 0:
		return locker.StateHeld, ttl, 0
	case end.Add(margin).Before(times.lo):
		return locker.StateDead, 0, 0
	case end.Before(times.hi):
		wait := end.Add(margin).Sub(times.lo)
		return locker.StateHeld, max(0, end.Sub(times.lo)), wait + wait/500 + time.Millisecond
	case ttl > 0:
		return locker.StateHeld, min(ttl, end.Sub(times.lo)), 0
	}
	return locker.StateHeld, end.Sub(times.lo), 0
}

// ttl returns the length of the lease, 0 when the item doesn't tell a credible
// one. Items of the Node package never do: rule A knows nothing about them.
func (it *item) ttl() time.Duration {
	if it.Session != "" {
		it = it.heart
	}
	if it == nil || it.TTL <= 0 || it.TTL > int64(locker.MaxTTL/time.Millisecond) {
		return 0
	}
	return time.Duration(it.TTL) * time.Millisecond
}

// info describes the item for people and for the client's rule A.
func (it *item) info(times span, known bool, margin time.Duration) locker.Info {
	id, _, _ := strings.Cut(it.GUID, "/")
	info := locker.Info{
		Name: it.Name, AcquisitionID: id, Owner: it.Owner, Token: locker.Token(it.Token),
		TTL: it.ttl(), Revision: it.revision(), Data: it.Data,
	}
	if it.Acquired > 0 {
		info.Acquired = time.UnixMilli(it.Acquired)
	}
	info.State, info.Remaining, info.Doubt = it.state(times, known, margin)
	if info.State == locker.StateDead && wasReleased(it.GUID) { // its minimum hold is over
		return locker.Info{Name: it.Name, AcquisitionID: id, Token: info.Token, Revision: info.Revision, State: locker.StateFree}
	}
	return info
}

// A revision is "<acquisition id>/<sequence>". The sequence has 10 digits, so that
// comparing revisions of one acquisition as strings compares their age.
const (
	firstSequence = 1
	deadSequence  = 9_999_999_999 // released: above every renewal
)

// revision returns the guid of an acquisition's write.
func revision(id string, sequence int64) string {
	const zeros = "0000000000"
	digits := strconv.FormatInt(sequence, 10)
	return id + "/" + zeros[min(len(digits), len(zeros)):] + digits
}

// wasReleased reports whether a revision is that of a release: nobody believes in it,
// also while a minimum hold keeps the name taken.
func wasReleased(guid string) bool { return strings.HasSuffix(guid, revision("", deadSequence)) }

// tookOver reports whether a write that was pinned to the revision from, or if that is
// empty to a free name, has taken the name from a lease that was not released.
func tookOver(from string) bool { return from != "" && !wasReleased(from) }

// sequence returns the sequence of a revision of the acquisition; ok is false for
// another's, and for a dead one.
func sequence(guid, id string) (n int64, ok bool) {
	digits, ok := strings.CutPrefix(guid, id+"/")
	if !ok || len(digits) != 10 {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && digits[0] != '+' && n >= firstSequence && n < deadSequence
}
