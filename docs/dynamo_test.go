package docs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }

// The code of the documents that needs a DynamoDB. Its tables have fixed names;
// DynamoDB Local keeps a set of tables for each access key, so that runs don't
// meet.
func TestDynamoDB(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodblocal.Endpoint(t))
	t.Setenv("AWS_ACCESS_KEY_ID", fmt.Sprintf("docs%d", time.Now().UnixNano()))
	ctx := t.Context()

	open(ctx)
	operate(ctx)
	createClient(ctx)
	createClientConfig(ctx)
	createClientDB(ctx)

	l, err := mixed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.EnsureTable(ctx); err != nil {
		t.Fatal(err)
	}
	if err := getLock(ctx, l); err != nil {
		t.Errorf("getLock = %v, want nil", err)
	}
	if err := getLock(ctx, l); !errors.Is(err, locker.ErrHeld) {
		t.Errorf("getLock again = %v, want ErrHeld", err)
	}
	if err := l.Close(ctx); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	if l, err = mixed(ctx); err != nil {
		t.Fatal(err)
	}
	if err := getLock(ctx, l); !errors.Is(err, locker.ErrHeld) {
		t.Errorf("getLock after Close = %v, want ErrHeld: WithMinHold keeps the name taken", err)
	}
	ran := false
	work := func(context.Context) error { ran = true; return nil }
	if err := do(ctx, l, work); err != nil || ran {
		t.Errorf("do on a name that is taken = %v, ran = %v; want nil, false", err, ran)
	}
	if err := do(ctx, locker.Prefix(l, "free/"), work); err != nil || !ran {
		t.Errorf("do = %v, ran = %v; want nil, true", err, ran)
	}
	if err := tables(ctx, l); err != nil {
		t.Errorf("tables = %v, want nil", err)
	}
}
