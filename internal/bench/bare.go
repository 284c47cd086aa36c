package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/bench/worker"
)

// bare is what a lock can't go below: one conditional UpdateItem to acquire, one
// to release, by the SDK as it is.
var bare = library{of: bareSDK, hash: "name", command: func(ctx context.Context) *exec.Cmd {
	cmd := holdfast.command(ctx)
	cmd.Args = append(cmd.Args, bareArgument)
	return cmd
}}

// bareArgument makes a worker one that uses no library.
const bareArgument = "bare"

func isBare() bool { return len(os.Args) > 1 && os.Args[len(os.Args)-1] == bareArgument }

func serveBare(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	return worker.Run(os.Stdin, os.Stdout, &bareClient{api: dynamodb.NewFromConfig(cfg), table: os.Getenv(workerVariable)})
}

type bareClient struct {
	api   *dynamodb.Client
	table string
	n     atomic.Int64
}

// Acquire does not wait.
func (c *bareClient) Acquire(ctx context.Context, name string) (worker.Lease, error) {
	l := &bareLease{c: c, name: name, id: strconv.FormatInt(time.Now().UnixNano()+c.n.Add(1), 36)}
	err := c.update(ctx, name, "SET #guid = :guid, #expires = :expires", "attribute_not_exists(#guid) OR #expires = :zero", map[string]types.AttributeValue{
		":guid":    &types.AttributeValueMemberS{Value: l.id},
		":expires": &types.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10)},
		":zero":    &types.AttributeValueMemberN{Value: "0"},
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (c *bareClient) update(ctx context.Context, name, update, condition string, values map[string]types.AttributeValue) error {
	_, err := c.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &c.table, Key: map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: name}},
		UpdateExpression: aws.String(update), ConditionExpression: aws.String(condition), ExpressionAttributeValues: values,
		ExpressionAttributeNames: map[string]string{"#guid": "guid", "#expires": "expiresOn"},
	})
	return err
}

type bareLease struct {
	c        *bareClient
	name, id string
	released bool
}

// Release frees the name.
func (l *bareLease) Release(ctx context.Context) error {
	l.released = true
	return l.c.update(ctx, l.name, "SET #expires = :zero", "#guid = :guid", map[string]types.AttributeValue{
		":guid": &types.AttributeValueMemberS{Value: l.id},
		":zero": &types.AttributeValueMemberN{Value: "0"},
	})
}

var errReleased = errors.New("released")

// Err knows of no loss.
func (l *bareLease) Err() error {
	if l.released {
		return errReleased
	}
	return nil
}
