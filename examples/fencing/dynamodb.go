package fencing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

// PutBalance writes an account's balance unless a later holder has written the
// item. The table's key is the string "account".
func PutBalance(ctx context.Context, db *dynamodb.Client, table, account, balance string, lease *locker.Lease) error {
	fence, err := dynamo.FenceCondition(lease, "fence")
	if err != nil {
		return err
	}
	fence.Values[":balance"] = &types.AttributeValueMemberN{Value: balance}
	_, err = db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 aws.String(table),
		Key:                       map[string]types.AttributeValue{"account": &types.AttributeValueMemberS{Value: account}},
		UpdateExpression:          aws.String("SET balance = :balance, " + fence.Set),
		ConditionExpression:       aws.String(fence.Condition),
		ExpressionAttributeNames:  fence.Names,
		ExpressionAttributeValues: fence.Values,
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return fmt.Errorf("account %q: %w", account, locker.ErrStale)
	}
	return err
}

// Transfer moves an amount from one account to another, if the lease still has its
// lock: DynamoDB carries out all of the transaction or nothing, and nothing once the
// lock is another's. The accounts need no attribute for it, and are those of
// PutBalance.
func Transfer(ctx context.Context, db *dynamodb.Client, locks *dynamo.Locker, lease *locker.Lease, table, from, to string, amount int) error {
	guard, err := locks.Guard(lease)
	if err != nil {
		return err
	}
	in := &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: aws.String(rand.Text()), // sent twice, it is carried out once
		TransactItems:      []types.TransactWriteItem{guard, add(table, from, -amount), add(table, to, amount)},
	}
	for {
		_, err := db.TransactWriteItems(ctx, in)
		var canceled *types.TransactionCanceledException
		switch {
		case !errors.As(err, &canceled):
			return err
		case aws.ToString(canceled.CancellationReasons[0].Code) == "ConditionalCheckFailed": // the guard's
			return fmt.Errorf("lock %q: %w", lease.Name(), locker.ErrLost)
		case !conflicts(canceled):
			return err
		}
		select { // it has met a renewal of the lock, or another write of the accounts
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add changes a balance, which must not fall below zero.
func add(table, account string, amount int) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName:           aws.String(table),
		Key:                 map[string]types.AttributeValue{"account": &types.AttributeValueMemberS{Value: account}},
		UpdateExpression:    aws.String("ADD balance :amount"),
		ConditionExpression: aws.String("balance >= :least"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":amount": &types.AttributeValueMemberN{Value: strconv.Itoa(amount)},
			":least":  &types.AttributeValueMemberN{Value: strconv.Itoa(max(0, -amount))},
		},
	}}
}

// conflicts reports whether a transaction failed only because it met others.
func conflicts(canceled *types.TransactionCanceledException) bool {
	for _, reason := range canceled.CancellationReasons {
		if code := aws.ToString(reason.Code); code != "None" && code != "TransactionConflict" {
			return false
		}
	}
	return true
}
