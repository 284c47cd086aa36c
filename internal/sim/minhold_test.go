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

// TestMinHoldBoundLost loses a lease that may be bound a little before the end of
// its minimum hold. Its record would live on with the session, so it is released;
// that must not free the name before.
func TestMinHoldBoundLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		model := ddbmodel.NewStore(time.Now, nil)
		model.AddTable(table, "name")
		h := &heart{
			to:     ddbmodel.Direct(model, time.Now),
			silent: true, releases: true, beats: true, bound: make(map[string]bool),
		}
		l, other := openShared(t, h.send, ttl), openShared(t, ddbmodel.Direct(model, time.Now), ttl)
		start := time.Now()
		lease := acquire(t, l, "a", locker.WithMinHold(ttl))
		<-lease.Done()
		if !h.isBound("a") || time.Since(start) >= ttl {
			t.Fatalf("bound: %v, lost after %v: this test proves nothing", h.isBound("a"), time.Since(start))
		}
		for next, err := other.Acquire(t.Context(), "a", locker.NoWait()); ; next, err = other.Acquire(t.Context(), "a", locker.NoWait()) {
			if err != nil {
				time.Sleep(time.Millisecond)
				continue
			}
			if held := time.Since(start); held < ttl {
				t.Errorf("%v was had after %v, want at least the minimum hold, %v", next.Name(), held, ttl)
			}
			break
		}
		_, _ = other.Close(context.Background()), l.Close(context.Background())
	})
}
