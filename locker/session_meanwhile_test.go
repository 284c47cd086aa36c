package locker_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// A renewal that waits for a session, which can't be had, while the lease is handed
// over does not renew the next one past its maximum hold.
func TestMaxHoldMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl, maxHold = 30 * time.Second, 50 * time.Millisecond
		s := newBinds()
		asked := make(chan struct{}, 1)
		s.onAcquire(func(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
			if !strings.HasPrefix(a.Name, "_session/") {
				return s.doAcquire(a)
			}
			asked <- struct{}{}
			<-ctx.Done()
			return locker.Grant{}, errDown
		})
		c := newClient(t, s, shared)
		lease := acquire(t, c, t.Name(), locker.WithTTL(ttl))
		<-asked
		lease = handOver(t, c, lease, locker.WithTTL(ttl), locker.WithMaxHold(maxHold))
		start := time.Now()
		select {
		case <-lease.Done():
		case <-time.After(time.Hour):
		}
		if d := time.Since(start); d > maxHold+ttl {
			t.Errorf("a lease with a maximum hold of %v and a TTL of %v ended after %v, want the sum at most", maxHold, ttl, d)
		}
		wantLost(t, "Err", lease.Err(), locker.LossMaxHold)
		if n := s.ofLocks("renew"); n != 0 {
			t.Errorf("%d renewals, want none: the first was due when the maximum hold was over", n)
		}
	})
}

// A record may be bound to a session that lives longer than its lease, because the
// answer to the write that binds was lost. A call with a minimum hold does not get
// that lease: when it ended early, its record would be released with the session.
func TestMinHoldMaybeBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const minHold = 5 * time.Second
		s := newBinds()
		m := newMachine()
		c := newClient(t, s, shared, m.on)
		lost := make(chan struct{}, 1)
		s.onBind(func(_ context.Context, g, session locker.Grant) (locker.Grant, error) {
			_, err := s.doBind(g, session)
			want(t, "the binding", err)
			lost <- struct{}{}
			return g, errDown
		})
		lease := acquire(t, c, t.Name())
		<-lost
		lease = handOver(t, c, lease, locker.WithMinHold(minHold))
		m.setWall(25 * time.Second) // more than the lease had left, less than the session has
		_ = lease.Err()             // whatever it is now
		time.Sleep(minHold - 1)
		if info := s.info(t.Name()); info.State != locker.StateHeld {
			t.Errorf("the name is %v before its minimum hold is over", info.State)
		}
	})
}

// A lease whose binding arrives while its session is being given up leaves that soon.
func TestSessionGivenUpMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBinds()
		c := newClient(t, s, shared)
		lease := bound(t, s, c, t.Name())
		session := s.boundTo(t.Name())
		asked, goOn := make(chan struct{}), make(chan struct{})
		s.onBind(func(_ context.Context, g, session locker.Grant) (locker.Grant, error) {
			close(asked)
			<-goOn
			s.onBind(nil)
			return s.doBind(g, session)
		})
		s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
			if g.Name == t.Name() {
				return errFinal
			}
			return s.doRelease(g, hold)
		})
		stays := acquire(t, c, t.Name()+"/stays")
		<-asked
		wantUnconfirmed(t, lease.Release(t.Context()))
		synctest.Wait()
		if c.Sessions() != 0 {
			t.Fatal("the session is not given up")
		}
		close(goOn)
		time.Sleep(time.Second)
		if now := s.boundTo(stays.Name()); now == session || s.info(session).State == locker.StateHeld {
			t.Errorf("bound to %q, the session that was given up is %v, want it released", now, s.info(session).State)
		}
		time.Sleep(time.Hour)
		want(t, "Err", stays.Err())
	})
}

// stalls is a machine on which the goroutine that makes the n-th reading of the clock
// from now on stalls.
type stalls struct {
	*machine
	n             atomic.Int64
	stalled, goOn chan struct{}
}

func (s *stalls) Now() time.Time {
	if s.n.Add(-1) == 0 {
		close(s.stalled)
		<-s.goOn
	}
	return s.machine.Now()
}

// A session is lost just when a binding to it is confirmed: the lease is lost with it.
func TestSessionLostMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBinds()
		m := &stalls{machine: newMachine(), stalled: make(chan struct{}), goOn: make(chan struct{})}
		c := newClient(t, s, shared, func(o *locker.ClientOptions) { o.Clock = m })
		first := bound(t, s, c, t.Name()+"/first")
		s.onBind(func(_ context.Context, g, session locker.Grant) (locker.Grant, error) {
			g, err := s.doBind(g, session)
			m.n.Store(2) // after the one that shows that the lease is not over
			return g, err
		})
		lease := acquire(t, c, t.Name())
		<-m.stalled
		s.foreign(s.boundTo(t.Name()), time.Hour)
		<-first.Done()
		synctest.Wait()
		close(m.goOn)
		synctest.Wait()
		wantLost(t, "Err", lease.Err(), locker.LossTaken)
	})
}
