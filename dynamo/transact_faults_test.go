package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// TestAcquireAllAnswerLost loses the answers to transactions that took effect, or
// the requests: then the same request is sent again, and what is held is held once.
func TestAcquireAllAnswerLost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault faulthttp.Fault
	}{
		{"answer lost", faulthttp.Lose()},
		{"request lost", faulthttp.Drop()},
		{"error after the commit", faulthttp.FailAfter(http.StatusInternalServerError, "InternalServerError", "")},
		{"empty answer", func(c *faulthttp.Call) (*http.Response, error) {
			if _, err := c.Send(); err != nil {
				return nil, err
			}
			return faulthttp.Answer(http.StatusOK, "{}")(c)
		}},
		{"no transaction token in the store", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			list := names(t, 5)
			p := openWarm(t)
			if test.fault != nil {
				p.faults.Inject("TransactWriteItems", 2, test.fault)
			} else { // the token is another in each request that the store sees: its conditions alone tell
				p.faults.Always(changesToken)
				p.faults.Inject("TransactWriteItems", 1, faulthttp.Lose())
			}
			group := acquireAll(t, p, list)
			wantWhole(t, group, list)
			bodies := transactions(t, p)
			if len(bodies) < 2 || len(slices.Compact(slices.Clone(bodies))) != 1 {
				t.Errorf("%d requests were sent, want at least 2, all the same", len(bodies))
			}
			for lease := range group.All() {
				it := readDecoded(t, lease.Name())
				if got := locker.Token(it.Token); got < lease.Token() || got-lease.Token() >= 1000 {
					t.Errorf("%q has token %v in the table, want the block of %v: one grant", lease.Name(), got, lease.Token())
				}
			}
			if err := group.Release(t.Context()); err != nil {
				t.Errorf("Release = %v, want nil", err)
			}
			wantWhole(t, nil, list)
		})
	}
}

// TestAcquireAllPartly loses the answer to a transaction of which another takes one
// name before it is sent again: what is left of it is no group, and is released.
func TestAcquireAllPartly(t *testing.T) {
	t.Parallel()
	list := names(t, 3)
	p := openWarm(t)
	p.faults.Always(changesToken) // the store does not know it again
	p.faults.Inject("TransactWriteItems", 1, func(c *faulthttp.Call) (*http.Response, error) {
		if _, err := c.Send(); err != nil {
			return nil, err
		}
		far := fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())
		writeItem(t, list[1], attributes{"guid": text("0123456789abcdefghijklmnop/0000000001"), "expiresOn": number(far), "token": number("9007199254740000"), "ttl": number("3600000"), "owner": text("thief")})
		return nil, faulthttp.ErrConnection
	})
	group, err := locker.AcquireAll(t.Context(), p, list, locker.NoWait())
	var held *locker.HeldError
	if !errors.As(err, &held) || held.Name != list[1] || held.Holder.Owner != "thief" {
		t.Fatalf("AcquireAll = %v, %v, want a *HeldError of %q by the thief", group, err, list[1])
	}
	for _, name := range []string{list[0], list[2]} {
		eventually(t, 20*time.Second, "the rest to be released", func() bool {
			it := readDecoded(t, name)
			return it.ExpiresOn != nil && *it.ExpiresOn == 0
		})
	}
}

// transactions returns the transactions that were sent, with their members in one order.
func transactions(t *testing.T, p *process) (all []string) {
	t.Helper()
	for _, r := range p.faults.Records() {
		if r.Operation != "TransactWriteItems" {
			continue
		}
		var body any
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

// TestAcquireAllMismatch meets a store that takes the second send of a transaction for
// another one, after the first took effect or not.
func TestAcquireAllMismatch(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]faulthttp.Fault{"took effect": faulthttp.Lose(), "got lost": faulthttp.Drop()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := names(t, 3)
			p := openWarm(t)
			p.faults.Inject("TransactWriteItems", 1, first)
			p.faults.Inject("TransactWriteItems", 1, faulthttp.Error(http.StatusBadRequest, "IdempotentParameterMismatchException", ""))
			wantWhole(t, acquireAll(t, p, list), list)
			p.wantCounts(t, "a transaction that was taken for another", counts{"TransactWriteItems": 3})
		})
	}
}

