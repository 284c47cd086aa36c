package dynamo

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// Every condition of this package is here. They are what excludes; all other code
// only decides which of them to send. Names are written as #name because several
// are reserved words.
const (
	// whereFree: nobody has the name. A record that was never there, or was
	// deleted or purged, has neither attribute; one of them alone is damage, and
	// is left for a person to look at.
	whereFree = "((attribute_not_exists(#guid) AND attribute_not_exists(#expiresOn)) OR #expiresOn = :zero)"

	// whereSeen: nothing was written since the contender looked. Closes the race
	// with a renewal, and with another contender, between the look and this write.
	whereSeen = "#guid = :seen"

	// whereTokenRises: every grant's token is above the one before. Closes the
	// race with a late first send of this acquisition after it was granted to a
	// later send and released, and that with a contender whose clock lags.
	whereTokenRises = " AND (attribute_not_exists(#token) OR #token < :first)"

	// whereAbsent: there is no record. Closes the race between a contender who kills
	// a session that he could not find, and the session's first write.
	whereAbsent = "attribute_not_exists(#guid)"

	// whereMineAndOlder: the record is this acquisition's, and not from this write
	// or a later one. Closes the races of a renewal with a take-over, with its own
	// late duplicate, and with the release (whose sequence is above all); on a
	// deleted record it fails, so that a renewal never creates one. The bounds are
	// strings of one length behind the same id, so they compare by sequence.
	whereMineAndOlder = "#guid BETWEEN :oldest AND :newest"

	// whereBreakable: the record is that of the acquisition seen, whatever its
	// revision. Closes the race of a break with a release and the next acquire: who
	// came after the acquisition seen keeps the lock. A guid without a sequence is
	// the Node package's, which makes a new one for each write. What is free stays
	// as it is.
	whereBreakable = "(#guid = :id OR #guid BETWEEN :oldest AND :newest)" + whereTaken

	// whereFreeable: as whereBreakable; or it was broken before, or, by the bounds,
	// released and is kept taken.
	whereFreeable = "(#guid = :id OR #guid = :broken OR #guid BETWEEN :oldest AND :newest)" + whereTaken
	whereTaken    = " AND #expiresOn > :zero"

	// whereAlone: the lease has an end of its own. Closes the race of a break with a
	// renewal that binds it: its holder would go by the session, and not notice.
	whereAlone = " AND attribute_not_exists(#session)"

	// whereBound: the session, which was broken before, is still the one that the
	// lease depends on.
	whereBound = " AND #session = :session"

	// whereGuarded: the record is that of a live acquisition, whatever its revision.
	// Closes the race of the user's own write, in the transaction of which this is a
	// condition, with the end of the lease: a holder that was paused before the write
	// is refused once another holds the name. The bounds are those of the revisions
	// that a holder writes: the dead one and a broken one are outside of them. That
	// a session was killed does not show here, nor need it: its leases are free to take
	// then, but who takes one writes this record first.
	whereGuarded = "#guid BETWEEN :oldest AND :newest"

	// whereFenced: nobody with a higher token has written the user's item. Closes
	// the race of a late write with one of a later holder, if every write has it and
	// setFence, which keeps the token for the next.
	whereFenced = "(attribute_not_exists(#fence) OR #fence <= :fence)"
	setFence    = "#fence = :fence"
)

// write is one conditional UpdateItem under construction.
type write struct {
	set, remove strings.Builder
	names       map[string]string
	values      map[string]types.AttributeValue
}

func newWrite() *write {
	const most = 12 // attributes; as many values
	return &write{names: make(map[string]string, most), values: make(map[string]types.AttributeValue, most)}
}

// assign sets an attribute to a value of the same name.
func (w *write) assign(name string, value types.AttributeValue) {
	ref, val := "#"+name, ":"+name
	clause(&w.set, "SET ", ref, " = ", val)
	w.names[ref], w.values[val] = name, value
}

