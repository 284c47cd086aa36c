package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"example.com/holdfast/locker"
)

// groupLimit is how many writes one transaction can have. AWS API reference,
// TransactWriteItems.
const groupLimit = 100

// GroupLimit is that of a transaction.
func (s *store) GroupLimit() int { return groupLimit }

// AcquireGroup makes one try to become the holder of several names.
//
// Input: the attempts. Requests: at most one GetItem, when DynamoDB's time is not
// known yet, and two TransactWriteItems of the writes that Acquire would send: one
// for what is taken to be free or may be taken over, one for what its failure has shown.
// Sessions may take more, as in Acquire. Outcomes: a Grant each;
// *locker.HeldError about the first name that stands in the way; an error that wraps
// locker.ErrUnavailable when the outcome is not known; any other is final.
//
// The same attempts again, after an outcome that is not known, are the same request
// again, with the same token: DynamoDB carries it out once in ten minutes.
// Next: acquire.go decides for each name, expr.go has the conditions.
func (s *store) AcquireGroup(ctx context.Context, all []locker.Attempt) ([]locker.Grant, error) {
	if err := s.checkTable(ctx); err != nil {
		return nil, err
	}
	if s.schema.lacksTransactions() {
		return nil, fmt.Errorf("dynamo: acquire %q and others: %w", all[0].Name, ErrNoTransactions)
	}
	t := s.groups.of(all)
	if err := t.lookOnce(ctx, s); err != nil {
		return nil, err
	}
	for writes := 0; ; writes++ {
		if grants, ok := t.mine(s); ok {
			return grants, nil
		}
		if writes > 0 || t.in == nil {
			if err := t.prepare(ctx, s, writes == 2); err != nil {
				return nil, err
			}
		}
		err := s.transact(ctx, all[0].TTL, t.in)
		if isMismatch(err) {
			t.number()
			err = s.transact(ctx, all[0].TTL, t.in)
		}
		switch classify(err) {
		case applied:
			return t.granted(s), nil
		case unknown:
			s.groups.unresolved(t)
			for _, n := range t.names {
				s.tokens.unresolved(n.ID, n.b)
			}
			return nil, s.failure("acquire a group with", all[0].Name, err)
		case final:
			return nil, s.failure("acquire a group with", all[0].Name, err)
		}
		if err := t.saw(s, err); err != nil {
			return nil, err
		}
	}
}

// transaction is what is known about the acquisition of several names.
type transaction struct {
	names []member
	sends int                               // different requests until now
	in    *dynamodb.TransactWriteItemsInput // the latest; nil before the first
}

// member is one name of a transaction.
type member struct {
	locker.Attempt
	it   item   // as last seen
	seen bool   // it was
	from string // the revision that the latest request takes over, or ""
	b    block  // its tokens
}

// lookOnce reads one of the items if DynamoDB's time is not known: its answer
// tells, and the item is seen.
func (t *transaction) lookOnce(ctx context.Context, s *store) error {
	if t.in != nil || s.times.known() {
		return nil
	}
	n := &t.names[0]
	attrs, err := s.get(ctx, n.TTL, n.Name, true)
	if err != nil {
		return s.failure("acquire", n.Name, err)
	}
	n.it, err = decode(n.Name, attrs)
	n.seen = err == nil
	return err
}

// prepare makes the next request from what was seen, or returns why it would make no
// sense. An item that an earlier send has written, while others are not its attempts',
// is in the way too, but tells less than a stranger's: the client releases it.
//
// It changes all or nothing: after an error the request before may be sent again, and the
// grants are told from what the members say of that.
func (t *transaction) prepare(ctx context.Context, s *store, spent bool) error {
	st, times, known := s.stamps()
	items := make([]types.TransactWriteItem, len(t.names))
	names := slices.Clone(t.names)
	var mine *member
	for i := range names {
		n := &names[i]
		if _, ok := sequence(n.it.GUID, n.ID); ok {
			mine = n
			continue
		}
		var err error
		if n.from, n.b, err = s.allowed(ctx, n.Attempt, &n.it, n.seen, spent && n.seen, times, known); err != nil {
			return err
		}
		items[i].Update = asUpdate(s.acquireInput(n.Attempt, n.b, n.from, st))
	}
	if mine != nil {
		return s.held(mine.it, times, known)
	}
	t.names = names
	t.in = &dynamodb.TransactWriteItemsInput{
		TransactItems:          items,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, // the only thing by which an answer can be told from an empty one
	}
	t.number()
	return nil
}

// number gives the request a token of its own.
func (t *transaction) number() {
	t.sends++
	t.in.ClientRequestToken = aws.String(t.names[0].ID + "-" + strconv.Itoa(t.sends))
}

