package dynamo

import (
	"maps"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// Every condition on a table of another [Layout] is here, as those on this package's
// own are in expr.go. #name stands for the attribute of that name, #key for the
// table's partition key.
const (
	// whereNobodys: nobody has the name: there is no item, or one that is released. Not
	// the one that this very acquisition has released, which closes the race with a
	// late first send of it, after it was granted to a later send.
	whereNobodys = "attribute_not_exists(#key) OR (#isReleased = :released AND #recordVersionNumber <> :dead)"

	// whereUnchanged: nothing was written since the contender looked, or no more than
	// that the holder, of another library, has released it: that leaves the number as
	// it is. Closes the races with a renewal and with another contender.
	whereUnchanged = "#recordVersionNumber = :seen"

	// whereOwnAndOlder is whereMineAndOlder on this table: the record is this
	// acquisition's, and not from this write or a later one.
	whereOwnAndOlder = "#recordVersionNumber BETWEEN :oldest AND :newest"

	// whereNotReleased: a person may have set isReleased, and then somebody else may
	// take the lock at any time. Closes the race of a renewal with that; of a break
	// with a release and with the next acquire.
	whereNotReleased = " AND attribute_not_exists(#isReleased)"

	// whereSeenHolder: the record is that of the acquisition seen, whatever its
	// revision; or of the write seen, of a library that knows no acquisitions.
	whereSeenHolder = "(#recordVersionNumber = :id OR #recordVersionNumber BETWEEN :oldest AND :newest)"

	// whereSeenOrBroken: as whereSeenHolder; or it was broken before, or, by the
	// bounds, released and is kept taken.
	whereSeenOrBroken = "(#recordVersionNumber = :id OR #recordVersionNumber = :broken OR #recordVersionNumber BETWEEN :oldest AND :newest)"
)

// values are those of a request's expressions.
type values = map[string]types.AttributeValue

// acquireInput is the write that makes the attempt the holder: of a free name if
// seen is empty, else by taking over the revision seen. Attributes that it doesn't
// know stay: they are the other library's users'.
//
// Those who wait by the other library can't be seen. So a lease that did not begin
// with a free name, such as one that was handed over inside a process, is marked as
// wanted: then the client releases the name now and then, and they find it free.
func (s *layoutStore) acquireInput(a locker.Attempt, seen string) *dynamodb.UpdateItemInput {
	set, remove := "SET #recordVersionNumber = :rvn, #ownerName = :owner, #leaseDuration = :lease", " REMOVE #isReleased"
	v := values{
		":rvn": str(revision(a.ID, firstSequence)), ":owner": str(a.Owner), ":lease": s.lease(a.TTL),
	}
	if a.Data != nil {
		set += ", #data = :data"
		v[":data"] = &types.AttributeValueMemberB{Value: a.Data}
	} else {
		remove += ", #data"
	}
	if seen != "" {
		set += ", #wanted = :wanted"
		v[":wanted"], v[":seen"] = &types.AttributeValueMemberBOOL{Value: true}, str(seen)
		return s.input(a.Name, set+remove, whereUnchanged, v)
	}
	v[":released"], v[":dead"] = str(isReleased), str(revision(a.ID, deadSequence))
	return s.input(a.Name, set+remove+", #wanted", whereNobodys, v)
}

// renewInput is the write that extends a grant, as its sequence-th.
func (s *layoutStore) renewInput(g locker.Grant, n int64, r locker.Renewal) *dynamodb.UpdateItemInput {
	update := "SET #recordVersionNumber = :rvn, #leaseDuration = :lease"
	v := s.own(g, n)
	v[":rvn"], v[":lease"] = str(revision(g.ID, n)), s.lease(r.TTL)
	if r.Data != nil {
		update += ", #data = :data"
		v[":data"] = &types.AttributeValueMemberB{Value: r.Data}
	}
	return s.input(g.Name, update, whereOwnAndOlder+whereNotReleased, v)
}

// releaseInput is the write that ends a grant: now, or after the hold, which to
// others is a lease of that length that nobody renews. The data stays, for the other
// library to find; so does the mark that another waits, until the name is acquired.
func (s *layoutStore) releaseInput(g locker.Grant, hold time.Duration) *dynamodb.UpdateItemInput {
	v := s.own(g, deadSequence)
	v[":rvn"] = str(revision(g.ID, deadSequence))
	if hold > 0 {
		v[":lease"] = s.lease(hold)
		return s.input(g.Name, "SET #recordVersionNumber = :rvn, #leaseDuration = :lease", whereOwnAndOlder, v)
	}
	v[":released"] = str(isReleased)
	return s.input(g.Name, "SET #recordVersionNumber = :rvn, #isReleased = :released", whereOwnAndOlder, v)
}

// markInput is the write that tells the holder, whatever the sequence of his last
// write, that another waits. It leaves the revision as it is.
func (s *layoutStore) markInput(name, id string) *dynamodb.UpdateItemInput {
	v := s.own(locker.Grant{ID: id}, deadSequence)
	v[":wanted"] = &types.AttributeValueMemberBOOL{Value: true}
	return s.input(name, "SET #wanted = :wanted", whereOwnAndOlder, v)
}

// breakInput is the write that ends the acquisition that info shows. Without
// freeNow it gives the record a revision of nobody's and leaves its length: who waits
// watches it for that long, and by then the broken holder has noticed.
func (s *layoutStore) breakInput(info locker.Info, freeNow bool) *dynamodb.UpdateItemInput {
	id := info.AcquisitionID
	v := values{
		":id": str(id), ":rvn": str(brokenRevision(id, freeNow)),
		":oldest": str(revision(id, firstSequence)), ":newest": str(revision(id, deadSequence-1)),
	}
	if !freeNow {
		return s.input(info.Name, "SET #recordVersionNumber = :rvn", whereSeenHolder+whereNotReleased, v)
	}
	v[":oldest"], v[":newest"] = str(revision(id, brokenSequence)), str(revision(id, deadSequence))
	v[":broken"], v[":released"] = str(brokenRevision(id, false)), str(isReleased)
	return s.input(info.Name, "SET #recordVersionNumber = :rvn, #isReleased = :released", whereSeenOrBroken+whereNotReleased, v)
}

// own returns the bounds of the acquisition's writes with a sequence below n.
func (s *layoutStore) own(g locker.Grant, n int64) values {
	return values{":oldest": str(revision(g.ID, 0)), ":newest": str(revision(g.ID, n-1))}
}

func (s *layoutStore) lease(d time.Duration) types.AttributeValue {
	return str(s.layout().lease(d))
}

// input completes a conditional write. On failure it returns the item as it is.
func (s *layoutStore) input(name, update, condition string, v values) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName:                           aws.String(s.store.table),
		Key:                                 s.key(name),
		UpdateExpression:                    aws.String(update),
		ConditionExpression:                 aws.String(condition),
		ExpressionAttributeNames:            s.names(update + " " + condition),
		ExpressionAttributeValues:           v,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// key is the primary key of a lock's item.
func (s *layoutStore) key(name string) values {
	key := values{s.store.o.partitionKey(): str(name)}
	if s.store.o.SortKey != "" {
		key[s.store.o.SortKey] = str(s.store.o.SortValue)
	}
	return key
}

// placeholder stands for an attribute's name in an expression. DynamoDB refuses
// requests that define one and do not use it.
var placeholder = regexp.MustCompile("#[a-zA-Z]+")

// names returns what the placeholders in an expression stand for.
func (s *layoutStore) names(expression string) map[string]string {
	names := make(map[string]string)
	for _, p := range placeholder.FindAllString(expression, -1) {
		names[p] = p[1:]
	}
	own := map[string]string{"#key": s.store.o.partitionKey(), "#sort": s.store.o.SortKey}
	maps.DeleteFunc(own, func(p, _ string) bool { _, used := names[p]; return !used })
	maps.Copy(names, own)
	return names
}
