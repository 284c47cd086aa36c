package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// late is what a holder has in its hands when it is paused.
type late struct {
	guard types.TransactWriteItem
	fence Fence
}

// aboutToWrite takes the lock and gets ready to write.
func aboutToWrite(ctx context.Context, p *process, name string, opts ...locker.Option) (w late, err error) {
	lease, err := p.Acquire(ctx, name, opts...)
	if err != nil {
		return w, err
	}
	if w.guard, err = p.Guard(lease); err != nil {
		return w, err
	}
	w.fence, err = FenceCondition(lease, "fence")
	return w, err
}

// TestGuardPaused has a holder of a thousand locks paused after it has looked at its
// leases, until others have taken all of them over. It then sends what it was about
// to: DynamoDB refuses each of the thousand transactions, and each of the thousand
// writes of one item, and what the later holder has written stays.
func TestGuardPaused(t *testing.T) {
	t.Parallel()
	const n, ttl = 1000, 6 * time.Second
	paused, next := openWarm(t), openWarm(t)
	all := make([]late, n)
	each(t, n, func(i int) (err error) {
		all[i], err = aboutToWrite(t.Context(), paused, fmt.Sprintf("%s/%d", t.Name(), i), locker.WithTTL(ttl), locker.WithoutRenewal())
		return err
	})
	a := accountOf(t, t.Name())
	of := func(i int) (both, single account) { // the accounts under lock i
		both, single = a, a
		both.name, single.name = fmt.Sprintf("%s/%d/both", a.name, i), fmt.Sprintf("%s/%d/single", a.name, i)
		return both, single
	}
	var guarded, fenced atomic.Int64
	each(t, n, func(i int) error {
		later, err := aboutToWrite(t.Context(), next, fmt.Sprintf("%s/%d", t.Name(), i)) // waits until the lease has ended
		if err != nil {
			return err
		}
		both, single := of(i)
		if _, err := both.transact(t, later.guard, "later"); err != nil {
			return fmt.Errorf("the later holder's transaction: %w", err)
		}
		if err := single.update(t, later.fence, "later"); err != nil {
			return fmt.Errorf("the later holder's write: %w", err)
		}
		if code, err := both.transact(t, all[i].guard, "late"); code != "ConditionalCheckFailed" {
			return fmt.Errorf("the late transaction = %w, want it refused by the guard", err)
		}
		guarded.Add(1)
		var failed *types.ConditionalCheckFailedException
		if err := single.update(t, all[i].fence, "late"); !errors.As(err, &failed) {
			return fmt.Errorf("the late write = %w, want it refused by the fence", err)
		}
		fenced.Add(1)
		return nil
	})
	each(t, n/50, func(i int) error {
		var keys []attributes
		for j := range 50 {
			both, single := of(50*i + j)
			keys = append(keys, key(both.name), key(single.name))
		}
		return a.allSay(t, keys, "later")
	})
	t.Logf("refused by DynamoDB: %d of %d transactions with Guard, %d of %d writes with FenceCondition", guarded.Load(), n, fenced.Load(), n)
	if guarded.Load() != n || fenced.Load() != n {
		t.Error("not all late writes were refused")
	}
}

