package locker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// shared makes the leases of a client share a heartbeat.
func shared(o *locker.ClientOptions) { o.SharedHeartbeat = true }

// ofSessions returns the calls of op for sessions.
func (s *store) ofSessions(op string) (calls []call) {
	for _, c := range s.asked(op) {
		if strings.HasPrefix(c.name, "_session/") {
			calls = append(calls, c)
		}
	}
	return calls
}

// ofLocks returns how many calls of op there were for anything but sessions.
func (s *store) ofLocks(op string) int { return len(s.asked(op)) - len(s.ofSessions(op)) }

// bound acquires a lease and waits until its first renewal has bound it.
func bound(t *testing.T, s *binds, c *locker.Client, name string, opts ...locker.Option) *locker.Lease {
	t.Helper()
	lease := acquire(t, c, name, opts...)
	time.Sleep(lease.Remaining() / 2)
	if s.boundTo(name) == "" {
		t.Fatalf("%q is not bound after half of the TTL", name)
	}
	return lease
}

// However many leases there are, they take one renewal each third of a TTL.
func TestSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20
		s := newBinds()
		c := newClient(t, s, shared)
		var leases []*locker.Lease
		for i := range n {
			leases = append(leases, acquire(t, c, fmt.Sprintf("%s/%d", t.Name(), i)))
		}
		short := acquire(t, c, t.Name()+"/short")
		want(t, "Release", short.Release(t.Context()))
		other := acquire(t, c, t.Name()+"/other", locker.WithTTL(time.Minute))
		time.Sleep(25 * time.Second)
		if sessions, binds := s.ofSessions("acquire"), s.asked("bind"); len(sessions) != 2 || len(binds) != n+1 || s.ofLocks("renew") != 0 {
			t.Errorf("%d sessions of two TTLs, %d leases bound, %d renewed, want 2, %d, 0", len(sessions), len(binds), s.ofLocks("renew"), n+1)
		}
		want(t, "Release", other.Release(t.Context()))
		time.Sleep(20 * time.Second)
		if got := s.ofSessions("release"); len(got) != 1 {
			t.Errorf("%d sessions released when one has no leases any more, want 1", len(got))
		}
		before := len(s.ofSessions("renew"))
		time.Sleep(10 * time.Minute)
		if got := len(s.ofSessions("renew")) - before; got < 60 || got > 70 || s.ofLocks("renew") != 0 || len(s.asked("bind")) != n+1 {
			t.Errorf("%d heartbeats in 60 thirds of a TTL, %d renewals and %d bindings of leases, want about 60, 0 and %d", got, s.ofLocks("renew"), len(s.asked("bind")), n+1)
		}
		for _, lease := range leases {
			if d := lease.Remaining(); lease.Err() != nil || d < 19*time.Second || d > 30*time.Second {
				t.Fatalf("Err = %v, Remaining = %v of a lease that is bound", lease.Err(), d)
			}
		}
		want(t, "Close", c.Close(t.Context()))
		calls := s.asked("release")
		if len(calls) != 1+1+1+n+1 || calls[len(calls)-1].name != s.boundTo(leases[0].Name()) {
			t.Errorf("%d releases, the last of %q, want %d, the session's the last", len(calls), calls[len(calls)-1].name, 1+1+1+n+1)
		}
	})
}

