package ddbmodel

import (
	"errors"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	maxTransaction = 100              // writes in one. API reference, TransactWriteItems
	tokenLasts     = 10 * time.Minute // ClientRequestToken, same page
)

// done is a transaction that took effect under a token.
type done struct {
	at time.Time
	in *dynamodb.TransactWriteItemsInput
}

// transact carries out a transaction of updates.
func (s *Store) transact(in *dynamodb.TransactWriteItemsInput) (*dynamodb.TransactWriteItemsOutput, error) {
	if n := len(in.TransactItems); n == 0 || n > maxTransaction {
		return nil, invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to %d", maxTransaction)
	}
	if in.ReturnItemCollectionMetrics != "" {
		return nil, &UnmodelledError{"ReturnItemCollectionMetrics"}
	}
	token := aws.ToString(in.ClientRequestToken)
	if before, ok := s.transactions[token]; ok && token != "" && s.now().Sub(before.at) < tokenLasts {
		if !reflect.DeepEqual(before.in, in) {
			return nil, &types.IdempotentParameterMismatchException{Message: aws.String("Idempotent parameter mismatch")}
		}
		return consumed(in, nil), nil
	}
	writes, err := s.judge(in)
	if err != nil {
		return nil, err
	}
	for _, w := range writes {
		s.commit(w)
	}
	if token != "" {
		if s.transactions == nil {
			s.transactions = make(map[string]done)
		}
		sent := *in // the caller may send it again with another token
		s.transactions[token] = done{s.now(), &sent}
	}
	return consumed(in, writes), nil
}

// judge judges all writes of a transaction against the items as they are. That a write
// can't be carried out, its condition apart, refuses the request, as in DynamoDB Local.
func (s *Store) judge(in *dynamodb.TransactWriteItemsInput) ([]*write, error) {
	var writes []*write
	reasons := make([]types.CancellationReason, len(in.TransactItems))
	canceled := false
	type target struct {
		t   *table
		key string
	}
	seen := make(map[target]bool)
	for i, one := range in.TransactItems {
		update, err := asInput(one)
		if err != nil {
			return nil, err
		}
		w := s.check(update)
		if w.t == nil { // neither table nor expressions can be understood
			return nil, w.err
		}
		at := target{w.t, w.key}
		if seen[at] {
			return nil, invalid("Transaction request cannot include multiple operations on one item")
		}
		seen[at] = true
		reasons[i].Code = aws.String("None")
		var failed *types.ConditionalCheckFailedException
		switch {
		case w.err == nil:
		case errors.As(w.err, &failed):
			canceled = true
			reasons[i] = types.CancellationReason{Code: aws.String("ConditionalCheckFailed"), Message: failed.Message, Item: failed.Item}
		default:
			return nil, w.err
		}
		writes = append(writes, w)
	}
	if canceled {
		return nil, &types.TransactionCanceledException{
			Message:             aws.String("Transaction cancelled, please refer cancellation reasons for specific reasons"),
			CancellationReasons: reasons,
		}
	}
	return writes, nil
}

// asInput returns one write of a transaction as a request of its own.
func asInput(one types.TransactWriteItem) (*dynamodb.UpdateItemInput, error) {
	u := one.Update
	if u == nil || one.ConditionCheck != nil || one.Delete != nil || one.Put != nil {
		return nil, &UnmodelledError{"a transaction of anything but updates"}
	}
	return &dynamodb.UpdateItemInput{
		TableName: u.TableName, Key: u.Key,
		UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression,
		ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: u.ReturnValuesOnConditionCheckFailure,
	}, nil
}

// consumed is what a transaction returns, if it was asked to: twice the units of the
// larger of old and new item. Developer guide, "Transactional read and write APIs".
func consumed(in *dynamodb.TransactWriteItemsInput, writes []*write) *dynamodb.TransactWriteItemsOutput {
	out := &dynamodb.TransactWriteItemsOutput{}
	if in.ReturnConsumedCapacity == "" || in.ReturnConsumedCapacity == types.ReturnConsumedCapacityNone {
		return out
	}
	units := make(map[string]float64)
	for _, one := range in.TransactItems {
		units[aws.ToString(one.Update.TableName)] += 0
	}
	for _, w := range writes {
		units[aws.ToString(w.in.TableName)] += 2 * float64((max(size(w.old), size(w.new))+1023)/1024)
	}
	for name, n := range units {
		out.ConsumedCapacity = append(out.ConsumedCapacity, types.ConsumedCapacity{TableName: aws.String(name), CapacityUnits: aws.Float64(n)})
	}
	return out
}
