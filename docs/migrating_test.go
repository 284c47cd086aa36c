package docs

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

func createClient(ctx context.Context) {
	l, err := dynamo.Open(ctx, "lockTable")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close(ctx)
}

func createClientConfig(ctx context.Context) {
	l, err := dynamo.Open(ctx, "lockTable", func(o *dynamo.Options) {
		o.Region = "us-east-1"
		o.Credentials = credentials.NewStaticCredentialsProvider("akid", "secret", "")
	})
	if err != nil {
		log.Fatal(err)
	}
	_ = l
}

func createClientDB(ctx context.Context) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	db := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = aws.String("http://127.0.0.1:8000") })
	l, err := dynamo.New(db, "lockTable")
	if err != nil {
		log.Fatal(err)
	}
	_ = l
}

func getLock(ctx context.Context, l locker.Locker) error {
	_, err := locker.TryAcquire(ctx, l, "testLock",
		locker.WithTTL(10*time.Second), locker.WithoutRenewal(), locker.WithMinHold(10*time.Second))
	if errors.Is(err, locker.ErrHeld) {
		log.Print("held by another: ", err)
	} else if err != nil {
		log.Print("not acquired: ", err)
	}
	return err
}

func do(ctx context.Context, l locker.Locker, work func(context.Context) error) error {
	err := locker.Do(ctx, l, "testLock", func(ctx context.Context, _ *locker.Lease) error {
		return work(ctx)
	}, locker.NoWait(), locker.WithTTL(10*time.Second))
	if errors.Is(err, locker.ErrHeld) {
		return nil // another does it
	}
	return err // work's own, a lost lease, or what the store said
}

func tables(ctx context.Context, l *dynamo.Locker) error {
	if err := l.CreateTable(ctx); err != nil && !errors.Is(err, dynamo.ErrTableExists) {
		return err
	}
	return l.DeleteTable(ctx)
}

func mixed(ctx context.Context) (*dynamo.Locker, error) {
	return dynamo.Open(ctx, "lockTable", func(o *dynamo.Options) {
		o.ClockMargin = 5 * time.Second // while Node processes use the table
	})
}
