package adapttest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }

// process is what the store gives to one process.
type process interface {
	locker.Locker
	locker.Inspector
}

// eachStore runs f, in parallel, on a store in memory and on DynamoDB. open opens it
// for one more process, which is closed at the end. Names begin with t.Name.
func eachStore(t *testing.T, f func(t *testing.T, open func() process)) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		store := memory.NewStore()
		f(t, func() process { return closed(t, store.Open()) })
	})
	t.Run("dynamo", func(t *testing.T) {
		t.Parallel()
		client := dynamodblocal.Client(t)
		table := sharedTable(t, client)
		f(t, func() process {
			l, err := dynamo.New(client, table)
			if err != nil {
				t.Fatal(err)
			}
			return closed(t, l)
		})
	})
}

// closed closes l when the test is over.
func closed[L interface {
	process
	Close(ctx context.Context) error
}](t *testing.T, l L) process {
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Errorf("Close = %v, want nil", err)
		}
	})
	return l
}

var table struct {
	once sync.Once
	name string
	err  error
}

// sharedTable returns the table that the tests of this process share.
func sharedTable(t *testing.T, client *dynamodb.Client) string {
	t.Helper()
	table.once.Do(func() {
		table.name = fmt.Sprintf("adapttest-%d", time.Now().UnixNano())
		var l *dynamo.Locker
		if l, table.err = dynamo.New(client, table.name); table.err == nil {
			table.err = l.EnsureTable(context.Background())
		}
	})
	if table.err != nil {
		t.Fatal(table.err)
	}
	return table.name
}

// lockName returns the name of a lock of this test alone.
func lockName(t *testing.T) string { return strings.ReplaceAll(t.Name(), "/", ".") }

// wantFree checks that nobody holds the lock called name.
func wantFree(t *testing.T, p process, name string) {
	t.Helper()
	info, err := p.Inspect(t.Context(), name)
	if err != nil || info.State != locker.StateFree {
		t.Errorf("%q is %v, error %v; want %v, nil", name, info.State, err, locker.StateFree)
	}
}

// await waits until ok returns true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting after a minute: %s", what)
		}
	}
}