// The end of a session is the end of what is bound to it, at once.
func TestSessionLost(t *testing.T) {
	for _, reason := range []locker.LossReason{locker.LossTaken, locker.LossExpired} {
		synctest.Test(t, func(t *testing.T) {
			s := newBinds()
			c := newClient(t, s, shared)
			a, b := bound(t, s, c, t.Name()+"/a"), bound(t, s, c, t.Name()+"/b")
			other := bound(t, s, c, t.Name()+"/other", locker.WithTTL(time.Minute))
			session := s.boundTo(a.Name())
			left := a.Remaining()
			switch reason {
			case locker.LossTaken:
				s.foreign(session, time.Hour)
			case locker.LossExpired:
				s.onRenew(func(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) { return g, errDown })
			}
			start := time.Now()
			<-a.Done()
			<-b.Done()
			if d := time.Since(start); d > left {
				t.Errorf("the leases ended after %v, want at most %v", d, left)
			}
			synctest.Wait()
			wantLost(t, "Err", a.Err(), reason)
			wantLost(t, "Err", b.Err(), reason)
			want(t, "Err of one that is bound to another session", other.Err())
			if n := len(s.ofSessions("release")); n != 0 {
				t.Errorf("%d releases of a session that is lost, want none", n)
			}
			s.heal()
			bound(t, s, c, t.Name()+"/next")
			if now := s.boundTo(t.Name() + "/next"); now == session {
				t.Errorf("a new lease is bound to %q, which is lost", now)
			}
			want(t, "Err of one that is bound to another session", other.Err())
		})
	}
}

// Some leases live by themselves.
func TestSessionUnbound(t *testing.T) {
	for name, test := range map[string]struct {
		opt   locker.Option
		binds bool
	}{
		"any":             {locker.WithData([]byte("x")), true},
		"a minimum hold":  {locker.WithMinHold(30 * time.Second), true}, // once it is over
		"a maximum hold":  {locker.WithMaxHold(time.Hour), false},
		"without renewal": {locker.WithoutRenewal(), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBinds()
				c := newClient(t, s, shared)
				acquire(t, c, t.Name(), test.opt)
				time.Sleep(28 * time.Second)
				if name == "a minimum hold" && s.boundTo(t.Name()) != "" {
					t.Error("the lease is bound before its minimum hold is over")
				}
				time.Sleep(22 * time.Second)
				if got := s.boundTo(t.Name()) != ""; got != test.binds {
					t.Errorf("bound = %v, want %v", got, test.binds)
				}
			})
		})
	}
}

// What renews a bound lease makes it live by itself, until the next renewal in the
// background.
func TestSessionRenewed(t *testing.T) {
	for name, test := range map[string]struct {
		renew func(*locker.Lease) error
		again time.Duration // until it is bound again, at most
	}{
		"Renew":   {func(l *locker.Lease) error { return l.Renew(context.Background()) }, 10 * time.Second},
		"SetData": {func(l *locker.Lease) error { return l.SetData(context.Background(), []byte("x")) }, 10 * time.Second},
		"Ensure":  {func(l *locker.Lease) error { return l.Ensure(context.Background(), time.Hour) }, 62 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBinds()
				c := newClient(t, s, shared)
				other, lease := bound(t, s, c, t.Name()+"/other"), bound(t, s, c, t.Name())
				session := s.boundTo(t.Name())
				for n := len(s.ofSessions("renew")); len(s.ofSessions("renew")) == n; {
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(3 * time.Second) // the next heartbeat comes before the lease is bound again
				want(t, name, test.renew(lease))
				if s.boundTo(t.Name()) != "" {
					t.Fatalf("bound to %q after %s, want no session", s.boundTo(t.Name()), name)
				}
				time.Sleep(time.Second)
				s.foreign(session, time.Hour) // which ends the session
				<-other.Done()
				synctest.Wait()
				wantLost(t, "Err of the other", other.Err(), locker.LossTaken)
				want(t, "Err", lease.Err())
				time.Sleep(test.again)
				want(t, "Err", lease.Err())
				if now := s.boundTo(t.Name()); now == session || now == "" {
					t.Errorf("bound to %q, want another session than %q", now, session)
				}
			})
		})
	}
}

