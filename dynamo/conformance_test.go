package dynamo

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
	"example.com/holdfast/locktest"
)

// TestConformance runs the suite that every backend has to pass, on one table and
// in real time. It is not parallel itself, so that the other tests don't take the
// processors from it; its cases are.
func TestConformance(t *testing.T) {
	table := theTable.use(t)
	warmUp(t)
	locktest.Run(t, locktest.Backend{
		Open: func(tb testing.TB) locktest.Store {
			return locktest.Store{
				Connect: func() locker.Backend {
					faults := faulthttp.New(nil) // without faults, but with connections of its own
					tb.Cleanup(faults.CloseIdleConnections)
					l, err := New(dynamodblocal.Client(tb, faults.Use), table)
					if err != nil {
						tb.Fatalf("New(%q) = %v, want nil", table, err)
					}
					return l.store
				},
				Client: func(o *locker.ClientOptions) {
					o.Fencing = true
					o.MinTTL = MinTTL
				},
			}
		},
		TTL:      3 * time.Second,
		Margin:   5 * time.Second,
		Parallel: 32,
	})
}

// warmUp uses the server for a while: one that was just started is slow at first,
// slower than leases of some seconds can bear.
func warmUp(t *testing.T) {
	t.Helper()
	var users sync.WaitGroup
	for i := range 16 {
		p := open(t)
		users.Go(func() {
			for range 40 {
				err := locker.Do(t.Context(), p, fmt.Sprint(t.Name(), i), func(context.Context, *locker.Lease) error { return nil })
				if err != nil {
					t.Logf("Do = %v: the server is slow", err)
				}
			}
		})
	}
	users.Wait()
}
