package dynamo

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// TestSessionGone shows that whoever takes over a lock whose session is nowhere
// makes sure of that: no late write brings the session back.
func TestSessionGone(t *testing.T) {
	t.Parallel()
	p := open(t, shared)
	copies := make(chan *faulthttp.Copy, 100)
	p.faults.Always(about("_session/", faulthttp.Keep(copies)))
	lease := bound(t, p, 6*time.Second, 1)[0]
	session := readDecoded(t, lease.Name()).Session
	first := <-copies
	deleteItem(t, session)

	contender := openWarm(t)
	second := acquire(t, contender, lease.Name())
	if got := contender.sent(t); got.sessions["UpdateItem"] != 1 || got.sessions["GetItem"] != 1 {
		t.Errorf("the take-over sent %+v, want a look at the session and one write of it", got)
	}
	wantRefused(t, "the session's first write, late", session, first)
	select {
	case <-lease.Done():
	case <-time.After(6 * time.Second):
		t.Error("the first holder still believes in its lease a TTL later")
	}
	if err := second.Err(); err != nil {
		t.Errorf("Err of the second = %v, want nil", err)
	}
	for len(copies) > 0 {
		wantRefused(t, "a heartbeat, late", session, <-copies)
	}
}

// TestSessionKilled shows that all leases of a session end when another process has
// ended it.
func TestSessionKilled(t *testing.T) {
	t.Parallel()
	p := open(t, shared)
	leases := bound(t, p, 3*time.Second, 3)
	session := readDecoded(t, leases[0].Name()).Session
	other := openWarm(t)
	eventually(t, prompt, "the session is ended, but for a heartbeat in between", func() bool {
		in := other.store.killInput(session, readDecoded(t, session).GUID, stamps{wall: time.Now()})
		_, err := other.store.update(t.Context(), time.Second, in)
		return err == nil
	})
	for _, lease := range leases {
		select {
		case <-lease.Done():
		case <-time.After(3 * time.Second):
			t.Fatalf("%q is not over a TTL after its session", lease.Name())
		}
		var lost *locker.LostError
		if !errors.As(lease.Err(), &lost) || lost.Reason != locker.LossGone {
			t.Errorf("Err(%q) = %v, want a *LostError: %v", lease.Name(), lease.Err(), locker.LossGone)
		}
		if err := lease.Release(t.Context()); !errors.Is(err, locker.ErrLost) {
			t.Errorf("Release(%q) = %v, want a loss", lease.Name(), err)
		}
	}
	next := bound(t, p, 3*time.Second, 1)[0]
	if now := readDecoded(t, next.Name()).Session; now == session {
		t.Errorf("the next lease is bound to %q, which was ended", now)
	}
}

// TestSessionFaults shows that leases survive what the network does to the writes
// that bind them, and to the session's own.
func TestSessionFaults(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second
	for name, tt := range map[string]struct {
		prefix  string // of the names that are hit
		when    string // in the update expression
		fault   faulthttp.Fault
		unbound bool // for good
	}{
		"the answer to a binding is lost":       {"TestSessionFaults", "#session = :session", window(0, 1, faulthttp.Lose()), false},
		"a binding is lost":                     {"TestSessionFaults", "#session = :session", window(0, 1, faulthttp.Drop()), false},
		"a binding is never answered":           {"TestSessionFaults", "#session = :session", window(0, 1, faulthttp.HangAfter()), false},
		"the answer to a session is lost":       {"_session/", "#owner = :owner", window(0, 1, faulthttp.Lose()), false},
		"there can be no session":               {"_session/", "#owner = :owner", faulthttp.Error(400, "AccessDeniedException", "no"), true},
		"no session is answered":                {"_session/", "#owner = :owner", faulthttp.Drop(), true},
		"the answers to heartbeats are lost":    {"_session/", "SET #guid", window(1, 2, faulthttp.Lose()), false},
		"heartbeats are throttled now and then": {"_session/", "SET #guid", window(1, 2, faulthttp.Error(400, "ThrottlingException", "slow down")), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, shared)
			p.warm(t)
			hits := make(chan struct{}, 1000)
			p.faults.Always(about(tt.prefix, func(c *faulthttp.Call) (*http.Response, error) {
				if !strings.Contains(string(c.Body), tt.when) {
					return c.Send()
				}
				hits <- struct{}{}
				return tt.fault(c)
			}))
			lease := acquire(t, p, t.Name(), locker.WithTTL(ttl))
			time.Sleep(2 * ttl)
			if err := lease.Err(); err != nil {
				t.Errorf("Err(%q) = %v, want nil", t.Name(), err)
			}
			if len(hits) == 0 {
				t.Error("nothing went wrong: this test tests nothing")
			}
			if it := readDecoded(t, t.Name()); (it.Session == "") != tt.unbound {
				t.Errorf("the item is bound to %q", it.Session)
			}
			refuse(t, open(t, owner("B")), t.Name())
			p.faults.Always(nil)
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
			}
			acquire(t, open(t, owner("B")), t.Name())
		})
	}
}

// window lets a fault happen n times, after it has let skip requests pass.
func window(skip, n int64, f faulthttp.Fault) faulthttp.Fault {
	var seen atomic.Int64
	return func(c *faulthttp.Call) (*http.Response, error) {
		if i := seen.Add(1); i <= skip || i > skip+n {
			return c.Send()
		}
		return f(c)
	}
}

// TestSessionReleaseLost shows that a bound lock whose release got lost is released
// in the background: it would be taken for as long as the session lives.
func TestSessionReleaseLost(t *testing.T) {
	t.Parallel()
	p := open(t, shared)
	leases := bound(t, p, 3*time.Second, 2)
	p.faults.Always(about(leases[0].Name(), faulthttp.Drop()))
	err := leases[0].Release(t.Context())
	var failed *locker.ReleaseError
	if !errors.As(err, &failed) {
		t.Fatalf("Release(%q) = %v, want a *ReleaseError", leases[0].Name(), err)
	}
	other := openWarm(t)
	refuse(t, other, leases[0].Name())
	p.faults.Always(nil)
	eventually(t, 3*time.Second, "the name is free", func() bool { return *readDecoded(t, leases[0].Name()).ExpiresOn == 0 })
	if err := leases[1].Err(); err != nil {
		t.Errorf("Err of the other lease = %v, want nil", err)
	}
}
