package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"example.com/holdfast/dynamo"
)

// lookTime bounds commands that ask DynamoDB and end.
const lookTime = 30 * time.Second

// open opens the lock table.
func (a *app) open(ctx context.Context, optFns ...func(*dynamo.Options)) (*dynamo.Locker, error) {
	client, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	return dynamo.New(client, a.table, optFns...)
}

// with calls f with a Locker, for a command that ends soon.
func (a *app) with(ctx context.Context, f func(context.Context, *dynamo.Locker) error) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close(ctx)
	return f(ctx, l)
}

// client returns DynamoDB's own client.
func (a *app) client(ctx context.Context) (*dynamodb.Client, error) {
	if u, err := url.Parse(a.endpoint); a.endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, usagef("--endpoint %q: want a URL such as http://127.0.0.1:8000", a.endpoint)
	}
	cfg, err := a.config(ctx)
	if err != nil {
		return nil, err
	}
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		if a.endpoint != "" {
			o.BaseEndpoint = aws.String(a.endpoint)
		}
	}), nil
}

// config is the usual AWS configuration. The SDK logs nothing: a cron job that has
// nothing to tell must be silent. For a DynamoDB Local on a machine where nothing is
// set up it has a region and credentials, which may be any.
func (a *app) config(ctx context.Context) (aws.Config, error) {
	opts := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if a.endpoint != "" && os.Getenv("AWS_EC2_METADATA_DISABLED") == "" {
		opts = append(opts, config.WithEC2IMDSClientEnableState(imds.ClientDisabled)) // looking for a machine's role takes seconds
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return cfg, fmt.Errorf("AWS configuration: %w", err)
	}
	if a.endpoint == "" {
		return cfg, nil
	}
	cfg.Region = cmp.Or(cfg.Region, "us-east-1")
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
	}
	return cfg, nil
}
