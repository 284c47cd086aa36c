package dynamo

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// item is a lock as the table has it. The first three attributes are those of the
// Node package dynamo-lock, with its meaning.
type item struct {
	Name      string `dynamodbav:"name"`
	GUID      string `dynamodbav:"guid"`      // the revision: changed by every write
	ExpiresOn *int64 `dynamodbav:"expiresOn"` // ms of the server's time; 0: free
	Token     int64  `dynamodbav:"token"`
	TTL       int64  `dynamodbav:"ttl"` // ms
	Owner     string `dynamodbav:"owner"`
	Acquired  int64  `dynamodbav:"acquired"` // ms
	Data      []byte `dynamodbav:"data"`
	Session   string `dynamodbav:"session"` // the name of the session that the lease lasts as long as
	Wanted    bool   `dynamodbav:"wanted"`  // another process waits

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

// itemTypes are the types that attributes must have. The decoder is more lenient
// than the conditions are: to those a number is no string, and null is not absent.
var itemTypes = map[string]reflect.Type{
	"guid":      reflect.TypeFor[*types.AttributeValueMemberS](),
	"expiresOn": reflect.TypeFor[*types.AttributeValueMemberN](),
	"token":     reflect.TypeFor[*types.AttributeValueMemberN](),
	"ttl":       reflect.TypeFor[*types.AttributeValueMemberN](),
	"owner":     reflect.TypeFor[*types.AttributeValueMemberS](),
	"acquired":  reflect.TypeFor[*types.AttributeValueMemberN](),
	"data":      reflect.TypeFor[*types.AttributeValueMemberB](),
	"session":   reflect.TypeFor[*types.AttributeValueMemberS](),
	"wanted":    reflect.TypeFor[*types.AttributeValueMemberBOOL](),
}

// decode reads an item that DynamoDB has returned; none at all is a free lock.
func decode(name string, attrs map[string]types.AttributeValue) (item, error) {
	var it item
	if len(attrs) == 0 {
		return item{Name: name}, nil
	}
	bad := func(format string, args ...any) (item, error) {
		return item{}, &ItemError{Name: name, Reason: fmt.Sprintf(format, args...)}
	}
	for attr, want := range itemTypes {
		if got, ok := attrs[attr]; ok && reflect.TypeOf(got) != want {
			return bad("%s is a %T, want a %v", attr, got, want)
		}
	}
	if err := attributevalue.UnmarshalMap(attrs, &it); err != nil {
		return item{}, &ItemError{Name: name, Reason: err.Error(), Cause: err}
	}
	it.Name = name
	_, hasGUID := attrs["guid"]
	_, hasSession := attrs["session"]
	switch {
	case hasGUID && it.GUID == "":
		return bad("guid is empty")
	case it.GUID == "" && it.ExpiresOn != nil:
		return bad("it has expiresOn but no guid")
	case it.GUID != "" && it.ExpiresOn == nil:
		return bad("it has guid but no expiresOn")
	case it.ExpiresOn != nil && *it.ExpiresOn < 0:
		return bad("expiresOn is %d, want at least 0", *it.ExpiresOn)
	case hasSession && !isSession(it.Session):
		return bad("session is %q, which is no session's name", it.Session)
	case it.Token < 0 || locker.Token(it.Token) >= maxToken:
		return bad("token is %d, want from 0 to below 2^53-1", it.Token)
	}
	return it, nil
}

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
	return info
}

// A revision is "<acquisition id>/<sequence>". The sequence has 10 digits, so that
// comparing revisions of one acquisition as strings compares their age.
const (
	firstSequence = 1
	deadSequence  = 9_999_999_999 // released: above every renewal
)

// revision returns the guid of an acquisition's write.
func revision(id string, sequence int64) string { return fmt.Sprintf("%s/%010d", id, sequence) }

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
