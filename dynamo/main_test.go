package dynamo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// prompt is how long whatever needs no waiting may take, on a machine that is busy
// with other things. It is far below the TTLs of the leases that it is used with.
const prompt = time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", "16") // most of these tests wait: they need time, not processors
	}
	code := dynamodblocal.Main(m)
	theTable.drop()
	for _, l := range layouts {
		l.table.drop()
	}
	os.Exit(code)
}

// theTable is the table that the tests of this process share.
var theTable sharedTable

type sharedTable struct {
	mu     sync.Mutex
	name   string
	client *dynamodb.Client
}

// use returns the name of the table, created by the first call.
func (s *sharedTable) use(t testing.TB) string {
	t.Helper()
	client := dynamodblocal.Client(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.name == "" {
		name := newTableName()
		createTable(t, client, name, types.AttributeDefinition{AttributeName: aws.String("name"), AttributeType: types.ScalarAttributeTypeS})
		s.name, s.client = name, client
	}
	return s.name
}

// drop deletes the table, where the server outlives the tests.
func (s *sharedTable) drop() {
	if s.name == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &s.name}, oneAttempt)
}

func newTableName() string { return fmt.Sprintf("holdfast-dynamo-%016x", rand.Uint64()) }

// createTable creates a table with the given key, the hash key first.
func createTable(t testing.TB, client *dynamodb.Client, name string, key ...types.AttributeDefinition) {
	t.Helper()
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: key}
	for i, def := range key {
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{
			AttributeName: def.AttributeName, KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i],
		})
	}
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatalf("CreateTable(%q) = %v, want nil", name, err)
	}
}

// tableNameFor returns the name of a table that the test may create, and that is
// deleted at its end.
func tableNameFor(t *testing.T) string {
	t.Helper()
	name, client := newTableName(), dynamodblocal.Client(t)
	t.Cleanup(func() {
		_, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		var missing *types.ResourceNotFoundException
		if err != nil && !errors.As(err, &missing) {
			t.Errorf("DeleteTable(%q) = %v, want nil", name, err)
		}
	})
	return name
}

// process is a Locker as one process has it, and the network before it.
type process struct {
	*Locker
	faults *faulthttp.Transport
}

// open opens a process on the shared table. Its owner is "A" unless told otherwise.
func open(t *testing.T, optFns ...func(*Options)) *process {
	t.Helper()
	return openOn(t, theTable.use(t), optFns...)
}

func openOn(t *testing.T, table string, optFns ...func(*Options)) *process {
	t.Helper()
	faults := faulthttp.New(nil)
	optFns = append([]func(*Options){owner("A")}, optFns...)
	l, err := New(dynamodblocal.Client(t, faults.Use), table, optFns...)
	if err != nil {
		t.Fatalf("New(%q) = %v, want nil", table, err)
	}
	t.Cleanup(func() {
		faults.Clear()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		l.Close(ctx)
		faults.CloseIdleConnections()
	})
	return &process{l, faults}
}

// owner is an option of open.
func owner(name string) func(*Options) { return func(o *Options) { o.Owner = name } }

// openWarm opens a process that knows the table and DynamoDB's time already, and
// begins to count.
func openWarm(t *testing.T, optFns ...func(*Options)) *process {
	t.Helper()
	p := open(t, optFns...)
	p.warm(t)
	return p
}

func (p *process) warm(t *testing.T) {
	t.Helper()
	lease, err := p.Acquire(t.Context(), fmt.Sprintf("%s/warm/%016x", t.Name(), rand.Uint64()))
	if err != nil {
		t.Fatalf("first Acquire = %v, want nil", err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("first Release = %v, want nil", err)
	}
	p.faults.Reset()
}

// cutOff is what a holder looks like that crashed: nothing that it sends arrives.
func (p *process) cutOff() { p.faults.Inject(faulthttp.Any, -1, faulthttp.Drop()) }

// wantCounts checks what was sent since the last Reset, and resets.
func (p *process) wantCounts(t *testing.T, what string, want counts) {
	t.Helper()
	if got := p.faults.Counts(); !maps.Equal(got, want) {
		t.Errorf("%s sent %v, want %v", what, got, want)
	}
	p.faults.Reset()
}

// counts are requests by operation.
type counts = map[string]int

// acquire takes the lock, which has to work.
func acquire(t *testing.T, p *process, name string, opts ...locker.Option) *locker.Lease {
	t.Helper()
	lease, err := locker.TryAcquire(t.Context(), p, name, opts...)
	if err != nil {
		t.Fatalf("TryAcquire(%q) = %v, want nil", name, err)
	}
	return lease
}

// refuse tries to take the lock, which has to fail because another holds it.
func refuse(t *testing.T, p *process, name string, opts ...locker.Option) *locker.HeldError {
	t.Helper()
	lease, err := locker.TryAcquire(t.Context(), p, name, opts...)
	var held *locker.HeldError
	if !errors.As(err, &held) {
		t.Fatalf("TryAcquire(%q) = %v, %v, want a *HeldError", name, lease, err)
	}
	return held
}

// attributes of an item.
type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

// readItem returns the item as the table has it.
func readItem(t *testing.T, name string) attributes {
	t.Helper()
	table := theTable.use(t)
	out, err := dynamodblocal.Client(t).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key(name), ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatalf("GetItem(%q) = %v, want nil", name, err)
	}
	return out.Item
}

// writeItem writes an item behind everybody's back.
func writeItem(t *testing.T, name string, attrs attributes) {
	t.Helper()
	table, it := theTable.use(t), maps.Clone(attrs)
	it["name"] = text(name)
	if _, err := dynamodblocal.Client(t).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it}); err != nil {
		t.Fatalf("PutItem(%q) = %v, want nil", name, err)
	}
}

// deleteItem deletes an item behind everybody's back.
func deleteItem(t *testing.T, name string) {
	t.Helper()
	table := theTable.use(t)
	if _, err := dynamodblocal.Client(t).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key(name)}); err != nil {
		t.Fatalf("DeleteItem(%q) = %v, want nil", name, err)
	}
}

// readDecoded returns the item as this package reads it.
func readDecoded(t *testing.T, name string) item {
	t.Helper()
	it, err := decode(name, readItem(t, name))
	if err != nil {
		t.Fatalf("decode(%q) = %v, want nil", name, err)
	}
	return it
}

// eventually polls until cond holds, and fails the test after limit.
func eventually(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for begin := time.Now(); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// events collects what an observer hears.
type events struct {
	mu  sync.Mutex
	all []locker.Event
}

func (e *events) observe(o *Options) {
	o.Observer = func(_ context.Context, ev locker.Event) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.all = append(e.all, ev)
	}
}

// of returns the events of a kind.
func (e *events) of(kind locker.EventKind) []locker.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []locker.Event
	for _, ev := range e.all {
		if ev.Kind == kind {
			found = append(found, ev)
		}
	}
	return found
}
