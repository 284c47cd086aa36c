package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// process is what the store gives to one worker: a Locker, to be closed at the end.
type process interface {
	locker.Locker
	Close(ctx context.Context) error
}

// opener opens the store for one more worker.
type opener func(worker string) (process, error)

// openStore returns the opener for locks in memory or, with a table, on DynamoDB.
// All that comes after it is the same for both.
func openStore(ctx context.Context, s *story, table, endpoint string) (opener, error) {
	if table == "" {
		s.say("", "the locks are in memory; for DynamoDB: -table NAME")
		store := memory.NewStore()
		return func(worker string) (process, error) {
			return store.Open(func(o *memory.Options) { o.Owner = worker }), nil
		}, nil
	}
	options, err := configured(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	l, err := dynamo.Open(ctx, table, func(o *dynamo.Options) { *o = options })
	if err != nil {
		return nil, err
	}
	defer l.Close(ctx)
	// Inspect tries once, so it fails at once where nobody answers.
	if _, err := l.Inspect(ctx, s.lock); errors.Is(err, locker.ErrUnavailable) {
		return nil, err
	}
	s.say("", "the locks are in DynamoDB table %q", table)
	wait, cancel := context.WithTimeout(ctx, 30*time.Second) // AWS takes some seconds to create a table
	defer cancel()
	if err := l.EnsureTable(wait); err != nil {
		return nil, err
	}
	return func(worker string) (process, error) {
		return dynamo.Open(ctx, table, func(o *dynamo.Options) { *o = options; o.Owner = worker })
	}, nil
}

// configured returns what differs from the default AWS configuration: the endpoint
// and, for a DynamoDB Local on a machine where nothing is set up, a region and
// credentials, which may be any.
func configured(ctx context.Context, endpoint string) (o dynamo.Options, err error) {
	if endpoint == "" {
		return o, nil
	}
	if os.Getenv("AWS_EC2_METADATA_DISABLED") == "" {
		os.Setenv("AWS_EC2_METADATA_DISABLED", "true") // looking for a machine's role takes seconds
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return o, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
	}
	o.Endpoint, o.Region, o.Credentials = endpoint, cfg.Region, cfg.Credentials
	return o, nil
}
