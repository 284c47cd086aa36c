package docs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

func onDynamolocksTable(ctx context.Context) (*dynamo.Locker, error) {
	return dynamo.Open(ctx, "locks", func(o *dynamo.Options) {
		o.Layout = dynamo.LayoutDynamolock
		o.PartitionKey = "key" // theirs by default; as in WithPartitionKeyName
	})
}

func onJavasTable(ctx context.Context) (*dynamo.Locker, error) {
	return dynamo.Open(ctx, "lockTable", func(o *dynamo.Options) {
		o.Layout = dynamo.LayoutJava
		o.PartitionKey = "key"                    // theirs by default; as in withPartitionKeyName
		o.SortKey, o.SortValue = "sort_key", "us" // only if the table has a sort key
	})
}

// doBoth runs fn with the lock held on the old table and on the new one. It excludes
// whoever uses either.
func doBoth(ctx context.Context, onOld, onNew locker.Locker, name string, fn func(context.Context, *locker.Lease) error) error {
	return locker.Do(ctx, onOld, name, func(ctx context.Context, _ *locker.Lease) error {
		return locker.Do(ctx, onNew, name, fn)
	})
}

// TestMigrateLayout shows that while both tables are in use a lock excludes whoever
// uses either.
func TestMigrateLayout(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodblocal.Endpoint(t))
	t.Setenv("AWS_ACCESS_KEY_ID", fmt.Sprintf("docs%d", time.Now().UnixNano()))
	ctx := t.Context()
	openNew := func(ctx context.Context) (*dynamo.Locker, error) { return dynamo.Open(ctx, "new") }
	var tables [3]*dynamo.Locker
	for i, open := range []func(context.Context) (*dynamo.Locker, error){onDynamolocksTable, onJavasTable, openNew} {
		l, err := open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close(ctx)
		if err := l.EnsureTable(ctx); err != nil {
			t.Fatalf("EnsureTable of table %d = %v, want nil", i, err)
		}
		tables[i] = l
	}
	for _, old := range tables[:2] {
		ran := false
		err := doBoth(ctx, old, tables[2], "job", func(ctx context.Context, lease *locker.Lease) error {
			ran = true
			for _, l := range []*dynamo.Locker{old, tables[2]} {
				if _, err := locker.TryAcquire(ctx, l, "job"); !errors.Is(err, locker.ErrHeld) {
					t.Errorf("TryAcquire = %v, want ErrHeld", err)
				}
			}
			if lease.Token() == 0 {
				t.Error("Token = 0, want that of the new table")
			}
			return nil
		})
		if err != nil || !ran {
			t.Errorf("doBoth = %v, ran = %v; want nil, true", err, ran)
		}
	}
}