// A bind, or a renewal of a bound lease, of unknown outcome leaves both ends open:
// the lease is over at the earlier.
func TestSessionUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBinds()
		c := newClient(t, s, shared)
		first := bound(t, s, c, t.Name()+"/first")
		lease := acquire(t, c, t.Name())
		s.onBind(func(_ context.Context, g, session locker.Grant) (locker.Grant, error) {
			g, _ = s.doBind(g, session)
			return g, errDown
		})
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if strings.HasPrefix(g.Name, "_session/") {
				return s.doRenew(g, r)
			}
			return g, errDown
		})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s.boundTo(t.Name()) == "" {
			t.Fatal("the lease is not bound after a third of the TTL")
		}
		s.foreign(s.boundTo(t.Name()), time.Hour)
		<-first.Done()
		synctest.Wait()
		wantLost(t, "Err, when it may be bound to a session that is lost", lease.Err(), locker.LossTaken)
	})
	synctest.Test(t, func(t *testing.T) {
		s := newBinds()
		c := newClient(t, s, shared)
		lease := bound(t, s, c, t.Name())
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if strings.HasPrefix(g.Name, "_session/") {
				return s.doRenew(g, r)
			}
			g, _ = s.doRenew(g, r)
			return g, errDown
		})
		s.onBind(func(_ context.Context, g, _ locker.Grant) (locker.Grant, error) { return g, errDown })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		want(t, "Renew", lease.Renew(ctx), context.DeadlineExceeded)
		<-lease.Done()
		wantLost(t, "Err, when the renewal may have unbound it", lease.Err(), locker.LossExpired)
		if d := time.Since(start); d > 31*time.Second {
			t.Errorf("the lease was lost %v after the first renewal, want about a TTL", d)
		}
	})
}

// A session that can't be had makes leases be renewed by themselves.
func TestSessionRefused(t *testing.T) {
	for _, err := range []error{errDown, errFinal} {
		synctest.Test(t, func(t *testing.T) {
			s := newBinds()
			c := newClient(t, s, shared)
			s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
				if strings.HasPrefix(a.Name, "_session/") {
					if err == errDown { // it takes effect nevertheless
						s.doAcquire(a)
					}
					return locker.Grant{}, err
				}
				return s.doAcquire(a)
			})
			lease := acquire(t, c, t.Name())
			time.Sleep(5 * time.Minute)
			want(t, "Err", lease.Err())
			if n := s.ofLocks("renew"); n < 29 || len(s.asked("bind")) != 0 {
				t.Errorf("%d renewals in 30 thirds of a TTL, %d bindings, want about 30 and none", n, len(s.asked("bind")))
			}
			s.heal()
			time.Sleep(20 * time.Second)
			if s.boundTo(t.Name()) == "" {
				t.Error("not bound once there can be a session")
			}
			for _, a := range s.ofSessions("acquire") {
				if held := s.info(a.name).State == locker.StateHeld; held != (a.name == s.boundTo(t.Name())) {
					t.Errorf("session %q is held: %v, want only the one in use", a.name, held)
				}
			}
		})
	}
}

// The next lease on a bound acquisition is bound; unless it must not be.
func TestSessionHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBinds()
		c := newClient(t, s, shared)
		lease := handOver(t, c, bound(t, s, c, t.Name()))
		time.Sleep(10 * time.Minute)
		want(t, "Err", lease.Err())
		if n := s.counts(); n.acquire != 2 || s.ofLocks("renew") != 0 || len(s.asked("bind")) != 1 {
			t.Errorf("%+v requests, %d bindings, want an acquire each of lock and session, and one binding", n, len(s.asked("bind")))
		}
		start := time.Now()
		lease = handOver(t, c, lease, locker.WithMaxHold(time.Minute))
		select {
		case <-lease.Done():
		case <-time.After(time.Hour):
		}
		if d := time.Since(start); d < time.Minute || d > 90*time.Second {
			t.Errorf("a lease with a maximum hold of 1 m on a bound acquisition ended after %v, want a TTL after that at the latest", d)
		}
		wantLost(t, "Err", lease.Err(), locker.LossMaxHold)
	})
}

// A lease whose maximum hold is over has no renewals to come: the next one has.
func TestHandOverAfterMaxHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c := newClient(t, s)
		lease := acquire(t, c, t.Name(), locker.WithMaxHold(time.Second))
		time.Sleep(12 * time.Second)
		lease = handOver(t, c, lease)
		time.Sleep(time.Minute)
		want(t, "Err", lease.Err())
		if s.counts().renew == 0 {
			t.Error("no renewals")
		}
	})
}
