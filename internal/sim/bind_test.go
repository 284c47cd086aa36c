package sim

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/locker"
)

// heart is a way to a store that loses, once it is told to, the heartbeats of
// sessions before they arrive; and the answers to writes that bind, with all that
// follows of that name, but for its release if that is said.
type heart struct {
	to ddbmodel.Transport

	mu       sync.Mutex
	silent   bool // what is said above is lost
	releases bool // but not this
	beats    bool // and not the heartbeats
	bound    map[string]bool
}

func (h *heart) send(ctx context.Context, request any) (ddbmodel.Answer, error) {
	in, ok := request.(*dynamodb.UpdateItemInput)
	h.mu.Lock()
	silent := h.silent && ok
	h.mu.Unlock()
	if !silent {
		return h.to(ctx, request)
	}
	name := text(in.Key["name"])
	h.mu.Lock()
	lost := isSession(name) && !h.beats || h.bound[name]
	if isReleased(text(in.ExpressionAttributeValues[":guid"])) && h.releases {
		lost = false
	}
	binds := in.ExpressionAttributeValues[":session"] != nil && !lost
	h.mu.Unlock()
	switch {
	case lost:
	case binds:
		if ans, err := h.to(ctx, request); err != nil || ans.Err != nil {
			return ans, errors.Join(err, ans.Err)
		}
		h.mu.Lock()
		h.bound[name] = true // only now: who sees this may look for it in the store
		h.mu.Unlock()
	default:
		return h.to(ctx, request)
	}
	<-ctx.Done()
	return ddbmodel.Answer{}, ctx.Err()
}

func (h *heart) isBound(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bound[name]
}

// openShared opens a process whose leases share a heartbeat.
func openShared(t *testing.T, send ddbmodel.Transport, ttl time.Duration) *dynamo.Locker {
	t.Helper()
	l, err := dynamo.New(ddbmodel.NewAPI(send), table, func(o *dynamo.Options) {
		o.SharedHeartbeat, o.DefaultTTL = true, ttl
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func acquire(t *testing.T, l *dynamo.Locker, name string, opts ...locker.Option) *locker.Lease {
	t.Helper()
	lease, err := l.Acquire(t.Context(), name, opts...)
	if err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", name, err)
	}
	return lease
}

// TestBindLost binds a lease to a session that is about to end, and loses the
// answer. The lease had more time of its own than the session has. It must not be
// believed in for longer than the session, after which somebody else may have it.
func TestBindLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = time.Minute
		model := ddbmodel.NewStore(time.Now, nil)
		model.AddTable(table, "name")
		h := &heart{to: ddbmodel.Direct(model, time.Now), bound: make(map[string]bool)}
		holder, other := openShared(t, h.send, ttl), openShared(t, ddbmodel.Direct(model, time.Now), ttl)
		first := acquire(t, holder, "first")
		start := time.Now()
		for model.Item(table, "first")["session"] == nil {
			time.Sleep(100 * time.Millisecond)
		}
		heartbeat := time.Now() // or up to 0.1 s before: the only one
		h.mu.Lock()
		h.silent = true
		h.mu.Unlock()

		time.Sleep(ttl * 16 / 120) // so that the session has a little more than half of its TTL when that is bound
		second := acquire(t, holder, "second")
		own := time.Now().Add(second.Remaining()) // when it would end by itself
		for !h.isBound("second") && time.Since(start) < ttl {
			time.Sleep(100 * time.Millisecond)
		}
		if text(model.Item(table, "second")["session"]) == "" {
			t.Fatal("the write that binds has not landed")
		}
		if most := ttl - time.Since(heartbeat); second.Remaining() > most {
			t.Errorf("%v remaining of a lease that may be bound, want at most %v, what its session has", second.Remaining(), most)
		}
		acquire(t, other, "second")
		select {
		case <-first.Done():
		default:
			t.Error("Done is open of a lease whose session has ended")
		}
		var lost *locker.LostError
		if err := second.Err(); !errors.As(err, &lost) {
			t.Errorf("two believe in the name after %v, the one before: Err = %v", time.Since(start), err)
		}
		if !time.Now().Before(own) {
			t.Error("the name was had only when the lease would have ended by itself: this test proves nothing")
		}
		for _, l := range []*dynamo.Locker{other, holder} {
			_ = l.Close(context.Background()) // the holder's releases don't arrive
		}
	})
}
