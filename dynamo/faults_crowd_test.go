package dynamo

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// TestThousandWaiters has 1,000 goroutines of one process wait for a name that
// another process holds. One of them looks, none of them writes in vain, the
// holder is renewed as if nobody waited, and then all get their turn.
func TestThousandWaiters(t *testing.T) {
	t.Parallel()
	const n, ttl = 1000, 6 * time.Second
	holder := openWarm(t)
	lease := acquire(t, holder, t.Name(), locker.WithTTL(ttl))
	p := openWarm(t)
	var looks, most atomic.Int64
	p.faults.Always(func(c *faulthttp.Call) (*http.Response, error) {
		if c.Operation == "GetItem" {
			most.Store(max(most.Load(), looks.Add(1)))
			defer looks.Add(-1)
		}
		return c.Send()
	})
	var waiting sync.WaitGroup
	var holding atomic.Int64
	var tokens []locker.Token
	for range n {
		waiting.Go(func() {
			err := locker.Do(t.Context(), p, t.Name(), func(_ context.Context, l *locker.Lease) error {
				if k := holding.Add(1); k != 1 {
					t.Errorf("%d hold the lock at once", k)
				}
				tokens = append(tokens, l.Token())
				holding.Add(-1)
				return nil
			})
			if err != nil {
				t.Errorf("Do(%q) = %v, want nil", t.Name(), err)
			}
		})
	}
	for begin := time.Now(); time.Since(begin) < 2*ttl; time.Sleep(50 * time.Millisecond) {
		if err := lease.Err(); err != nil {
			t.Fatalf("Err(%q) = %v while %d wait, want nil", t.Name(), err, n)
		}
	}
	if got := p.faults.Counts(); got["UpdateItem"] > 5 || got["GetItem"] < 3 || got["GetItem"] > 150 || most.Load() != 1 {
		t.Errorf("%d waiters sent %v in %v, %d looks at once; want what one waiter sends", n, got, 2*ttl, most.Load())
	}
	before := p.faults.Counts()["UpdateItem"]
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
	}
	waiting.Wait()
	if writes := p.faults.Counts()["UpdateItem"] - before; writes > 2*n+20 {
		t.Errorf("%d writes for %d leases, want one to acquire and one to release each", writes, n)
	}
	if len(tokens) != n || !slices.IsSorted(tokens) || len(slices.Compact(tokens)) != n {
		t.Errorf("%d leases had tokens that don't rise", len(tokens))
	}
}

// TestTenThousandLeases has one process hold 10,000 leases until each was renewed:
// none is lost, and none has a goroutine. It is not parallel, because the server
// has little time for others meanwhile.
func TestTenThousandLeases(t *testing.T) {
	n, ttl := 10_000, time.Minute
	if testing.Short() {
		n = 500
	}
	warmUp(t)
	var renewed sync.Map // by name
	var count, lost atomic.Int64
	p := open(t, func(o *Options) {
		o.Observer = func(_ context.Context, e locker.Event) {
			switch e.Kind {
			case locker.EventRenewed:
				if _, again := renewed.LoadOrStore(e.Name, true); !again {
					count.Add(1)
				}
			case locker.EventLost:
				lost.Add(1)
			}
		}
	})
	p.warm(t)
	before := runtime.NumGoroutine()
	leases := make([]*locker.Lease, n)
	begin := time.Now()
	inParallel(n, func(i int) {
		lease, err := locker.TryAcquire(t.Context(), p, fmt.Sprint(t.Name(), i), locker.WithTTL(ttl))
		if err != nil {
			t.Errorf("TryAcquire of lease %d = %v, want nil", i, err)
		}
		leases[i] = lease
	})
	if t.Failed() {
		return
	}
	acquired := time.Since(begin)
	if more := runtime.NumGoroutine() - before; more > 500 {
		t.Errorf("%d leases have %d goroutines more than none, want those of the connections", n, more)
	}
	eventually(t, 2*ttl, "every lease to be renewed", func() bool { return count.Load() == int64(n) })
	held := time.Since(begin)
	if lost.Load() > 0 {
		t.Errorf("%d of %d leases were lost, want none", lost.Load(), n)
	}
	inParallel(n, func(i int) {
		if err := leases[i].Err(); err != nil {
			t.Errorf("Err of lease %d = %v, want nil", i, err)
		}
		if err := leases[i].Release(t.Context()); err != nil {
			t.Errorf("Release of lease %d = %v, want nil", i, err)
		}
	})
	t.Logf("%d leases: acquired after %v, all renewed after %v, released after %v", n, acquired, held, time.Since(begin))
}

// inParallel calls f for 0 to n-1, at most 64 at once.
func inParallel(n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	all.Wait()
}
