package sim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/locker"
)

// TestMinHoldHandedOver hands a lease over to a call with a minimum hold that is
// longer than what the acquisition has left. Were that process to crash at once, the
// name would be had before the minimum hold is over.
func TestMinHoldHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl, minHold = 10 * time.Second, 9 * time.Second
		model := ddbmodel.NewStore(time.Now, nil)
		model.AddTable(table, "name")
		l := openShared(t, ddbmodel.Direct(model, time.Now), ttl)
		first := acquire(t, l, "a")
		time.Sleep(2 * time.Second)
		leases := make(chan *locker.Lease)
		go func() { leases <- acquire(t, l, "a", locker.WithMinHold(minHold)) }()
		synctest.Wait()
		if err := first.Release(t.Context()); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		if left := (<-leases).Remaining(); left < minHold {
			t.Errorf("%v remaining of a lease whose minimum hold of %v begins", left, minHold)
		}
		_ = l.Close(context.Background())
	})
}
