package locker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// wantUnconfirmed checks the error of a release.
func wantUnconfirmed(t *testing.T, err error) {
	t.Helper()
	var failed *locker.ReleaseError
	if !errors.As(err, &failed) {
		t.Errorf("Release = %v, want a *ReleaseError", err)
	}
}

// A record whose release was not confirmed would live as long as its session.
func TestSessionReleaseUnconfirmed(t *testing.T) {
	down := func(s *binds) {
		s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
			if strings.HasPrefix(g.Name, "_session/") {
				return s.doRelease(g, hold)
			}
			return errDown
		})
	}
	// end ends the lease without a release that is confirmed.
	ends := map[string]func(t *testing.T, s *binds, c *locker.Client, lease *locker.Lease){
		"released": func(t *testing.T, _ *binds, _ *locker.Client, lease *locker.Lease) {
			t.Helper()
			wantUnconfirmed(t, lease.Release(t.Context()))
		},
		"left behind": func(t *testing.T, s *binds, c *locker.Client, lease *locker.Lease) {
			t.Helper()
			q := queue(t, c, lease.Name(), locker.WithOwner("other"))
			s.onAcquire(func(context.Context, locker.Attempt) (locker.Grant, error) { return locker.Grant{}, errFinal })
			want(t, "Release", lease.Release(t.Context()))
			<-q.done
			s.onAcquire(nil)
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Run("confirmed later", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newBinds()
					c := newClient(t, s, shared)
					stays, lease := bound(t, s, c, t.Name()+"/stays"), bound(t, s, c, t.Name())
					down(s)
					end(t, s, c, lease)
					time.Sleep(10 * time.Second)
					s.heal()
					time.Sleep(20 * time.Second) // a pause between two tries may be longer than 10 s by now
					if s.info(t.Name()).State != locker.StateFree {
						t.Error("the name is not free although the store answers again")
					}
					time.Sleep(time.Minute)
					if n := len(s.ofSessions("acquire")); n != 1 || stays.Err() != nil {
						t.Errorf("%d sessions, Err = %v, want 1 and the other lease held", n, stays.Err())
					}
				})
			})
			t.Run("never", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newBinds()
					c := newClient(t, s, shared)
					stays, lease := bound(t, s, c, t.Name()+"/stays"), bound(t, s, c, t.Name())
					session := s.boundTo(t.Name())
					down(s)
					end(t, s, c, lease)
					time.Sleep(3 * time.Minute)
					if s.info(session).State != locker.StateFree {
						t.Error("the session of a record that can't be released is not released")
					}
					if now := s.boundTo(stays.Name()); now == session || now == "" || stays.Err() != nil {
						t.Errorf("Err = %v of the other lease, bound to %q, want it held and bound to another session than %q", stays.Err(), now, session)
					}
				})
			})
		})
	}
}

// A session that was given up, but has members yet, is released by Close.
func TestSessionGivenUpClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBinds()
		c := newClient(t, s, shared)
		stays, lease := bound(t, s, c, t.Name()+"/stays"), bound(t, s, c, t.Name())
		session := s.boundTo(t.Name())
		s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
			if g.Name == t.Name() {
				return errDown
			}
			return s.doRelease(g, hold)
		})
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			if g.Name == stays.Name() {
				return g, errDown // it can't leave the session
			}
			return s.doRenew(g, r)
		})
		wantUnconfirmed(t, lease.Release(t.Context()))
		for begin := time.Now(); c.Sessions() > 0; time.Sleep(100 * time.Millisecond) {
			if time.Since(begin) > 2*time.Minute { // the last pause between two tries may begin just before a TTL has passed, and last for as long
				t.Fatal("the session is not given up")
			}
		}
		if s.info(session).State != locker.StateHeld {
			t.Fatal("the session is released already: this test comes too late")
		}
		want(t, "Close", c.Close(t.Context()))
		if s.info(session).State != locker.StateFree {
			t.Error("Close has left a session held")
		}
	})
}

// A session ends when nothing is bound to it, also if the last was taken over from
// its own client or from another, or lost.
func TestSessionLeft(t *testing.T) {
	other := []locker.Option{locker.WithOwner("other"), locker.WithoutRenewal()}
	for name, end := range map[string]func(t *testing.T, s *binds, c *locker.Client, lease *locker.Lease){
		"released": func(t *testing.T, _ *binds, _ *locker.Client, lease *locker.Lease) {
			t.Helper()
			want(t, "Release", lease.Release(t.Context()))
		},
		"taken over by its own client": func(t *testing.T, _ *binds, c *locker.Client, lease *locker.Lease) {
			t.Helper()
			handOver(t, c, lease, other...)
		},
		"taken over by another": func(t *testing.T, s *binds, c *locker.Client, lease *locker.Lease) {
			t.Helper()
			q := queue(t, c, lease.Name(), other...)
			g := s.foreign(lease.Name(), time.Hour)
			want(t, "Release", lease.Release(t.Context()))
			synctest.Wait()
			q.cancel()
			<-q.done
			want(t, "the other's release", s.doRelease(g, 0))
		},
		"left behind": func(t *testing.T, s *binds, c *locker.Client, lease *locker.Lease) {
			t.Helper()
			q := queue(t, c, lease.Name(), other...)
			s.onAcquire(func(context.Context, locker.Attempt) (locker.Grant, error) { return locker.Grant{}, errFinal })
			want(t, "Release", lease.Release(t.Context()))
			<-q.done
			s.onAcquire(nil)
		},
		"lost": func(t *testing.T, s *binds, _ *locker.Client, lease *locker.Lease) {
			t.Helper()
			s.foreign(lease.Name(), time.Hour)
			if err := lease.Renew(t.Context()); err == nil {
				t.Error("Renew = nil, want it lost")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBinds()
				c := newClient(t, s, shared)
				lease := bound(t, s, c, t.Name())
				session := s.boundTo(t.Name())
				end(t, s, c, lease)
				time.Sleep(25 * time.Second)
				if s.info(session).State != locker.StateFree || c.Sessions() != 0 {
					t.Errorf("the session is %v and %d are kept, want it released when nothing is bound to it", s.info(session).State, c.Sessions())
				}
			})
		})
	}
}