// each calls f for 0 to n-1, several at a time, and fails the test for its errors.
func each(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && !t.Failed(); i = next.Add(1) - 1 {
				if err := f(int(i)); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// allSay reads up to a hundred accounts and wants one balance of all of them.
func (a account) allSay(t *testing.T, keys []attributes, balance string) error {
	out, err := a.db.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{a.table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
	})
	if err != nil {
		return err
	}
	got := out.Responses[a.table]
	for _, it := range got {
		if s, ok := it["balance"].(*types.AttributeValueMemberS); !ok || s.Value != balance {
			return fmt.Errorf("item %v, want it to say %q", it, balance)
		}
	}
	if len(got) != len(keys) {
		return fmt.Errorf("%d items of %d, %d not read", len(got), len(keys), len(out.UnprocessedKeys))
	}
	return nil
}

// TestGuardRenewals writes while the lease is renewed all the time, and while every
// third renewal meets the transaction: no write is refused but for a conflict, which
// is sent again, and the lease is never in danger.
func TestGuardRenewals(t *testing.T) {
	t.Parallel()
	a, p := accountOf(t, t.Name()), openWarm(t)
	lease := acquire(t, p, t.Name())
	guard := guardOf(t, p, lease)
	var renewals, conflicts atomic.Int64
	p.faults.Always(func(c *faulthttp.Call) (*http.Response, error) {
		if renewals.Add(1)%3 == 0 {
			conflicts.Add(1)
			return conflict(c)
		}
		return c.Send()
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := lease.Renew(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("Renew = %v, want nil", err)
				return
			}
		}
	}()
	const n = 100
	again := 0
	for i := range n {
		for {
			balance := fmt.Sprint(i)
			code, err := a.transact(t, guard, balance)
			if code == "TransactionConflict" {
				again++
				continue
			}
			if err != nil || a.balance(t) != balance {
				t.Fatalf("write %d = %v, the item is %q, want it carried out", i, err, a.balance(t))
			}
			break
		}
	}
	stop()
	<-done
	t.Logf("%d transactions, %d of them sent again, beside %d renewals, %d of which met one", n, again, renewals.Load(), conflicts.Load())
	if err := lease.Err(); err != nil || conflicts.Load() < 3 {
		t.Errorf("Err = %v after %d conflicts, want nil, and some", err, conflicts.Load())
	}
}

// conflict answers as DynamoDB does to a write of one item that meets a transaction.
// DynamoDB Local never does: AWS developer guide, "DynamoDB local usage notes".
var conflict = faulthttp.Error(400, "TransactionConflictException", "Transaction is ongoing for the item")

// TestTransactionConflict shows that each write of a lock which meets a transaction of
// the user's is sent again soon, and succeeds.
func TestTransactionConflict(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	meets := func(what string, f func() error) {
		t.Helper()
		p.faults.Reset()
		p.faults.Inject("UpdateItem", 2, conflict)
		if err := f(); err != nil {
			t.Errorf("%s = %v, want nil", what, err)
		}
		p.wantCounts(t, what+" that meets a transaction twice", counts{"UpdateItem": 3})
	}
	var lease *locker.Lease
	meets("TryAcquire", func() (err error) { lease, err = locker.TryAcquire(t.Context(), p, t.Name()); return err })
	meets("Renew", func() error { return lease.Renew(t.Context()) })
	meets("SetData", func() error { return lease.SetData(t.Context(), []byte("x")) })
	meets("Release", func() error { return lease.Release(t.Context()) })
	if it := readDecoded(t, t.Name()); *it.ExpiresOn != 0 {
		t.Errorf("the item is %+v, want it released", it)
	}

	held := acquire(t, openWarm(t), t.Name()+"/held")
	p.faults.Inject("UpdateItem", 1, conflict)
	if err := p.store.MarkWanted(t.Context(), held.Name(), held.ID()); !errors.Is(err, locker.ErrUnavailable) {
		t.Errorf("MarkWanted that meets a transaction = %v, want ErrUnavailable", err)
	}
	if err := p.store.MarkWanted(t.Context(), held.Name(), held.ID()); err != nil || !readDecoded(t, held.Name()).Wanted {
		t.Errorf("MarkWanted again = %v, want the item marked", err)
	}
}

// TestTransactionConflictRenewal shows that a renewal in the background which meets a
// transaction is sent again long before the next would be due.
func TestTransactionConflictRenewal(t *testing.T) {
	t.Parallel()
	const ttl = 6 * time.Second
	var heard events
	p := open(t, heard.observe)
	lease := acquire(t, p, t.Name(), locker.WithTTL(ttl))
	p.faults.Inject("UpdateItem", 2, conflict)
	eventually(t, 2*ttl, "a renewal is confirmed", func() bool { return len(heard.of(locker.EventRenewed)) > 0 })
	failed := heard.of(locker.EventRenewFailed)
	if len(failed) != 2 {
		t.Fatalf("%d renewals failed, want the 2 that met a transaction", len(failed))
	}
	for _, e := range failed {
		if e.Remaining < ttl/3 || !errors.Is(e.Err, locker.ErrUnavailable) || !strings.Contains(e.Err.Error(), "TransactionConflictException") {
			t.Errorf("failed renewal: event %+v, want a conflict, and much of the lease left", e)
		}
	}
	if err := lease.Err(); err != nil {
		t.Errorf("Err = %v, want nil", err)
	}
}
