//go:build linux

package peers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
)

func chooseDynamolock(o *dynamo.Options) { o.Layout = dynamo.LayoutDynamolock }

// TestDynamolockReal competes with the real cirello.io/dynamolock, if
// HOLDFAST_DYNAMOLOCK names a checkout of its version 5.
func TestDynamolockReal(t *testing.T) {
	t.Parallel()
	checkout := os.Getenv("HOLDFAST_DYNAMOLOCK")
	if checkout == "" {
		t.Skip("HOLDFAST_DYNAMOLOCK does not name a checkout of cirello-io/dynamolock; TestDynamolock imitates it")
	}
	dir := prepare(t, program{
		dir:   "dynamolock",
		needs: []string{"go"},
		build: [][]string{
			{"rm", "-f", "go.mod", "go.sum"},
			{"go", "mod", "init", "peer"},
			{"go", "mod", "edit", "-require=cirello.io/dynamolock/v5@v5.0.0", "-replace=cirello.io/dynamolock/v5=" + checkout},
			{"go", "mod", "tidy"},
			{"go", "build", "-o", "peer", "."},
		},
	})
	table, r := newTable(t, chooseDynamolock), newReferee()
	compete(t, table, chooseDynamolock, r, startChild(t, "dynamolock", table, r, dir, "./peer"))
}

// TestDynamolock competes with an imitation of cirello.io/dynamolock.
func TestDynamolock(t *testing.T) {
	t.Parallel()
	table, r := newTable(t, chooseDynamolock), newReferee()
	db := dynamodblocal.Client(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	stop, stopped := make(map[string]chan struct{}), make(map[string]chan struct{})
	for _, name := range lockNames(t) {
		stopping, ended := make(chan struct{}), make(chan struct{})
		stop[name], stopped[name] = stopping, ended
		running.Go(func() {
			defer close(ended)
			for n := 0; ; n++ {
				select {
				case <-stopping:
					return
				default:
				}
				round := roundOf(n)
				o := &oldLock{db: db, table: table, name: name, owner: fmt.Sprintf("old %x", rand.Uint64()), deletes: n%2 == 0}
				if err := o.acquire(ctx); errors.Is(err, errOldTimeout) {
					continue
				} else if err != nil {
					t.Errorf("the imitation's acquire of %q: %v", name, err)
					return
				}
				b := belief{who: "old", round: round}
				b.begin, b.end = believe(round, func() bool { return o.valid(ctx, round != crashed) })
				if b.begin > 0 {
					r.add(name, b)
				}
				if round != crashed {
					o.release(ctx)
				}
				pause(round)
			}
		})
	}
	compete(t, table, chooseDynamolock, r, side{who: "old", stop: func(name string) {
		close(stop[name])
		<-stopped[name]
	}})
}

// oldLock does what dynamolock does for one lock, request by request: version 5.0.0,
// from which versions 1 and 2 do not differ in that.
type oldLock struct {
	db      *dynamodb.Client
	table   string
	name    string
	owner   string
	deletes bool // the item, at release

	rvn  string
	seen time.Time // when it was renewed last, before the send
}

// errOldTimeout is its LockNotGrantedError "after sleeping".
var errOldTimeout = errors.New("waited for long enough")

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func (o *oldLock) key() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"key": text(o.name)}
}

func newRVN() string {
	return fmt.Sprintf("%d:%016X%016X", time.Now().UnixNano(), rand.Uint64(), rand.Uint64())
}

// acquire reads, consistently, and puts the whole item: when there is none or it is
// released, or when it was read before, its number has not changed, and that first
// read was longer ago than the duration in it.
func (o *oldLock) acquire(ctx context.Context) error {
	var first map[string]types.AttributeValue
	var looked time.Time
	for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		out, err := o.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &o.table, Key: o.key(), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return err
		}
		_, released := out.Item["isReleased"]
		var duration time.Duration
		if out.Item != nil {
			if duration, err = time.ParseDuration(stringOf(out.Item["leaseDuration"])); err != nil {
				return fmt.Errorf("cannot parse lease duration: %w", err)
			}
		}
		same := first != nil && stringOf(first["recordVersionNumber"]) == stringOf(out.Item["recordVersionNumber"])
		switch {
		case out.Item == nil || released:
			err = o.put(ctx, out.Item, "attribute_not_exists(#key) OR (attribute_exists(#key) AND #isReleased = :released)",
				map[string]string{"#key": "key", "#isReleased": "isReleased"}, map[string]types.AttributeValue{":released": text("1")})
		case same && time.Since(looked) > duration:
			err = o.put(ctx, out.Item, "attribute_exists(#key) AND #rvn = :rvn",
				map[string]string{"#key": "key", "#rvn": "recordVersionNumber"}, map[string]types.AttributeValue{":rvn": out.Item["recordVersionNumber"]})
		default:
			if !same {
				first, looked = out.Item, time.Now()
			}
			if time.Since(start) > 2*lease {
				return errOldTimeout
			}
			continue
		}
		var refused *types.ConditionalCheckFailedException
		if !errors.As(err, &refused) {
			return err
		}
	}
}

// put writes the item with all attributes that the old one has and it doesn't know.
func (o *oldLock) put(ctx context.Context, old map[string]types.AttributeValue, condition string, names map[string]string, values map[string]types.AttributeValue) error {
	item := o.key()
	for attr, v := range old {
		if attr != "isReleased" {
			item[attr] = v
		}
	}
	item["ownerName"], item["leaseDuration"] = text(o.owner), text(lease.String())
	rvn := newRVN()
	item["recordVersionNumber"] = text(rvn)
	sent := time.Now()
	_, err := o.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &o.table, Item: item, ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	if err == nil {
		o.rvn, o.seen = rvn, sent
	}
	return err
}

// valid is its IsExpired, turned around, with the heartbeat that is due by then.
func (o *oldLock) valid(ctx context.Context, renew bool) bool {
	if renew && time.Since(o.seen) > lease/4 && time.Since(o.seen) <= lease {
		rvn, sent := newRVN(), time.Now()
		_, err := o.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &o.table, Key: o.key(),
			UpdateExpression:          aws.String("SET leaseDuration = :lease, recordVersionNumber = :new"),
			ConditionExpression:       aws.String(oldOwned),
			ExpressionAttributeNames:  map[string]string{"#key": "key"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":lease": text(lease.String()), ":new": text(rvn), ":rvn": text(o.rvn), ":owner": text(o.owner)},
		})
		if err == nil {
			o.rvn, o.seen = rvn, sent
		}
	}
	return time.Since(o.seen) <= lease
}

const oldOwned = "attribute_exists(#key) AND recordVersionNumber = :rvn AND ownerName = :owner"

// release deletes the item or marks it, and takes no notice of a failure.
func (o *oldLock) release(ctx context.Context) {
	mine := map[string]types.AttributeValue{":rvn": text(o.rvn), ":owner": text(o.owner)}
	names := map[string]string{"#key": "key"}
	if o.deletes {
		_, _ = o.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &o.table, Key: o.key(), ConditionExpression: aws.String(oldOwned), ExpressionAttributeNames: names, ExpressionAttributeValues: mine,
		})
		return
	}
	mine[":released"] = text("1")
	_, _ = o.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &o.table, Key: o.key(), UpdateExpression: aws.String("SET isReleased = :released"),
		ConditionExpression: aws.String(oldOwned), ExpressionAttributeNames: names, ExpressionAttributeValues: mine,
	})
}

func stringOf(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}