// isMismatch reports whether DynamoDB knows the request's token from another one. It
// may take the same members in another order for that: the SDK sends them in any. What
// became of the other one, the conditions of a request with a new token tell.
func isMismatch(err error) bool {
	var mismatch *types.IdempotentParameterMismatchException
	return errors.As(err, &mismatch)
}

// asUpdate makes the same write one of a transaction.
func asUpdate(in *dynamodb.UpdateItemInput) *types.Update {
	return &types.Update{
		TableName:                           in.TableName,
		Key:                                 in.Key,
		UpdateExpression:                    in.UpdateExpression,
		ConditionExpression:                 in.ConditionExpression,
		ExpressionAttributeNames:            in.ExpressionAttributeNames,
		ExpressionAttributeValues:           in.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: in.ReturnValuesOnConditionCheckFailure,
	}
}

// errEmptyAnswer is an answer that can't be DynamoDB's.
var errEmptyAnswer = errors.New("dynamo: the answer does not tell what the transaction has consumed")

// transact sends a transaction.
func (s *store) transact(ctx context.Context, ttl time.Duration, in *dynamodb.TransactWriteItemsInput) error {
	return s.send(ctx, ttl, true, func(ctx context.Context) (middleware.Metadata, error) {
		out, err := s.api.TransactWriteItems(ctx, in, oneAttempt)
		if err != nil {
			return middleware.Metadata{}, err
		}
		if len(out.ConsumedCapacity) == 0 {
			return middleware.Metadata{}, errEmptyAnswer
		}
		return out.ResultMetadata, nil
	})
}

// saw notes the items that a refusal shows.
func (t *transaction) saw(s *store, err error) error {
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) || len(canceled.CancellationReasons) != len(t.names) {
		return s.garbled("acquire a group with", t.names[0].Name, err)
	}
	for i, reason := range canceled.CancellationReasons {
		if aws.ToString(reason.Code) != conditionFailed {
			continue
		}
		n := &t.names[i]
		if n.it, err = decode(n.Name, reason.Item); err != nil {
			return err
		}
		n.seen = true
	}
	return nil
}

// mine reports whether an earlier send took effect: then every item is its
// attempt's, as a refusal of the next has shown. The client counts from the first.
func (t *transaction) mine(s *store) ([]locker.Grant, bool) {
	grants := make([]locker.Grant, len(t.names))
	for i := range t.names {
		n := &t.names[i]
		sequence, mine := sequence(n.it.GUID, n.ID)
		if !mine {
			return nil, false
		}
		n.b = s.tokens.of(n.ID, locker.Token(n.it.Token))
		grants[i] = grant(n.Attempt, n.b, sequence)
	}
	t.resolved(s)
	return grants, true
}

// granted returns the grants of the latest request, which took effect.
func (t *transaction) granted(s *store) []locker.Grant {
	grants := make([]locker.Grant, len(t.names))
	for i, n := range t.names {
		grants[i] = grant(n.Attempt, n.b, firstSequence)
		grants[i].TookOver = tookOver(n.from)
	}
	t.resolved(s)
	return grants
}

func (t *transaction) resolved(s *store) {
	for _, n := range t.names {
		s.resolved(n.Attempt, n.b)
	}
	s.groups.resolved(t.names[0].ID)
}

// groups are the transactions whose outcome is not known, by the first ID.
type groups struct {
	mu   sync.Mutex
	sent map[string]*transaction
}

// of returns the transaction of the attempts: a new one, or the one that was sent
// before.
func (g *groups) of(all []locker.Attempt) *transaction {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.sent[all[0].ID]; t != nil {
		return t
	}
	t := &transaction{names: make([]member, len(all))}
	for i, a := range all {
		t.names[i] = member{Attempt: a, it: item{Name: a.Name}}
	}
	return t
}

func (g *groups) unresolved(t *transaction) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sent == nil {
		g.sent = make(map[string]*transaction)
	}
	g.sent[t.names[0].ID] = t
}

// resolved forgets the transaction, whatever became of it.
func (g *groups) resolved(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sent, id)
}

// conditionFailed is the reason of a write whose condition is false.
const conditionFailed = "ConditionalCheckFailed"

// classifyCanceled is the meaning of a transaction that did not take effect. The
// codes are those of the AWS API reference, TransactionCanceledException. One that met another
// write, or a limit of throughput, is sent again like one whose outcome is unknown.
func classifyCanceled(err *types.TransactionCanceledException) outcome {
	o := unknown
	for _, reason := range err.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "", "None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded":
		case conditionFailed:
			o = refused
		default:
			return final
		}
	}
	return o
}
