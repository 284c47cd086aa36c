package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }

// runTwo runs the program twice at once, and checks that both tell the story.
func runTwo(t *testing.T, table, endpoint string) {
	t.Helper()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			var out bytes.Buffer
			start := time.Now()
			err := run(t.Context(), &out, table, endpoint)
			if d := time.Since(start); err != nil || d > 15*time.Second {
				t.Errorf("run = %v after %v, want nil within 15s; it printed:\n%s", err, d, &out)
				return
			}
			for _, want := range []string{"carol  has a good lease", "TAKES OVER", "refused by the file", "the file is whole: 9 entries"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not print %q but:\n%s", want, &out)
				}
			}
		})
	}
	both.Wait()
}

func TestMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) { runTwo(t, "", "") })
}

// Two at once on a table that is missing, then again on the one that is there.
func TestDynamoDB(t *testing.T) {
	client := dynamodblocal.Client(t)
	t.Setenv("TMPDIR", t.TempDir())
	table := fmt.Sprintf("quickstart-%d", time.Now().UnixNano())
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: aws.String(table)}); err != nil {
			t.Error(err)
		}
	})
	for range 2 {
		runTwo(t, table, dynamodblocal.Endpoint(t))
	}
}

func TestUnreachable(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	if err := run(t.Context(), &out, "locks", "http://127.0.0.1:1"); err == nil {
		t.Errorf("run without a DynamoDB = nil, want an error; it printed:\n%s", &out)
	}
}

// With nothing set up a DynamoDB Local gets a region and credentials; what is set
// up is used.
func TestConfigure(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	check := func(region, key string) {
		t.Helper()
		o, err := configured(t.Context(), "http://127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		got, err := o.Credentials.Retrieve(t.Context())
		if err != nil || o.Region != region || got.AccessKeyID != key {
			t.Errorf("region %q, access key %q, error %v; want %q, %q, nil", o.Region, got.AccessKeyID, err, region, key)
		}
	}
	check("us-east-1", "local")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "own")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "own")
	check("eu-west-1", "own")
}

// The check at the end finds what it is there to find.
func TestVerify(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	good := "entry 1 token 7 by ann\nentry 2 token 9 by ben\n"
	for name, content := range map[string]string{
		"torn":    good + "entry 3 tok",
		"joined":  "entry 1 token 7 by annentry 2 token 9 by ben\n",
		"lost":    "entry 1 token 7 by ann\n",
		"skipped": "entry 1 token 7 by ann\nentry 3 token 9 by ben\n",
		"twice":   "entry 1 token 7 by ann\nentry 1 token 9 by ben\n",
		"order":   "entry 1 token 9 by ann\nentry 2 token 7 by ben\n",
		"empty":   "",
		"other":   "entry 1 token 7 by ann\nentry 2 token 9 by eve\n",
	} {
		file := newTestLedger(t, content)
		if err := file.verify(map[string]int{"ann": 1, "ben": 1}); err == nil {
			t.Errorf("%s: verify = nil, want an error", name)
		}
	}
	if err := newTestLedger(t, good).verify(map[string]int{"ann": 1, "ben": 1}); err != nil {
		t.Errorf("verify = %v, want nil", err)
	}
}

func newTestLedger(t *testing.T, content string) *ledger {
	t.Helper()
	file, err := newLedger()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file.path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAppendStale(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	file := newTestLedger(t, "")
	for _, token := range []locker.Token{1, 2, 2} {
		if err := file.append(token, 1, "ann"); err != nil {
			t.Errorf("append with token %v = %v, want nil", token, err)
		}
	}
	if err := file.append(1, 1, "ben"); err == nil {
		t.Error("append with token 1 after 2 = nil, want an error")
	}
	if n, err := file.count(); n != 3 || err != nil {
		t.Errorf("count = %d, %v; want 3, nil", n, err)
	}
}
