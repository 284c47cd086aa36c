package dynamodblocal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// TestEndpoint is also .ci/run's proof of the way by which DynamoDB was had: the
// line that Main prints is in its output.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	useTable(t, Client(t))
	if again := Endpoint(t); again != Endpoint(t) {
		t.Errorf("Endpoint = %q, then another", again)
	}
}

// TestContainer and TestJava take one way each, whatever Endpoint would choose.
func TestContainer(t *testing.T) {
	t.Parallel()
	if err := findEngine(t.Context()); err != nil {
		t.Skip(err)
	}
	server, err := startContainer(t.Context())
	if err != nil {
		report(t, errors.Join(errUnavailable, err), required())
	}
	testServer(t, server)
}

func TestJava(t *testing.T) {
	t.Parallel()
	if err := checkJava(t.Context()); err != nil {
		t.Skip(err)
	}
	server, err := startJava(t.Context())
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err) // Java without Maven
	}
	if err != nil {
		report(t, errors.Join(errUnavailable, err), required())
	}
	testServer(t, server)
}

// testServer uses the server, stops it, and wants it gone.
func testServer(t *testing.T, server *Server) {
	t.Helper()
	t.Logf("%s at %s", server.How, server.Endpoint)
	useTable(t, dynamodb.New(options(server.Endpoint)))
	if err := server.Stop(); err != nil {
		t.Errorf("Stop = %v, want nil", err)
	}
	if err := probe(t.Context(), server.Endpoint); err == nil {
		t.Errorf("%s still answers after Stop", server.Endpoint)
	}
}

// useTable makes a table, has a conditional write refused with the old item,
// which is what the library's protocol rests upon, and deletes the table.
func useTable(t *testing.T, client *dynamodb.Client) {
	t.Helper()
	table := aws.String(t.Name())
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            table,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("name"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("name"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatalf("CreateTable = %v, want nil", err)
	}
	put := &dynamodb.PutItemInput{
		TableName:                           table,
		Item:                                map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: "a"}},
		ConditionExpression:                 aws.String("attribute_not_exists(#n)"),
		ExpressionAttributeNames:            map[string]string{"#n": "name"},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if _, err := client.PutItem(t.Context(), put); err != nil {
		t.Fatalf("first PutItem = %v, want nil", err)
	}
	_, err = client.PutItem(t.Context(), put)
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) || refused.Item["name"] == nil {
		t.Errorf("second PutItem = %v, want a refusal with the old item", err)
	}
	if _, err := client.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: table}); err != nil {
		t.Errorf("DeleteTable = %v, want nil", err)
	}
}

// TestRunInBubble shows that the server's goroutines and clock are those of run
// and not of the bubble that first asks for it.
func TestRunInBubble(t *testing.T) {
	t.Parallel()
	starts, stops := 0, 0
	var log strings.Builder
	p := newProcess(func(ctx context.Context) (*Server, error) {
		starts++
		go func() { <-ctx.Done() }() // would be a deadlock at the end of the bubble
		return &Server{Endpoint: "http://x", How: "fake", notes: []string{"no engine"}, stop: func() error { stops++; return nil }}, nil
	}, &log)
	code := p.run(func() int {
		synctest.Test(t, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if s, err := p.get(); err != nil || s.Endpoint != "http://x" {
						t.Errorf("get = %v, %v, want the server", s, err)
					}
				})
			}
			wg.Wait()
		})
		return 7
	})
	if code != 7 || starts != 1 || stops != 1 {
		t.Errorf("code %d, %d starts, %d stops, want 7, 1, 1", code, starts, stops)
	}
	want := "dynamodblocal: using fake at http://x\ndynamodblocal: not used: no engine\n"
	if log.String() != want {
		t.Errorf("log %q, want %q", log.String(), want)
	}
}

func TestRunUnused(t *testing.T) {
	t.Parallel()
	p := newProcess(func(context.Context) (*Server, error) {
		t.Error("started though nobody asked")
		return nil, errUnavailable
	}, t.Output())
	if code := p.run(func() int { return 0 }); code != 0 {
		t.Errorf("run = %d, want 0", code)
	}
}

func TestGetOutsideRun(t *testing.T) {
	t.Parallel()
	_, err := newProcess(nil, nil).get()
	if err == nil || !strings.Contains(err.Error(), "TestMain") {
		t.Errorf("get outside run = %v, want a hint at TestMain", err)
	}
}

// verdict records how report ended a test.
type verdict struct{ skipped, failed string }

func (*verdict) Helper()             {}
func (v *verdict) Skip(args ...any)  { v.skipped = fmt.Sprint(args...) }
func (v *verdict) Fatal(args ...any) { v.failed = fmt.Sprint(args...) }

func TestReport(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("%w: detail", errUnavailable)
	for _, tt := range []struct {
		name          string
		err           error
		required      bool
		skipped, want string
	}{
		{name: "unavailable", err: unavailable, skipped: "install Java 17 and Maven"},
		{name: "unavailable but required", err: unavailable, required: true, want: "LOCKER_REQUIRE_DYNAMODB=1"},
		{name: "broken", err: errors.New("broken"), want: "broken"},
		{name: "broken and required", err: errors.New("broken"), required: true, want: "broken"},
	} {
		var v verdict
		report(&v, tt.err, tt.required)
		if !strings.Contains(v.skipped, tt.skipped) || (v.skipped == "") != (tt.skipped == "") {
			t.Errorf("%s: skipped with %q, want %q in it", tt.name, v.skipped, tt.skipped)
		}
		if !strings.Contains(v.failed, tt.want) || (v.failed == "") != (tt.want == "") {
			t.Errorf("%s: failed with %q, want %q in it", tt.name, v.failed, tt.want)
		}
	}
}

func TestSetEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "secret", "AWS_ACCESS_KEY_ID": "real", endpointVariable: "http://127.0.0.1:8000",
	} {
		t.Setenv(name, value)
	}
	setEnvironment()
	for name, want := range map[string]string{
		"AWS_PROFILE": "", "AWS_SESSION_TOKEN": "", "AWS_ACCESS_KEY_ID": AccessKeyID, endpointVariable: "http://127.0.0.1:8000",
	} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}
