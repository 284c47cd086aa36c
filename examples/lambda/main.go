// Command lambda is an AWS Lambda function that works under a lock: it fetches a
// report and stores it. Of all calls for one report, in all of the function's
// environments, one at a time does.
//
// It reads LOCK_TABLE and REPORT_TABLE, the names of two tables of DynamoDB. The
// second has the string "report" as its key.
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o bootstrap .
//
// Reading order: this file, then handler.go.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
)

func main() {
	f, err := newFunction(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(f.handle)
}

// newFunction is called once for each environment: its calls share one Locker, and
// its connections.
func newFunction(ctx context.Context) (*function, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	db := dynamodb.NewFromConfig(cfg)
	locks, err := dynamo.New(db, os.Getenv("LOCK_TABLE"), func(o *dynamo.Options) {
		o.Owner = lambdacontext.LogStreamName // names the environment, and leads to its log
	})
	if err != nil {
		return nil, err
	}
	return &function{locks: locks, db: db, table: os.Getenv("REPORT_TABLE"), ttl: 15 * time.Second}, nil
}
