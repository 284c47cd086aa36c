package dynamo_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

// A program's locks, with the default AWS configuration.
func ExampleOpen() {
	ctx := context.Background()
	l, err := dynamo.Open(ctx, "locks")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close(ctx)

	err = locker.Do(ctx, l, "reports/daily", func(ctx context.Context, lease *locker.Lease) error {
		fmt.Println("writing the report, with token", lease.Token())
		return nil
	})
	if err != nil {
		log.Print(err)
	}
}

// A program that holds thousands of leases, and renews them by one write for all.
func ExampleOpen_sharedHeartbeat() {
	ctx := context.Background()
	l, err := dynamo.Open(ctx, "locks", func(o *dynamo.Options) {
		o.SharedHeartbeat = true
	})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close(ctx)
	for shard := range 5000 {
		if _, err := l.Acquire(ctx, fmt.Sprintf("shards/%d", shard)); err != nil {
			log.Print(err)
			return
		}
	}
}

// A client that the program has made itself, with any configuration.
func ExampleNew() {
	ctx := context.Background()
	// Renewals of many leases go to one host: keep their connections.
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	})
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		log.Fatal(err)
	}
	l, err := dynamo.New(dynamodb.NewFromConfig(cfg), "locks", func(o *dynamo.Options) {
		o.Owner = "report writer"
		o.DefaultTTL = 10 * time.Second
	})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close(ctx)
}

// The table is made ready when the program starts. On one that is ready already
// this changes nothing.
func ExampleLocker_EnsureTable() {
	ctx := context.Background()
	l, err := dynamo.Open(ctx, "locks")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close(ctx)

	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = l.EnsureTable(ctx, func(o *dynamo.TableOptions) { o.Tags = map[string]string{"team": "reports"} })
	if err != nil {
		log.Print(err)
	}
}

// The examples are compiled but not run, because they would look for AWS.
var _ = []any{ExampleOpen, ExampleOpen_sharedHeartbeat, ExampleNew, ExampleLocker_EnsureTable}
