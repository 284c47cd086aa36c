package locker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// A spare that the head of the line takes for somebody else's, because its look at
// the store was under way for too long, is not left behind.
func TestSpareSeenLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c := newClient(t, s)
		g := s.foreign(t.Name(), time.Hour)
		old := s.info(t.Name())
		gate, in := make(chan struct{}), make(chan struct{}, 100)
		s.onPoll(func(context.Context, string) (locker.Info, error) { in <- struct{}{}; <-gate; return old, nil })
		q := queue(t, c, t.Name())
		<-in
		want(t, "the other's release", s.doRelease(g, 0))
		lease := acquire(t, c, t.Name(), locker.NoWait())
		want(t, "Release", lease.Release(t.Context()))
		s.onPoll(nil)
		close(gate)
		q.cancel()
		<-q.done
		time.Sleep(5 * time.Second)
		if state, n := s.info(t.Name()).State, s.counts().release; state != locker.StateFree || n == 0 {
			t.Errorf("the name is %v after %d releases, want it free", state, n)
		}
	})
}

// ending is a store that ends leases by itself.
type ending struct {
	blocks
	ended chan struct{}
}

func (e ending) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	g, err := e.blocks.Acquire(ctx, a)
	g.Ended = e.ended
	return g, err
}

// The store's word that a lease has ended reaches every lease.
func TestHandOverEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := ending{newBlocks(), make(chan struct{})}
		c := newClient(t, e)
		lease := handOver(t, c, acquire(t, c, t.Name()))
		close(e.ended)
		synctest.Wait()
		wantLost(t, "Err", lease.Err(), locker.LossExpired)
	})
}

// What Ensure has made sure of is not taken back by a session.
func TestEnsureUnbound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBinds()
		c := newClient(t, s, shared)
		lease := acquire(t, c, t.Name())
		want(t, "Ensure", lease.Ensure(t.Context(), 10*time.Minute))
		s.onRenew(func(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) { return g, errDown })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		want(t, "SetData", lease.SetData(ctx, []byte("x")), context.DeadlineExceeded)
		s.heal()
		time.Sleep(time.Minute)
		if left := lease.Remaining(); left < 9*time.Minute || s.boundTo(t.Name()) != "" {
			t.Errorf("%v left, bound to %q, want what Ensure gave, and no session", left, s.boundTo(t.Name()))
		}
	})
}

// A session whose heartbeats fail takes nobody with it who does not depend on it.
func TestSessionFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBinds()
		var failed atomic.Int64
		c := newClient(t, s, shared, func(o *locker.ClientOptions) {
			o.Observer = func(_ context.Context, e locker.Event) {
				if e.Kind == locker.EventRenewFailed {
					failed.Add(1)
				}
			}
		})
		first := bound(t, s, c, t.Name()+"/first")
		session := s.boundTo(first.Name())
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if g.Name == session {
				return g, errDown
			}
			return s.doRenew(g, r)
		})
		time.Sleep(8 * time.Second)
		lease := acquire(t, c, t.Name())
		<-first.Done()
		wantLost(t, "Err of what depends on it", first.Err(), locker.LossExpired)
		time.Sleep(time.Minute)
		want(t, "Err of what does not", lease.Err())
		if failed.Load() == 0 {
			t.Error("the observer was not told that heartbeats fail")
		}
	})
}
