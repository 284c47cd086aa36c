package dynamo_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

// Two items are written together, and only while the lease has its lock.
func ExampleLocker_Guard() {
	ship := func(ctx context.Context, db *dynamodb.Client, l *dynamo.Locker, lease *locker.Lease, order string) error {
		guard, err := l.Guard(lease)
		if err != nil {
			return err // the lease is over
		}
		set := func(table string) types.TransactWriteItem {
			return types.TransactWriteItem{Update: &types.Update{
				TableName:                 aws.String(table),
				Key:                       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: order}},
				UpdateExpression:          aws.String("SET shipped = :yes"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":yes": &types.AttributeValueMemberBOOL{Value: true}},
			}}
		}
		_, err = db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems: []types.TransactWriteItem{guard, set("orders"), set("stock")},
		})
		var canceled *types.TransactionCanceledException
		if errors.As(err, &canceled) && aws.ToString(canceled.CancellationReasons[0].Code) == "ConditionalCheckFailed" {
			return fmt.Errorf("too late: %w", err) // somebody else has the lock: nothing was written
		}
		return err // a TransactionConflict may be sent again
	}
	_ = ship
}

// An item is written unless a later holder has written it. The item keeps the token,
// so that it can tell.
func ExampleFenceCondition() {
	update := func(ctx context.Context, db *dynamodb.Client, lease *locker.Lease) error {
		fence, err := dynamo.FenceCondition(lease, "fence")
		if err != nil {
			return err
		}
		fence.Values[":body"] = &types.AttributeValueMemberS{Value: "all is well"}
		_, err = db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 aws.String("reports"),
			Key:                       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "daily"}},
			UpdateExpression:          aws.String("SET body = :body, " + fence.Set),
			ConditionExpression:       aws.String(fence.Condition),
			ExpressionAttributeNames:  fence.Names,
			ExpressionAttributeValues: fence.Values,
		})
		return err // a *types.ConditionalCheckFailedException: too late
	}
	put := func(ctx context.Context, db *dynamodb.Client, lease *locker.Lease) error {
		fence, err := dynamo.FenceCondition(lease, "fence")
		if err != nil {
			return err
		}
		_, err = db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String("reports"),
			Item: map[string]types.AttributeValue{
				"id":    &types.AttributeValueMemberS{Value: "daily"},
				"body":  &types.AttributeValueMemberS{Value: "all is well"},
				"fence": fence.Token,
			},
			ConditionExpression:       aws.String(fence.Condition),
			ExpressionAttributeNames:  fence.Names,
			ExpressionAttributeValues: fence.Values,
		})
		return err
	}
	_, _ = update, put
}

// As in example_test.go: compiled, but not run.
var _ = []any{ExampleLocker_Guard, ExampleFenceCondition}
