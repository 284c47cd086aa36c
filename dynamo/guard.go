package dynamo

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// ErrNoTransactions is matched by the error of [Locker.Guard] for a table whose kind
// DynamoDB has no transactions for: a global table with multi-Region strong
// consistency. It also matches [errors.ErrUnsupported].
var ErrNoTransactions = fmt.Errorf("dynamo: the table has no transactions: %w", errors.ErrUnsupported)

// Guard returns a condition on the lock's item, for a TransactWriteItems of the
// user's own that writes anything anywhere in the account and region: the transaction
// is carried out only while the acquisition that the lease is on is the lock's. It
// fails as soon as that was released, taken over or broken, whatever the process
// believes; a renewal in between does not matter. So a holder that was paused
// after it looked at its lease writes nothing: DynamoDB itself refuses it, also before
// the next holder has written anything, and on a table that is shared with the Node
// package, where tokens are not promised to rise.
//
// The transaction then fails with a [*types.TransactionCanceledException]. Its
// CancellationReasons are in the order of the items; the guard's has the Code
// "ConditionalCheckFailed", and the lock's item as it is. That is final. A Code
// "TransactionConflict" is not: the transaction met a renewal, say, and nothing was
// written; the SDK doesn't send it again, so the caller does, with the same
// ClientRequestToken. A renewal that meets the transaction is repeated by the Locker,
// and the lease goes on.
//
// The caller needs dynamodb:ConditionCheckItem on the lock table (AWS developer guide,
// "Using IAM with DynamoDB transactions"). One transaction can hold the guards of many
// locks, but of each lock only one.
//
// When the lease is released while others of this process wait, the next of them
// takes the lock over by a write, where it would have needed none; from then on the
// condition fails. Of a lease that ended otherwise it may hold for as long as nobody
// else has the lock. It does not keep the lease from ending.
//
// Errors: a [*locker.InvalidError] for nil, or a lease of another Locker; what
// [locker.Lease.Err] returns, of a lease that is over; one that matches
// [ErrNoTransactions]; one that matches [errors.ErrUnsupported] with a [Layout] that is
// not native. Guard sends nothing and does not block. The item may be used
// any number of times and is the caller's.
func (l *Locker) Guard(lease *locker.Lease) (types.TransactWriteItem, error) {
	g, err := l.GuardGrant(lease)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	if l.store.o.Layout != LayoutNative {
		return types.TransactWriteItem{}, fmt.Errorf("dynamo: guard %q: no guarded writes with %v: %w", g.Name, l.store.o.Layout, errors.ErrUnsupported)
	}
	if l.store.schema.lacksTransactions() {
		return types.TransactWriteItem{}, fmt.Errorf("dynamo: guard %q: table %q is a global table with multi-Region strong consistency: %w; use FenceCondition", g.Name, l.store.table, ErrNoTransactions)
	}
	return types.TransactWriteItem{ConditionCheck: l.store.guardCheck(g)}, nil
}

// Fence is what a write of one item needs so that it is refused when a later holder
// has written the item before: the parts of a request, which the caller puts together
// with his own. The maps are the caller's, to add to.
type Fence struct {
	// Condition is the write's ConditionExpression, or one side of an AND in it.
	Condition string

	// Set is what the SET of an UpdateExpression has to contain, so that the item
	// keeps the token. A PutItem has Token in its Item instead.
	Set string

	// Token is the lease's token.
	Token types.AttributeValue

	// Names are the ExpressionAttributeNames of Condition and Set: "#fence".
	Names map[string]string

	// Values are the ExpressionAttributeValues of Condition and Set: ":fence".
	Values map[string]types.AttributeValue
}

// FenceCondition returns a condition for an UpdateItem or a PutItem on any table, in
// any region: that the item's attribute attr, of type N, is absent or not above the
// lease's token. The write also has to store the token there: see [Fence]. An equal
// one passes, because one holder writes more than once. The same condition does for
// a Put or an Update within a transaction.
//
// The write then fails with a [*types.ConditionalCheckFailedException]: a later holder
// has been here. In contrast to [Locker.Guard] that is so only once the later holder
// has written that very item; in return, it costs nothing, and the lock's table may
// be anywhere. Whoever deletes such an item deletes what it knows of holders: mark
// it as deleted instead, where an older holder may still come.
//
// The lease may be over, or of any Locker whose tokens rise: see
// [locker.RequireFencing]. FenceCondition sends nothing.
//
// Errors: a [*locker.InvalidError] for a nil lease, or an attr that is empty or not
// valid UTF-8; one that matches [locker.ErrNoFencing] for a lease without a token, of
// a Locker with a [Layout] that is not native.
func FenceCondition(lease *locker.Lease, attr string) (Fence, error) {
	switch {
	case lease == nil:
		return Fence{}, &locker.InvalidError{What: "lease", Value: "nil", Want: "one that Acquire has returned"}
	case attr == "" || !utf8.ValidString(attr):
		return Fence{}, &locker.InvalidError{What: "attribute of the token", Value: strconv.Quote(attr), Want: "a name in valid UTF-8"}
	}
	if lease.Token() < 1 {
		return Fence{}, fmt.Errorf("dynamo: fence condition for %q: %w", lease.Name(), locker.ErrNoFencing)
	}
	token := &types.AttributeValueMemberN{Value: lease.Token().String()}
	return Fence{
		Condition: whereFenced, Set: setFence, Token: token,
		Names:  map[string]string{"#fence": attr},
		Values: map[string]types.AttributeValue{":fence": token},
	}, nil
}
