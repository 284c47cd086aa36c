package sim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/locker"
)

// TestSessionRetires has a process take a bound lease over from itself, because the
// next call has other options, and release that. Nothing is bound any more, so the
// session has to end at its next heartbeat.
func TestSessionRetires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		var sessions []string
		model := ddbmodel.NewStore(time.Now, func(c ddbmodel.Change) {
			if isSession(c.Key) && c.Before == nil {
				sessions = append(sessions, c.Key)
			}
		})
		model.AddTable(table, "name")
		l := openShared(t, ddbmodel.Direct(model, time.Now), ttl)
		first := acquire(t, l, "a")
		time.Sleep(ttl / 2)
		leases := make(chan *locker.Lease)
		go func() { leases <- acquire(t, l, "a", locker.WithData([]byte("other"))) }()
		synctest.Wait()
		if err := first.Release(t.Context()); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		if err := (<-leases).Release(t.Context()); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		time.Sleep(ttl / 2)
		if len(sessions) != 1 {
			t.Fatalf("sessions %v, want one: this test proves nothing", sessions)
		}
		if end := text(model.Item(table, sessions[0])["expiresOn"]); end != "0" {
			t.Errorf("the session ends at %s, want 0: nothing is bound to it", end)
		}
		_ = l.Close(context.Background())
	})
}

// TestDiscardUnconfirmed has nobody left who wants a bound lease that was to be
// handed over, while the store can't be reached about that name for longer than a
// TTL. The session lives on with another lease: it must not keep the name taken.
func TestDiscardUnconfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		model := ddbmodel.NewStore(time.Now, nil)
		model.AddTable(table, "name")
		h := &heart{to: ddbmodel.Direct(model, time.Now), beats: true, bound: make(map[string]bool)}
		l, other := openShared(t, h.send, ttl), openShared(t, ddbmodel.Direct(model, time.Now), ttl)
		acquire(t, l, "b")
		first := acquire(t, l, "a")
		time.Sleep(ttl / 2)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error)
		go func() {
			_, err := l.Acquire(ctx, "a", locker.WithData([]byte("other")))
			errs <- err
		}()
		synctest.Wait()
		cut := func(is bool) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.silent, h.bound["a"] = is, is
		}
		cut(true)
		if err := first.Release(t.Context()); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		time.Sleep(time.Second)
		cancel()
		if err := <-errs; err == nil {
			t.Fatal("Acquire = nil while the store can't be reached")
		}
		time.Sleep(2 * ttl)
		cut(false)
		acquire(t, other, "a", locker.WithWait(2*ttl+margin))
		_, _ = l.Close(context.Background()), other.Close(context.Background())
	})
}
