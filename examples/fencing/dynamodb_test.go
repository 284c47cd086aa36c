package fencing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// bank is a table of accounts.
type bank struct {
	db    *dynamodb.Client
	table string
}

func newBank(t *testing.T, optFns ...func(*dynamodb.Options)) bank {
	t.Helper()
	b := bank{dynamodblocal.Client(t, optFns...), fmt.Sprintf("holdfast-fencing-%d", time.Now().UnixNano())}
	_, err := b.db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &b.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("account"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("account"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.db.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &b.table}) })
	return b
}

// balance returns the balance of an account.
func (b bank) balance(t *testing.T, account string) string {
	t.Helper()
	out, err := b.db.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &b.table, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"account": &types.AttributeValueMemberS{Value: account}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item["balance"].(*types.AttributeValueMemberN).Value
}

func TestDynamoDB(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	fenced(t, func(value string, token locker.Token) error {
		return PutBalance(t.Context(), b.db, b.table, "a", value, leaseWith(t, token))
	}, func() string { return b.balance(t, "a") })
}

// A transfer is carried out while its lease has the lock, whatever it meets, and not
// any more once another has.
func TestTransfer(t *testing.T) {
	t.Parallel()
	faults := faulthttp.New(nil)
	b := newBank(t, faults.Use)
	locks, err := dynamo.New(b.db, b.table+"-locks")
	if err != nil {
		t.Fatal(err)
	}
	defer locks.Close(context.Background())
	if err := locks.EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer locks.DeleteTable(context.Background())
	lease, err := locks.Acquire(t.Context(), "accounts")
	if err != nil {
		t.Fatal(err)
	}
	for account, balance := range map[string]string{"a": "100", "b": "0"} {
		if err := PutBalance(t.Context(), b.db, b.table, account, balance, lease); err != nil {
			t.Fatal(err)
		}
	}
	transfer := func(amount int) error {
		return Transfer(t.Context(), b.db, locks, lease, b.table, "a", "b", amount)
	}
	want := func(a, z string) {
		t.Helper()
		if gotA, gotZ := b.balance(t, "a"), b.balance(t, "b"); gotA != a || gotZ != z {
			t.Errorf("the balances are %s and %s, want %s and %s", gotA, gotZ, a, z)
		}
	}
	if err := transfer(30); err != nil {
		t.Errorf("Transfer = %v, want nil", err)
	}
	want("70", "30")
	faults.Inject("TransactWriteItems", 2, faulthttp.ErrorWith(400, "TransactionCanceledException", "Transaction cancelled", map[string]any{
		"CancellationReasons": []map[string]string{{"Code": "TransactionConflict"}, {"Code": "None"}, {"Code": "None"}},
	}))
	if err := transfer(20); err != nil {
		t.Errorf("Transfer that meets two renewals = %v, want nil", err)
	}
	want("50", "50")
	var canceled *types.TransactionCanceledException
	if err := transfer(51); !errors.As(err, &canceled) || errors.Is(err, locker.ErrLost) {
		t.Errorf("Transfer of more than there is = %v, want it refused, and not as a loss", err)
	}
	want("50", "50")

	faults.Inject("TransactWriteItems", 1, func(c *faulthttp.Call) (*http.Response, error) { // the holder is paused before the send
		other, err := dynamo.New(dynamodblocal.Client(t), b.table+"-locks")
		if err != nil {
			t.Error(err)
			return c.Send()
		}
		info, err := other.Inspect(t.Context(), "accounts")
		if err := errors.Join(err, other.Break(t.Context(), info, locker.FreeNow())); err != nil {
			t.Error(err)
		}
		if _, err := other.Acquire(t.Context(), "accounts"); err != nil {
			t.Error(err)
		}
		return c.Send()
	})
	if err := transfer(10); !errors.Is(err, locker.ErrLost) || lease.Err() != nil {
		t.Errorf("Transfer of a holder that comes late = %v, its lease %v; want ErrLost, though it believes", err, lease.Err())
	}
	want("50", "50")
	lease.Renew(t.Context())
	if err := transfer(10); !errors.Is(err, locker.ErrLost) {
		t.Errorf("Transfer after the loss has shown = %v, want ErrLost", err)
	}
}