// changesToken replaces the ClientRequestToken by a new one each time.
func changesToken(c *faulthttp.Call) (*http.Response, error) {
	var body map[string]any
	if c.Operation != "TransactWriteItems" || json.Unmarshal(c.Body, &body) != nil {
		return c.Send()
	}
	body["ClientRequestToken"] = fmt.Sprintf("%x", rand.Uint64())
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	other := *c
	other.Body = b
	return other.Send()
}

// TestAcquireAllNeverKnown loses every answer: after the call gave up, what took effect
// is released.
func TestAcquireAllNeverKnown(t *testing.T) {
	t.Parallel()
	list := names(t, 5)
	p := openWarm(t)
	p.faults.Inject("TransactWriteItems", -1, faulthttp.Lose())
	group, err := locker.AcquireAll(t.Context(), p, list, locker.NoWait(), locker.WithTTL(2*time.Second))
	if !errors.Is(err, locker.ErrUnavailable) || errors.Is(err, locker.ErrHeld) {
		t.Fatalf("AcquireAll = %v, %v, want an error that is ErrUnavailable", group, err)
	}
	other := openWarm(t)
	eventually(t, 20*time.Second, "all names to be free", func() bool {
		for _, name := range list {
			info, err := other.Inspect(t.Context(), name)
			if err != nil || info.State != locker.StateFree {
				return false
			}
		}
		return true
	})
}

// TestAcquireAllCancelled ends ctx while a transaction is under way, which takes
// effect: nothing stays held.
func TestAcquireAllCancelled(t *testing.T) {
	t.Parallel()
	list := names(t, 5)
	p := openWarm(t)
	ctx, cancel := context.WithCancel(t.Context())
	p.faults.Inject("TransactWriteItems", 1, func(c *faulthttp.Call) (*http.Response, error) {
		if _, err := c.Send(); err != nil {
			return nil, err
		}
		cancel()
		<-c.Context().Done()
		return nil, c.Context().Err()
	})
	group, err := locker.AcquireAll(ctx, p, list, locker.WithTTL(time.Minute))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("AcquireAll = %v, %v, want %v", group, err, context.Canceled)
	}
	eventually(t, 20*time.Second, "all names to be free", func() bool {
		return !slices.ContainsFunc(list, func(name string) bool {
			it := readDecoded(t, name)
			state, _, _ := it.state(span{}, false, time.Second)
			return state != locker.StateFree
		})
	})
}

// TestAcquireAllConflict meets other writes and limits of throughput: these pass.
func TestAcquireAllConflict(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	for _, code := range []string{"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"} {
		list := names(t, 2)
		p.faults.Inject("TransactWriteItems", 1, faulthttp.ErrorWith(http.StatusBadRequest, "TransactionCanceledException", "", map[string]any{
			"CancellationReasons": []map[string]any{{"Code": "None"}, {"Code": code}},
		}))
		p.faults.Inject("TransactWriteItems", 1, faulthttp.Error(http.StatusBadRequest, "TransactionInProgressException", ""))
		group := acquireAll(t, p, list)
		p.wantCounts(t, code, counts{"TransactWriteItems": 3})
		group.Release(t.Context())
		p.faults.Reset()
	}
	p.faults.Inject("TransactWriteItems", 1, faulthttp.ErrorWith(http.StatusBadRequest, "TransactionCanceledException", "", map[string]any{
		"CancellationReasons": []map[string]any{{"Code": "ValidationError"}, {"Code": "None"}},
	}))
	var canceled *types.TransactionCanceledException
	if group, err := locker.AcquireAll(t.Context(), p, names(t, 2)); !errors.As(err, &canceled) || errors.Is(err, locker.ErrUnavailable) {
		t.Errorf("AcquireAll = %v, %v, want the final error", group, err)
	}
	p.wantCounts(t, "a final refusal", counts{"TransactWriteItems": 1})
}
