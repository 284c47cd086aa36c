package dynamo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// Layout says whose items a table has. Every Layout but [LayoutNative] is for the time
// of a rolling deploy, while processes of another library lock on the same table: each
// then respects what the other holds. See docs/migrating.md for the steps.
//
// What is lost on such a table, until the Locker moves to one of its own:
//
//   - Fencing. The other library's writes erase what it doesn't know, so tokens could
//     not rise: [locker.Lease.Token] is 0, and [locker.RequireFencing] is refused.
//   - Rule B. Items don't say when a lease ends, so all of them are taken over by rule
//     A: a process that has just started watches a dead holder's lock for the whole of
//     its lease. One of 24 h or more is never taken over.
//   - An exact end of [locker.WithMinHold]: a name that was released early stays taken
//     until who wants it has watched it for what was left of that time.
//   - The hand-over without a request among the calls of one process, the deletion of
//     idle items, and SharedHeartbeat.
//   - An exact [locker.Lease.Wanted]. Who waits by the other library can't be seen, so
//     a lease that did not begin with a free name counts as wanted: a name that the
//     calls of a process hand to each other is released every MaxLocalHold.
//
// Exclusion is what both libraries promise together: at most one holder believes,
// given clocks that run at the right rate. The other library's holders believe in
// their lease to its last moment; they are given a hundredth of it more, at least
// 20 ms.
type Layout int

// The layouts.
const (
	// LayoutNative is this package's own. It is a superset of the Node package
	// dynamo-lock's.
	LayoutNative Layout = iota

	// LayoutDynamolock is that of cirello.io/dynamolock for Go, of any version.
	LayoutDynamolock

	// LayoutJava is that of com.amazonaws:dynamodb-lock-client, the
	// AmazonDynamoDBLockClient of awslabs, versions 1.0 to 1.4.
	LayoutJava
)

// String returns the constant's name, or the number of one that is none.
func (l Layout) String() string {
	switch l {
	case LayoutNative:
		return "LayoutNative"
	case LayoutDynamolock:
		return "LayoutDynamolock"
	case LayoutJava:
		return "LayoutJava"
	}
	return "Layout(" + strconv.Itoa(int(l)) + ")"
}

// defaultPartitionKey is what both other libraries call it unless told otherwise.
const defaultPartitionKey = "key"

// checkLayout returns an error for options that make no sense with the layout.
func (o *Options) checkLayout() error {
	if o.Layout < LayoutNative || o.Layout > LayoutJava {
		return &locker.InvalidError{What: "layout", Value: o.Layout.String(), Want: "LayoutNative, LayoutDynamolock or LayoutJava"}
	}
	if o.Layout == LayoutNative {
		if o.PartitionKey != "" || o.SortKey != "" || o.SortValue != "" {
			return &locker.InvalidError{What: "option", Value: "PartitionKey, SortKey or SortValue", Want: "a Layout that has them: the native key is name"}
		}
		return nil
	}
	switch names := []string{o.PartitionKey, o.SortKey}; {
	case o.ClockMargin > 0:
		return &locker.InvalidError{What: "clock margin", Value: o.ClockMargin.String(), Want: "none: there is no rule B with " + o.Layout.String()}
	case o.SharedHeartbeat:
		return &locker.InvalidError{What: "option", Value: "SharedHeartbeat", Want: "it off: other libraries don't know it"}
	case (o.SortKey == "") != (o.SortValue == ""):
		return &locker.InvalidError{What: "sort key", Value: fmt.Sprintf("%q with value %q", o.SortKey, o.SortValue), Want: "both or neither"}
	case o.SortKey != "" && (o.SortKey == o.PartitionKey || o.PartitionKey == "" && o.SortKey == defaultPartitionKey):
		return &locker.InvalidError{What: "sort key", Value: strconv.Quote(o.SortKey), Want: "another name than the partition key's"}
	default:
		for _, name := range names {
			if recordAttributes[name] {
				return &locker.InvalidError{What: "key", Value: strconv.Quote(name), Want: "a name that is no other attribute's"}
			}
		}
	}
	return nil
}

// partitionKey returns the name of the table's partition key.
func (o *Options) partitionKey() string {
	switch {
	case o.Layout == LayoutNative:
		return "name"
	case o.PartitionKey == "":
		return defaultPartitionKey
	}
	return o.PartitionKey
}

// keyNames returns the names of the table's key attributes, all of type S.
func (o *Options) keyNames() []string {
	if o.SortKey == "" {
		return []string{o.partitionKey()}
	}
	return []string{o.partitionKey(), o.SortKey}
}

// keySchema describes the key of a table that is to be created.
func (o *Options) keySchema() (defs []types.AttributeDefinition, schema []types.KeySchemaElement) {
	for i, name := range o.keyNames() {
		kind := types.KeyTypeHash
		if i > 0 {
			kind = types.KeyTypeRange
		}
		defs = append(defs, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
		schema = append(schema, types.KeySchemaElement{AttributeName: aws.String(name), KeyType: kind})
	}
	return defs, schema
}

// hasKey reports whether a table has the key of the items here.
func (o *Options) hasKey(desc *types.TableDescription) bool {
	names := o.keyNames()
	if len(desc.KeySchema) != len(names) {
		return false
	}
	kinds := make(map[string]types.ScalarAttributeType)
	for _, def := range desc.AttributeDefinitions {
		kinds[aws.ToString(def.AttributeName)] = def.AttributeType
	}
	for _, k := range desc.KeySchema {
		i := 0
		if k.KeyType == types.KeyTypeRange {
			i = len(names) - 1
		}
		if aws.ToString(k.AttributeName) != names[i] || kinds[names[i]] != types.ScalarAttributeTypeS {
			return false
		}
	}
	return true
}

// wantedKey tells what key a table should have.
func (o *Options) wantedKey() string {
	if o.SortKey == "" {
		return fmt.Sprintf("the hash key %s (S) alone", o.partitionKey())
	}
	return fmt.Sprintf("the hash key %s (S) and the range key %s (S)", o.partitionKey(), o.SortKey)
}

// lease writes a lease's length as the other library reads it, never shorter than d.
func (l Layout) lease(d time.Duration) string {
	if l == LayoutJava {
		return strconv.FormatInt(roundUp(d), 10)
	}
	return d.String()
}

// parseLease reads a lease's length.
func (l Layout) parseLease(s string) (time.Duration, error) {
	if l != LayoutJava {
		return time.ParseDuration(s)
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return 0, err
	case ms > int64(locker.MaxTTL/time.Millisecond):
		return locker.MaxTTL + 1, nil // longer than any that counts
	}
	return time.Duration(ms) * time.Millisecond, nil
}
