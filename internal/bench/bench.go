package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/dynamodblocal"
)

// bench is one run of the program.
type bench struct {
	*settings
	endpoint string
	keyID    string // DynamoDB Local keeps tables apart by it: runs don't meet
	machine  machine
	out      io.Writer
	progress *progress
	stop     func() error
}

const secret = "local"

// newBench finds or starts a DynamoDB Local.
func newBench(ctx context.Context, s *settings) (*bench, error) {
	server, err := dynamodblocal.Start(ctx)
	if err != nil {
		return nil, err
	}
	b := benchAt(s, server.Endpoint)
	b.stop = server.Stop
	b.machine.DynamoDB = s.server
	if s.server == "" {
		b.machine.DynamoDB = "DynamoDB Local"
		if _, version, ok := strings.Cut(dynamodblocal.Image, ":"); ok && os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") == "" {
			b.machine.DynamoDB += " " + version
		}
	}
	return b, nil
}

// benchAt is a bench on a DynamoDB that runs.
func benchAt(s *settings, endpoint string) *bench {
	return &bench{
		settings: s, endpoint: endpoint,
		keyID:    fmt.Sprintf("bench%d", time.Now().UnixNano()),
		out:      os.Stdout,
		progress: newProgress(os.Stderr),
		stop:     func() error { return nil },
		machine:  machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()},
	}
}

func (b *bench) close() {
	if err := b.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: stop DynamoDB Local:", err)
	}
}

// client is the SDK's client, on an HTTP client of its own.
func (b *bench) client(optFns ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String(b.endpoint), Region: dynamodblocal.Region,
		Credentials: credentials.NewStaticCredentialsProvider(b.keyID, secret, ""),
	}, optFns...)
}

// createTable makes a table with hash key and, unless empty, range key of type S.
func (b *bench) createTable(ctx context.Context, name, hash, sort string) error {
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	for key, kind := range map[string]types.KeyType{hash: types.KeyTypeHash, sort: types.KeyTypeRange} {
		if key == "" {
			continue
		}
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(key), AttributeType: types.ScalarAttributeTypeS})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String(key), KeyType: kind})
	}
	if sort != "" && in.KeySchema[0].KeyType != types.KeyTypeHash { // it comes first
		in.KeySchema[0], in.KeySchema[1] = in.KeySchema[1], in.KeySchema[0]
	}
	_, err := b.client().CreateTable(ctx, in)
	return err
}

// library is one that is measured.
type library struct {
	of         string // in tables; empty: this one
	hash, sort string // keys of its table
	cannotWait bool
	command    func(ctx context.Context) *exec.Cmd
}

var holdfast = library{hash: "name", command: func(ctx context.Context) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.CommandContext(ctx, self)
}}

// direct as a delay: not through the proxy.
const direct = time.Duration(-1)

// worker starts a process of the library on a table. A ttl of 0 is the library's
// default.
func (b *bench) worker(ctx context.Context, l library, table string, ttl, delay time.Duration, env ...string) (*process, error) {
	env = append(env,
		workerVariable+"="+table,
		ttlVariable+"="+strconv.FormatInt(ttl.Milliseconds(), 10),
		"AWS_REGION="+dynamodblocal.Region, "AWS_DEFAULT_REGION="+dynamodblocal.Region,
		"AWS_ACCESS_KEY_ID="+b.keyID, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	p, err := start(ctx, b.endpoint, delay, l.command(ctx), env)
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	return p, nil
}

// workers starts n processes on a new table.
func (b *bench) workers(ctx context.Context, n int, table string) ([]*process, error) {
	if err := b.createTable(ctx, table, holdfast.hash, holdfast.sort); err != nil {
		return nil, err
	}
	all := make([]*process, 0, n)
	for range n {
		p, err := b.worker(ctx, holdfast, table, 0, 0)
		if err != nil {
			quitAll(all)
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func quitAll(all []*process) {
	for _, p := range all {
		p.quit()
	}
}
