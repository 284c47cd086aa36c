package dynamodblocal

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	warmTime    = 2 * time.Second
	warmCallers = 16
)

// warmed is start, followed by warm.
func warmed(start func(context.Context) (*Server, error)) func(context.Context) (*Server, error) {
	return func(ctx context.Context) (*Server, error) {
		server, err := start(ctx)
		if err != nil {
			return nil, err
		}
		if err := warm(ctx, server.Endpoint); err != nil {
			return nil, errors.Join(err, server.Stop())
		}
		return server, nil
	}
}

// warm keeps a server that was just started busy for a while. A cold one takes a
// second and more for its first requests, which tests that measure time would
// take for a store that does not answer.
func warm(ctx context.Context, endpoint string) error {
	client := dynamodb.New(options(endpoint))
	table := aws.String("warm-" + rand.Text())
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            table,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("name"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("name"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		return err
	}
	busy, cancel := context.WithTimeout(ctx, warmTime)
	defer cancel()
	errs := make([]error, warmCallers)
	var callers sync.WaitGroup
	for i := range errs {
		callers.Go(func() { errs[i] = keepBusy(busy, client, table) })
	}
	callers.Wait()
	_, err = client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: table})
	return errors.Join(append(errs, err)...)
}

// keepBusy writes and reads until ctx is done, with conditions that hold and fail.
func keepBusy(ctx context.Context, client *dynamodb.Client, table *string) error {
	key := map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: rand.Text()}}
	for i := 0; ; i++ {
		_, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: table, Key: key,
			UpdateExpression:                    aws.String("SET #v = :v"),
			ConditionExpression:                 aws.String("attribute_not_exists(#v) OR #v <> :v"),
			ExpressionAttributeNames:            map[string]string{"#v": "value"},
			ExpressionAttributeValues:           map[string]types.AttributeValue{":v": &types.AttributeValueMemberBOOL{Value: i%3 == 0}},
			ReturnValues:                        types.ReturnValueAllNew,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		var failed *types.ConditionalCheckFailedException
		if err == nil || errors.As(err, &failed) {
			_, err = client.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key, ConsistentRead: aws.Bool(true)})
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}
