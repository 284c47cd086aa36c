package dynamo

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// record is a lock as a table of another [Layout] has it: cirello.io/dynamolock and
// the Java client have the same attributes and differ in how they write a duration.
//
// To both, a lock is held that has an item without isReleased, whatever that
// attribute's value; they may take it over once recordVersionNumber has not changed
// for leaseDuration since they read it first. Neither can read an item without
// ownerName, leaseDuration or recordVersionNumber, so a release keeps these.
type record struct {
	name     string
	rvn      string        // recordVersionNumber, which is the revision; empty: there is no item
	owner    string        // ownerName
	lease    time.Duration // leaseDuration
	released bool          // isReleased
	data     []byte
	wanted   bool // this package's own: another process of its waits
}

// recordAttributes are the attributes of a record but its key.
//
// There is none that DynamoDB's time to live could be on: dynamolock copies the
// attributes that it doesn't know to its own locks, which would then be deleted while
// they are held.
var recordAttributes = map[string]bool{
	"recordVersionNumber": true, "ownerName": true, "leaseDuration": true, "isReleased": true, "data": true, "wanted": true,
}

// isReleased is the value of that attribute. Both libraries write it, take any for a
// release when they read, and want this one when they take the lock.
const isReleased = "1"

// decodeRecord reads an item that DynamoDB has returned; none at all is a free lock.
func (l Layout) decodeRecord(name string, attrs map[string]types.AttributeValue) (record, error) {
	r := record{name: name}
	if len(attrs) == 0 {
		return r, nil
	}
	bad := func(format string, args ...any) (record, error) {
		return record{}, &ItemError{Name: name, Reason: fmt.Sprintf(format, args...)}
	}
	var lease, released string
	for attr, to := range map[string]*string{
		"recordVersionNumber": &r.rvn, "ownerName": &r.owner, "leaseDuration": &lease, "isReleased": &released,
	} {
		if got, there := attrs[attr]; there {
			if err := readText(got, to); err != nil {
				return bad("%s %v", attr, err)
			}
		} else if attr != "isReleased" {
			return bad("it has no %s", attr)
		}
	}
	_, r.released = attrs["isReleased"]
	var err error
	r.lease, err = l.parseLease(lease)
	switch {
	case r.rvn == "":
		return bad("recordVersionNumber is empty")
	case err != nil:
		return bad("leaseDuration is %q, which is none of %v: is this the right Layout?", lease, l)
	case r.released && released != isReleased:
		return bad("isReleased is %q, want %q or none", released, isReleased)
	}
	if got, there := attrs["data"]; there {
		if err := readBytes(got, &r.data); err != nil {
			return bad("data %v", err)
		}
	}
	wanted, _ := attrs["wanted"].(*types.AttributeValueMemberBOOL)
	r.wanted = wanted != nil && wanted.Value
	return r, nil
}

// isFree reports whether nobody has the lock.
func (r *record) isFree() bool { return r.rvn == "" || r.released }

// id returns the ID of the acquisition: of another library's, which makes a new
// number for each write, the number.
func (r *record) id() string {
	if id, ok := ownID(r.rvn); ok {
		return id
	}
	return r.rvn
}

// ownID returns the acquisition's ID in a recordVersionNumber that this package
// wrote; ok is false for another library's.
func ownID(rvn string) (id string, ok bool) {
	const idLength = 26
	if len(rvn) != idLength+len("/9999999999") || strings.Trim(rvn[:idLength], "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		return "", false
	}
	return rvn[:idLength], rvn[idLength] == '/' && strings.Trim(rvn[idLength+1:], "0123456789") == ""
}

// ttl returns for how long the record has to be seen unchanged before nobody
// believes in it, 0 if that can't be told.
//
// Holders of the other libraries count from before their write, as those of this one
// do, but to the very end, by a clock whose rate may differ. Hence the slack, which
// holders here take off for themselves.
func (r *record) ttl() time.Duration {
	ttl := r.lease
	if _, own := ownID(r.rvn); !own && ttl > 0 && ttl <= locker.MaxTTL {
		ttl += max(ttl/100, 20*time.Millisecond)
	}
	if ttl <= 0 || ttl > locker.MaxTTL {
		return 0
	}
	return ttl
}

// isBroken reports whether the record's acquisition was broken.
func (r *record) isBroken() bool { return strings.HasSuffix(r.rvn, revision("", brokenSequence)) }

// info describes the record for people and for the client's rule A.
func (r *record) info() locker.Info {
	info := locker.Info{Name: r.name, AcquisitionID: r.id(), State: locker.StateFree, Revision: r.rvn}
	if r.isFree() {
		return info // who had it last is nobody's owner; both other libraries leave that there
	}
	info.State, info.Owner, info.Data, info.TTL = locker.StateHeld, r.owner, r.data, r.ttl()
	info.Remaining = info.TTL
	return info
}
