//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// ttl is that of environments whose leases have to end, limit that of others; and
// how long anything may take.
const (
	ttl   = 4 * time.Second
	limit = time.Minute
)

// TestFrozenBetween freezes an environment, once its call has released, for longer
// than a lease lasts: others have the lock at once meanwhile, and the next call
// acquires it anew.
func TestFrozenBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := newEnvironment(t, w.tables, "", ttl)
	first := w.stores(a, "a")
	await(t, a.idle, "the environment asks for the next event")
	a.freeze()

	if info := w.inspect(); info.State != locker.StateFree {
		t.Errorf("after a call that has returned: Inspect = %+v, want it free", info)
	}
	second := w.stores(newEnvironment(t, w.tables, "", limit), "b")
	frozen := time.NewTimer(ttl + ttl/2)
	<-frozen.C
	a.thaw()
	a.idle <- struct{}{} // that it asks is known
	third := w.stores(a, "c")
	if first >= second || second >= third {
		t.Errorf("tokens %v, %v, %v, want them to rise", first, second, third)
	}
	w.stored("c", third)
}

// TestFrozenInside freezes an environment in the middle of its call, between taking
// the lock and the write. Another takes the lock over when the lease has ended. The
// first fails before its write, and leaves the lock to the other.
func TestFrozenInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := newEnvironment(t, w.tables, "", ttl)
	a.send(w.event())
	atSource := await(t, w.asked, "the first call is at its source")
	old := w.inspect()
	a.freeze()

	b := newEnvironment(t, w.tables, "", limit)
	held, answerB := w.untilHeld(b)
	if held.AcquisitionID == old.AcquisitionID || held.Token <= old.Token {
		t.Errorf("the second call holds %+v, want another acquisition than %+v, with a higher token", held, old)
	}
	a.thaw()
	atSource <- "late"
	if got := a.answer(); !got.failed || !strings.Contains(got.body, "lost") || strings.Contains(got.body, "stale") {
		t.Errorf("the call that was frozen answers %+v, want that its lease was lost, before it wrote", got)
	}
	if got := w.inspect(); got.AcquisitionID != held.AcquisitionID || got.State != locker.StateHeld {
		t.Errorf("then: Inspect = %+v, want it held by %+v still", got, held)
	}
	answerB <- "b"
	w.stored("b", w.answered(b))
}

// TestFrozenHolding freezes an environment whose call has returned without releasing.
// At its next call the lease is lost: by its first look, by Ensure, and by Release,
// which leaves the lock to the other.
func TestFrozenHolding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := newEnvironment(t, w.tables, "keeps", ttl)
	a.send(w.event())
	var kept findings
	w.decode(a.answer(), &kept)
	await(t, a.idle, "the environment asks for the next event")
	a.freeze()

	b := newEnvironment(t, w.tables, "", limit)
	held, answerB := w.untilHeld(b)
	if held.Token <= kept.Token {
		t.Errorf("the second call holds token %v, want one above %v", held.Token, kept.Token)
	}
	a.thaw()
	a.idle <- struct{}{} // that it asks is known
	a.send(w.event())
	var found findings
	w.decode(a.answer(), &found)
	if want := (findings{kept.Token, true, true, true}); found != want {
		t.Errorf("the lease that was kept: %+v, want %+v", found, want)
	}
	if got := w.inspect(); got.AcquisitionID != held.AcquisitionID || got.State != locker.StateHeld {
		t.Errorf("then: Inspect = %+v, want it held by %+v still", got, held)
	}
	answerB <- "b"
	w.stored("b", w.answered(b))
}

// tables are where the environments of a test meet.
type tables struct{ endpoint, locks, reports string }

// world is what is outside of a test's environments.
type world struct {
	t      *testing.T
	tables tables
	locks  *dynamo.Locker
	db     *dynamodb.Client
	source *httptest.Server
	asked  chan chan<- string // told of each call at the source, with where to put the report
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: dynamodblocal.Client(t), asked: make(chan chan<- string)}
	unique := fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	w.tables = tables{dynamodblocal.Endpoint(t), "locks-" + unique, "reports-" + unique}
	var err error
	if w.locks, err = dynamo.New(w.db, w.tables.locks); err != nil {
		t.Fatal(err)
	}
	if err := w.locks.EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = w.db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String(w.tables.reports),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("report"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("report"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	w.source = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		report := make(chan string, 1)
		select {
		case w.asked <- report:
		case <-ended:
			return
		}
		select {
		case text := <-report:
			fmt.Fprint(rw, text)
		case <-ended:
		}
	}))
	t.Cleanup(func() {
		close(ended)
		w.source.Close()
		ctx := context.Background()
		_ = w.locks.DeleteTable(ctx) // a server of the test's own ends anyway
		_, _ = w.db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &w.tables.reports})
		_ = w.locks.Close(ctx)
	})
	return w
}

func (w *world) event() event { return event{Report: w.t.Name(), Source: w.source.URL} }

// stores has an environment store a report, and returns the token.
func (w *world) stores(e *environment, report string) locker.Token {
	w.t.Helper()
	e.send(w.event())
	await(w.t, w.asked, "the call is at its source") <- report
	return w.answered(e)
}

// untilHeld sends an event again, as Lambda does, until its call holds the lock and
// is at its source. It returns who holds, and where to put the report.
func (w *world) untilHeld(e *environment) (locker.Info, chan<- string) {
	w.t.Helper()
	for begin := time.Now(); time.Since(begin) < limit; {
		e.send(w.event())
		select {
		case report := <-w.asked:
			return w.inspect(), report
		case got := <-e.answers:
			var r result
			if w.decode(got, &r); r.Stored {
				w.t.Fatalf("the function answers %+v, want it to be refused", got)
			}
		case <-time.After(limit):
		}
		time.Sleep(250 * time.Millisecond)
	}
	w.t.Fatal("the lock is not taken over")
	panic("unreachable")
}

// answered returns the token of a call that has stored its report.
func (w *world) answered(e *environment) locker.Token {
	w.t.Helper()
	var r result
	got := e.answer()
	if w.decode(got, &r); !r.Stored {
		w.t.Fatalf("the function answers %+v, want that the report is stored", got)
	}
	return r.Token
}

func (w *world) decode(a answer, v any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); a.failed || err != nil {
		w.t.Fatalf("the function answers %+v, want no error", a)
	}
}

func (w *world) inspect() locker.Info {
	w.t.Helper()
	info, err := w.locks.Inspect(w.t.Context(), "report/"+w.t.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	return info
}

// stored checks what the table of reports has.
func (w *world) stored(body string, token locker.Token) {
	w.t.Helper()
	out, err := w.db.GetItem(w.t.Context(), &dynamodb.GetItemInput{
		TableName:      &w.tables.reports,
		ConsistentRead: aws.Bool(true),
		Key:            map[string]types.AttributeValue{"report": &types.AttributeValueMemberS{Value: w.t.Name()}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	gotBody, _ := out.Item["body"].(*types.AttributeValueMemberS)
	gotToken, _ := out.Item["fence"].(*types.AttributeValueMemberN)
	if gotBody == nil || gotToken == nil || gotBody.Value != body || gotToken.Value != token.String() {
		w.t.Errorf("the report is %+v, want %q with token %v", out.Item, body, token)
	}
}

func isLost(err error) bool {
	var lost *locker.LostError
	return errors.As(err, &lost)
}
