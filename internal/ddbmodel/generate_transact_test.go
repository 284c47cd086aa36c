package ddbmodel_test

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/ddbmodel"
)

// transaction is up to three writes as package dynamo sends them to acquire, of
// different items (two of one item DynamoDB refuses at once, DynamoDB Local when it
// comes to it) and now and then with a mistake; one in four was sent before.
func (g *generator) transaction() *dynamodb.TransactWriteItemsInput {
	if g.sent != nil && g.IntN(4) == 0 {
		again := *g.sent
		if g.IntN(3) == 0 { // with other parameters
			again.TransactItems = again.TransactItems[:1]
		}
		return &again
	}
	in := &dynamodb.TransactWriteItemsInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	if g.IntN(3) > 0 {
		in.ClientRequestToken = aws.String(fmt.Sprintf("token-%d", g.Uint64()))
		g.sent = in
	}
	order := g.Perm(len(keys))
	for i := range 1 + g.IntN(len(keys)) {
		write := g.lockWrite()
		if g.IntN(4) > 0 { // that an item is missing is what is usual
			write.ConditionExpression = aws.String("attribute_not_exists(#guid) OR " + aws.ToString(write.ConditionExpression))
		}
		write.Key = map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: keys[order[i]]}}
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: &types.Update{
			TableName: write.TableName, Key: write.Key, UpdateExpression: write.UpdateExpression, ConditionExpression: write.ConditionExpression,
			ExpressionAttributeNames: write.ExpressionAttributeNames, ExpressionAttributeValues: write.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: write.ReturnValuesOnConditionCheckFailure,
		}})
	}
	return in
}

// differentReasons compares why transactions were canceled, and what those that were
// not have consumed.
func differentReasons(got, want any, gotErr, wantErr error) string {
	var g, w *types.TransactionCanceledException
	if errors.As(gotErr, &g) != errors.As(wantErr, &w) {
		return fmt.Sprintf("error %v, want %v", gotErr, wantErr)
	}
	if w != nil {
		if len(g.CancellationReasons) != len(w.CancellationReasons) {
			return fmt.Sprintf("%d reasons, want %d", len(g.CancellationReasons), len(w.CancellationReasons))
		}
		for i, reason := range w.CancellationReasons {
			have := g.CancellationReasons[i]
			same := len(have.Item) == 0 && len(reason.Item) == 0 || reflect.DeepEqual(canonical(ddbmodel.Item(have.Item)), canonical(ddbmodel.Item(reason.Item)))
			if aws.ToString(have.Code) != aws.ToString(reason.Code) || !same {
				return fmt.Sprintf("reason %d: %s %s, want %s %s", i, aws.ToString(have.Code), text(have.Item), aws.ToString(reason.Code), text(reason.Item))
			}
		}
	}
	if w, ok := want.(*dynamodb.TransactWriteItemsOutput); ok && wantErr == nil {
		g := got.(*dynamodb.TransactWriteItemsOutput)
		if len(g.ConsumedCapacity) != len(w.ConsumedCapacity) {
			return fmt.Sprintf("consumed %s, want %s", text(g.ConsumedCapacity), text(w.ConsumedCapacity))
		}
	}
	return ""
}
