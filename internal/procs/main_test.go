//go:build unix

package procs

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
)

var (
	duration = flag.Duration("procs", time.Minute, "how long TestChaos lasts; beyond a minute the control has to lose updates")
	seed     = flag.Uint64("procs-seed", 0, "seed of what is drawn; 0: by the clock")
)

// ttl is that of the workers, but for TestRestart.
const ttl = 2 * time.Second

// limit is how soon a waiter has a killed holder's lock.
const limit = 2*ttl + dynamo.DefaultClockMargin

func TestMain(m *testing.M) {
	if c, ok := os.LookupEnv(workerVariable); ok {
		os.Exit(work(c))
	}
	os.Exit(dynamodblocal.Main(m))
}

// client returns a DynamoDB client of an endpoint that is not the test process's
// own, or in a process that is no test.
func client(endpoint string, optFns ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       dynamodblocal.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(dynamodblocal.AccessKeyID, dynamodblocal.SecretAccessKey, ""),
	}, optFns...)
}

// newTable makes a table of the test's own, and returns a Locker on it.
func newTable(t *testing.T, endpoint string) (*dynamo.Locker, string) {
	t.Helper()
	table := fmt.Sprintf("procs-%s-%d-%d", t.Name(), os.Getpid(), time.Now().UnixNano())
	l, err := dynamo.New(client(endpoint), table)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.DeleteTable(context.Background()) // the server may be gone, or have lost it
		_ = l.Close(context.Background())
	})
	return l, table
}