// drop removes attributes.
func (w *write) drop(names ...string) {
	for _, name := range names {
		ref := "#" + name
		clause(&w.remove, " REMOVE ", ref)
		w.names[ref] = name
	}
}

// clause adds an item to a list that begins with a keyword.
func clause(list *strings.Builder, keyword string, item ...string) {
	if list.Len() == 0 {
		list.Grow(192)
		list.WriteString(keyword)
	} else {
		list.WriteString(", ")
	}
	for _, s := range item {
		list.WriteString(s)
	}
}

// where completes the request with a condition on the attributes named. On
// failure it returns the item as it is: that costs nothing, and tells whether an
// earlier send of the same write took effect.
func (w *write) where(table, name, condition string, attrs ...string) *dynamodb.UpdateItemInput {
	for _, attr := range attrs {
		w.names["#"+attr] = attr
	}
	return &dynamodb.UpdateItemInput{
		TableName:                           aws.String(table),
		Key:                                 key(name),
		UpdateExpression:                    aws.String(w.set.String() + w.remove.String()),
		ConditionExpression:                 aws.String(condition),
		ExpressionAttributeNames:            w.names,
		ExpressionAttributeValues:           w.values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// key is the primary key of a lock's item.
func key(name string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"name": str(name)}
}

// acquireInput is the write that makes the attempt the holder: of a free name if
// seen is empty, else by taking over the revision seen.
func (s *store) acquireInput(a locker.Attempt, b block, seen string, st stamps) *dynamodb.UpdateItemInput {
	w := newWrite()
	w.assign("guid", str(revision(a.ID, firstSequence)))
	w.assign("expiresOn", whole(st.expires(a.TTL)))
	w.assign("token", whole(int64(b.last())))
	w.values[":first"] = whole(int64(b.first))
	w.assign("ttl", whole(roundUp(a.TTL)))
	w.assign("owner", str(a.Owner))
	w.assign("acquired", whole(st.now().UnixMilli()))
	w.purge(st)
	w.drop("session", "wanted")
	if a.Data != nil {
		w.assign("data", &types.AttributeValueMemberB{Value: a.Data})
	} else {
		w.drop("data")
	}
	if seen != "" {
		w.values[":seen"] = str(seen)
		return w.where(s.table, a.Name, whereSeen+whereTokenRises, "guid", "token")
	}
	w.values[":zero"] = whole(0)
	return w.where(s.table, a.Name, whereFree+whereTokenRises, "guid", "expiresOn", "token")
}

// renewInput is the write that extends a grant, as its sequence-th.
func (s *store) renewInput(g locker.Grant, n int64, r locker.Renewal, st stamps) *dynamodb.UpdateItemInput {
	w := newWrite()
	w.assign("guid", str(revision(g.ID, n)))
	w.assign("expiresOn", whole(st.expires(r.TTL)))
	w.assign("ttl", whole(roundUp(r.TTL)))
	w.purge(st)
	w.drop("session")
	if r.Data != nil {
		w.assign("data", &types.AttributeValueMemberB{Value: r.Data})
	}
	return w.whereMine(s.table, g, n)
}

// bindInput is the write that makes a grant last as long as a session, as the
// grant's sequence-th. Such an item is never purged: it does not show how old it is.
func (s *store) bindInput(g locker.Grant, n int64, session string) *dynamodb.UpdateItemInput {
	w := newWrite()
	w.assign("guid", str(revision(g.ID, n)))
	w.assign("expiresOn", whole(farFuture))
	w.assign("session", str(session))
	w.drop("purgeAt")
	return w.whereMine(s.table, g, n)
}

// killInput is the write that ends a session for its holder, who has it in the
// revision seen or, if that is empty, has no record. The record that it makes then
// has a token above all, which keeps a late copy of the session's first write out, as
// the session's own token does else.
func (s *store) killInput(session, seen string, st stamps) *dynamodb.UpdateItemInput {
	w := newWrite()
	w.assign("guid", str(revision(sessionID(session), deadSequence)))
	w.assign("expiresOn", whole(0))
	w.purge(st)
	w.drop("ttl", "owner", "acquired")
	if seen == "" {
		w.assign("token", whole(int64(maxToken-1)))
		return w.where(s.table, session, whereAbsent, "guid")
	}
	w.values[":seen"] = str(seen)
	return w.where(s.table, session, whereSeen, "guid")
}

// markInput is the write that tells the holder, whatever the sequence of his last
// write, that another waits. It leaves the revision as it is.
func (s *store) markInput(name, id string) *dynamodb.UpdateItemInput {
	w := newWrite()
	w.assign("wanted", &types.AttributeValueMemberBOOL{Value: true})
	return w.whereMine(s.table, locker.Grant{Name: name, ID: id}, deadSequence)
}

// releaseInput is the write that ends a grant: now, or after the hold. The owner
// of a name that stays taken for a while remains readable. So does the mark that
// another waits, which tells this process to let it: the next acquire removes it.
func (s *store) releaseInput(g locker.Grant, hold time.Duration, st stamps) *dynamodb.UpdateItemInput {
	w := newWrite()
	w.assign("guid", str(revision(g.ID, deadSequence)))
	w.purge(st)
	w.drop("session", "data")
	if ms := roundUp(hold); ms > 0 {
		w.assign("expiresOn", whole(st.expires(time.Duration(ms)*time.Millisecond)))
		w.assign("ttl", whole(ms))
	} else {
		w.assign("expiresOn", whole(0))
		w.drop("ttl", "owner", "acquired")
	}
	return w.whereMine(s.table, g, deadSequence)
}

// guardCheck is the condition that makes a transaction of the user's depend on a
// grant. It names what the grant will be after any renewal too. When it fails the
// transaction's error has the item as it is.
func (s *store) guardCheck(g locker.Grant) *types.ConditionCheck {
	return &types.ConditionCheck{
		TableName:                aws.String(s.table),
		Key:                      key(g.Name),
		ConditionExpression:      aws.String(whereGuarded),
		ExpressionAttributeNames: map[string]string{"#guid": "guid"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":oldest": str(revision(g.ID, firstSequence)),
			":newest": str(revision(g.ID, deadSequence-1)),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// whereMine completes a write of the acquisition that must come after all writes
// with a sequence below n, and before all others.
func (w *write) whereMine(table string, g locker.Grant, n int64) *dynamodb.UpdateItemInput {
	w.values[":oldest"], w.values[":newest"] = str(revision(g.ID, 0)), str(revision(g.ID, n-1))
	return w.where(table, g.Name, whereMineAndOlder, "guid")
}

// stamps are the times that a write carries.
type stamps struct {
	hi    time.Time // upper bound of the server's time before the send; zero if not known
	wall  time.Time // this machine's, for want of the server's
	ruleB bool      // hi is known and rule B is on
}

// now returns about what time it is, for people to read.
func (st stamps) now() time.Time {
	if st.hi.IsZero() {
		return st.wall
	}
	return st.hi
}

// purge sets when DynamoDB may delete the item if nobody uses it any more. That
// must not depend on this machine's wall clock: without the server's time the
// item is kept.
func (w *write) purge(st stamps) {
	if st.hi.IsZero() {
		w.drop("purgeAt")
		return
	}
	w.assign("purgeAt", whole(st.hi.Add(purgeAfter).Unix()))
}

// expires returns the stamp of a lease that lasts ttl from the send, in ms.
func (st stamps) expires(ttl time.Duration) int64 {
	if !st.ruleB {
		return farFuture
	}
	return st.hi.UnixMilli() + 1 + roundUp(ttl)
}

// roundUp returns d in milliseconds, rounded up.
func roundUp(d time.Duration) int64 {
	return int64((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
}
