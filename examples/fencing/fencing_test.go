package fencing

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }

// fenced writes with one token after the other, and wants those refused, and to
// change nothing, that are below a token before them.
func fenced(t *testing.T, write func(value string, token locker.Token) error, read func() string) {
	t.Helper()
	kept := ""
	for i, step := range []struct {
		token locker.Token
		ok    bool
	}{{5, true}, {5, true}, {4, false}, {9, true}, {5, false}, {9, true}, {1 << 52, true}, {9, false}} {
		value := fmt.Sprint(100 + i)
		err := write(value, step.token)
		if step.ok {
			kept = value
		}
		if step.ok && err != nil || !step.ok && !errors.Is(err, locker.ErrStale) {
			t.Errorf("write %d, with token %v, = %v, want it accepted: %v", i, step.token, err, step.ok)
		}
		if got := read(); got != kept {
			t.Errorf("after write %d the value is %q, want %q", i, got, kept)
		}
	}
}

// reports is a database with one table, and one row, that knows one statement.
type reports struct {
	mu    sync.Mutex
	body  string
	token int64
}

func (r *reports) Connect(context.Context) (driver.Conn, error) { return conn{r}, nil }
func (r *reports) Driver() driver.Driver                        { return nil }

type conn struct{ r *reports }

func (conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not supported") }
func (conn) Begin() (driver.Tx, error)           { return nil, errors.New("not supported") }
func (conn) Close() error                        { return nil }

func (c conn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	const known = "UPDATE reports SET body = $1, token = $2 WHERE id = $3 AND token <= $2"
	if query != known || len(args) != 3 {
		return nil, fmt.Errorf("unknown statement %q with %v", query, args)
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	token := args[1].Value.(int64)
	if args[2].Value != "daily" || c.r.token > token {
		return driver.RowsAffected(0), nil
	}
	c.r.body, c.r.token = args[0].Value.(string), token
	return driver.RowsAffected(1), nil
}

func TestSQL(t *testing.T) {
	t.Parallel()
	var r reports
	db := sql.OpenDB(&r)
	defer db.Close()
	fenced(t, func(value string, token locker.Token) error {
		return WriteReport(t.Context(), db, "daily", value, token)
	}, func() string { return r.body })
}

func TestDynamoDB(t *testing.T) {
	t.Parallel()
	db := dynamodblocal.Client(t)
	table := fmt.Sprintf("holdfast-fencing-%d", time.Now().UnixNano())
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("account"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("account"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.DeleteTable(context.WithoutCancel(t.Context()), &dynamodb.DeleteTableInput{TableName: &table})
	fenced(t, func(value string, token locker.Token) error {
		return PutBalance(t.Context(), db, table, "a", value, token)
	}, func() string {
		out, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: &table, ConsistentRead: aws.Bool(true),
			Key: map[string]types.AttributeValue{"account": &types.AttributeValueMemberS{Value: "a"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.Item["balance"].(*types.AttributeValueMemberN).Value
	})
}

// bucket is an object as S3 keeps it, for HEAD and for PUT with If-Match.
type bucket struct {
	mu          sync.Mutex
	body, token string
	version     int
	meanwhile   func() // called between a HEAD and what follows
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	etag := fmt.Sprintf("%q", fmt.Sprint(b.version))
	switch {
	case r.Method == http.MethodHead:
		w.Header().Set("ETag", etag)
		if b.token != "" {
			w.Header().Set(tokenHeader, b.token)
		}
		if b.meanwhile != nil {
			b.meanwhile()
		}
	case r.Header.Get("If-Match") != etag:
		w.WriteHeader(http.StatusPreconditionFailed)
	default:
		body, _ := io.ReadAll(r.Body)
		b.body, b.token, b.version = string(body), r.Header.Get(tokenHeader), b.version+1
	}
}

func TestObject(t *testing.T) {
	t.Parallel()
	var b bucket
	server := httptest.NewServer(&b)
	defer server.Close()
	fenced(t, func(value string, token locker.Token) error {
		return PutObject(t.Context(), server.Client(), server.URL, []byte(value), token)
	}, func() string { return b.body })

	// A later holder comes between the look and the write of one that was paused.
	b.meanwhile = func() { b.body, b.token, b.version = "the later one's", locker.Token(1<<52+1).String(), b.version+1 }
	if err := PutObject(t.Context(), server.Client(), server.URL, []byte("late"), 1<<52); err == nil || b.body != "the later one's" {
		t.Errorf("PutObject = %v, and the object is %q, want it refused", err, b.body)
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	var s Register
	server := httptest.NewServer(&s)
	defer server.Close()
	put := func(value, token string) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"?value="+value, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Fencing-Token", token)
		resp, err := server.Client().Do(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	fenced(t, func(value string, token locker.Token) error {
		status, err := put(value, token.String())
		if status == http.StatusConflict {
			return locker.ErrStale
		}
		return err
	}, func() string { return s.value })
	for _, token := range []string{"", "0", "-1", strings.Repeat("9", 30)} {
		if status, err := put("x", token); status != http.StatusBadRequest || err != nil {
			t.Errorf("a write with token %q is answered with %d, %v, want %d", token, status, err, http.StatusBadRequest)
		}
	}
}
