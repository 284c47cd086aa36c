package fencing

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// PutBalance writes an account's balance unless a later holder has written the
// item. The table's key is the string "account".
func PutBalance(ctx context.Context, db *dynamodb.Client, table, account, balance string, token locker.Token) error {
	_, err := db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:           aws.String(table),
		Key:                 map[string]types.AttributeValue{"account": &types.AttributeValueMemberS{Value: account}},
		UpdateExpression:    aws.String("SET balance = :balance, fence = :token"),
		ConditionExpression: aws.String("attribute_not_exists(fence) OR fence <= :token"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":balance": &types.AttributeValueMemberN{Value: balance},
			":token":   &types.AttributeValueMemberN{Value: token.String()},
		},
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return fmt.Errorf("account %q: %w", account, locker.ErrStale)
	}
	return err
}
