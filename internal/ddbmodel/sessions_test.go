package ddbmodel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// host is a process's way to the table, which can be cut.
type host struct {
	dynamo.API
	cut atomic.Bool

	mu   sync.Mutex
	sent []string // update expressions and conditions
}

func (h *host) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if h.cut.Load() {
		return nil, errors.New("test: the network is gone")
	}
	h.mu.Lock()
	h.sent = append(h.sent, *in.UpdateExpression+" IF "+*in.ConditionExpression)
	h.mu.Unlock()
	return h.API.UpdateItem(ctx, in, opts...)
}

// has checks that a write like this was sent.
func (h *host) has(t *testing.T, part string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.ContainsFunc(h.sent, func(s string) bool { return strings.Contains(s, part) }) {
		t.Errorf("no write with %q was sent", part)
	}
}

// TestDifferentialSessions is TestDifferentialLocker for locks that are bound to a
// session: they are marked, and taken over from a process that has died.
func TestDifferentialSessions(t *testing.T) {
	client := dynamodblocal.Client(t)
	table := newTable(t, client)
	both := &tee{API: client, t: t, model: ddbmodel.NewAPI(ddbmodel.Direct(newModel(table), time.Now))}
	dead, heir := &host{API: both}, &host{API: both}
	opens := func(api dynamo.API, owner string) *dynamo.Locker {
		l, err := dynamo.New(api, table, func(o *dynamo.Options) { o.SharedHeartbeat, o.Owner = true, owner })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close(context.Background()) })
		return l
	}
	a, b := opens(dead, "a"), opens(heir, "b")
	for i := range 3 {
		if _, err := a.Acquire(t.Context(), fmt.Sprint(i), locker.WithTTL(time.Second)); err != nil {
			t.Fatalf("Acquire = %v, want nil", err)
		}
	}
	time.Sleep(time.Second) // the first renewals bind
	time.AfterFunc(500*time.Millisecond, func() { dead.cut.Store(true) })
	for i := range 3 {
		lease, err := b.Acquire(t.Context(), fmt.Sprint(i), locker.WithTTL(time.Second))
		if err != nil {
			t.Fatalf("Acquire = %v, want nil", err)
		}
		defer lease.Release(context.Background())
	}
	time.Sleep(500 * time.Millisecond)
	dead.has(t, "#session = :session")
	heir.has(t, "#session = :session")
	heir.has(t, "#wanted = :wanted")
	heir.has(t, "#token < :first")
	heir.has(t, "REMOVE #ttl, #owner, #acquired IF #guid = :seen") // ends the session
}
