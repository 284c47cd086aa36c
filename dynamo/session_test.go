package dynamo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// shared is an option of open: the leases share a heartbeat.
func shared(o *Options) { o.SharedHeartbeat = true }

// sent is what a process has sent about sessions, and about locks.
type sent struct{ sessions, locks counts }

// sent returns what was sent since the last reset.
func (p *process) sent(t *testing.T) sent {
	t.Helper()
	s := sent{make(counts), make(counts)}
	for _, r := range p.faults.Records() {
		if strings.HasPrefix(keyOf(t, r.Body), "_session/") {
			s.sessions[r.Operation]++
		} else {
			s.locks[r.Operation]++
		}
	}
	return s
}

// keyOf returns the name of the item that a request is about, "" if about none.
func keyOf(t *testing.T, body []byte) string {
	t.Helper()
	var in struct {
		Key struct{ Name struct{ S string } }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		t.Fatal(err)
	}
	return in.Key.Name.S
}

// about lets a fault happen to writes of items whose name begins with prefix only.
func about(prefix string, fault faulthttp.Fault) faulthttp.Fault {
	return func(c *faulthttp.Call) (*http.Response, error) {
		if c.Operation == "UpdateItem" && strings.Contains(string(c.Body), `"Key":{"name":{"S":"`+prefix) {
			return fault(c)
		}
		return c.Send()
	}
}

// bound acquires n locks and waits until all of them are bound.
func bound(t *testing.T, p *process, ttl time.Duration, n int) []*locker.Lease {
	t.Helper()
	var leases []*locker.Lease
	for i := range n {
		leases = append(leases, acquire(t, p, fmt.Sprintf("%s/%d", t.Name(), i), locker.WithTTL(ttl)))
	}
	for _, lease := range leases {
		eventually(t, ttl, "it is bound", func() bool { return readDecoded(t, lease.Name()).Session != "" })
	}
	return leases
}

// TestRequestsHandOver counts what a hand-over inside a process costs.
func TestRequestsHandOver(t *testing.T) {
	t.Parallel()
	p := openWarm(t, func(o *Options) { o.MaxLocalHold = time.Minute }) // until it writes to hear of others
	for what, tt := range map[string]struct {
		opts    []locker.Option
		altered bool
		want    counts
	}{
		"a hand-over":                 {want: counts{}},
		"a hand-over to other data":   {opts: []locker.Option{locker.WithData([]byte("x"))}, want: counts{"UpdateItem": 1}},
		"a hand-over to another":      {opts: []locker.Option{locker.WithOwner("B")}, want: counts{"UpdateItem": 1}},
		"a hand-over without renewal": {opts: []locker.Option{locker.WithoutRenewal()}, want: counts{"UpdateItem": 1}},
		"a hand-over after SetData":   {altered: true, want: counts{"UpdateItem": 1}},
	} {
		name := t.Name() + "/" + what
		lease := acquire(t, p, name)
		if tt.altered {
			if err := lease.SetData(t.Context(), []byte("x")); err != nil {
				t.Errorf("SetData(%q) = %v, want nil", name, err)
			}
		}
		got := make(chan *locker.Lease, 1)
		go func() {
			lease, err := p.Acquire(t.Context(), name, tt.opts...)
			if err != nil {
				t.Errorf("Acquire(%q) = %v, want nil", name, err)
			}
			got <- lease
		}()
		<-lease.Wanted()
		p.faults.Reset()
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("Release(%q) = %v, want nil", name, err)
		}
		next := <-got
		p.wantCounts(t, what, tt.want)
		if next.Token() <= lease.Token() || next.ID() == lease.ID() {
			t.Errorf("%s: ID %q, token %v after %q, %v, want another and a higher", what, next.ID(), next.Token(), lease.ID(), lease.Token())
		}
		if it := readDecoded(t, name); locker.Token(it.Token) < next.Token() {
			t.Errorf("%s: the item shows token %d, want at least %v", what, it.Token, next.Token())
		}
		if err := next.Release(t.Context()); err != nil {
			t.Errorf("Release(%q) = %v, want nil", name, err)
		}
		p.wantCounts(t, "a release", counts{"UpdateItem": 1})
	}
}

// TestRequestsAgain shows that a lock that is taken again and again costs two writes
// each time, also while the process gets to know DynamoDB's time better, which makes
// its estimate fall.
func TestRequestsAgain(t *testing.T) {
	t.Parallel()
	p := open(t)
	acquire(t, p, t.Name()+"/first")
	p.faults.Reset()
	const n = 50
	for range n {
		lease := acquire(t, p, t.Name())
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
		}
	}
	if got := p.faults.Counts()["UpdateItem"]; got != 2*n {
		t.Errorf("%d writes for %d leases one after another, want %d", got, n, 2*n)
	}
}

// TestRequestsSession counts what leases cost that share a heartbeat.
func TestRequestsSession(t *testing.T) {
	t.Parallel()
	const n, ttl = 10, 6 * time.Second
	p := openWarm(t, shared)
	start := time.Now()
	leases := bound(t, p, ttl, n)
	beats := int(time.Since(start)/(ttl/3*7/8)) - 1 // on a machine that is busy
	if got := p.sent(t); got.locks["UpdateItem"] != 2*n || got.sessions["UpdateItem"] > 1+max(0, beats) || len(got.locks)+len(got.sessions) != 2 {
		t.Errorf("%+v for %d leases that were bound, want one acquire and one binding each, one session", got, n)
	}
	session := readDecoded(t, leases[0].Name()).Session
	for _, lease := range leases {
		it := readDecoded(t, lease.Name())
		if it.Session != session || *it.ExpiresOn != farFuture || readItem(t, lease.Name())["purgeAt"] != nil {
			t.Errorf("item of %q is %+v, want it bound to %q", lease.Name(), it, session)
		}
	}
	p.faults.Reset()
	time.Sleep(3 * ttl)
	got := p.sent(t)
	most := int(time.Since(start) / (ttl / 3 * 7 / 8)) // each may be early by an eighth
	if n := got.sessions["UpdateItem"]; n < 7 || n > most || len(got.locks) != 0 || len(got.sessions) != 1 {
		t.Errorf("%+v in 9 thirds of a TTL, want one renewal of the session each and nothing else", got)
	}
	for _, lease := range leases {
		if err := lease.Err(); err != nil {
			t.Errorf("Err(%q) = %v, want nil", lease.Name(), err)
		}
	}
	for info, err := range p.List(t.Context(), "") {
		if strings.HasPrefix(info.Name, "_session/") || err != nil && strings.Contains(err.Error(), "_session/") {
			t.Errorf("List shows %q, %v, want no sessions", info.Name, err)
		}
	}
	info, err := p.Inspect(t.Context(), leases[0].Name())
	if err != nil || info.State != locker.StateHeld || info.TTL != ttl || info.AcquisitionID != leases[0].ID() {
		t.Errorf("Inspect = %+v, %v, want it held by %q for the session's TTL", info, err, leases[0].ID())
	}
	p.faults.Reset()
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	if got := p.sent(t); got.locks["UpdateItem"] != n || got.sessions["UpdateItem"] != 1 {
		t.Errorf("Close sent %+v, want a release of each lease and of the session", got)
	}
	all := p.faults.Records()
	if last := keyOf(t, all[len(all)-1].Body); last != session {
		t.Errorf("Close released %q last, want the session", last)
	}
	if it := readDecoded(t, session); *it.ExpiresOn != 0 {
		t.Errorf("the session is %+v, want it released", it)
	}
}

// TestRequestsSessionLeft shows that a session to which nothing is bound is released.
func TestRequestsSessionLeft(t *testing.T) {
	t.Parallel()
	p := openWarm(t, shared)
	lease := bound(t, p, 3*time.Second, 1)[0]
	session := readDecoded(t, lease.Name()).Session
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("Release(%q) = %v, want nil", lease.Name(), err)
	}
	eventually(t, 3*time.Second, "the session is released", func() bool { return *readDecoded(t, session).ExpiresOn == 0 })
	p.faults.Reset()
	time.Sleep(1500 * time.Millisecond)
	p.wantCounts(t, "a session that was released", counts{})
}

// TestRequestsBound counts what waiting for bound locks costs, and what their
// take-over does when their holder has died: its session is ended once.
func TestRequestsBound(t *testing.T) {
	t.Parallel()
	const n, ttl = 4, 3 * time.Second
	p := open(t, shared)
	leases := bound(t, p, ttl, n)
	session := readDecoded(t, leases[0].Name()).Session
	contender := openWarm(t, owner("contender"))
	refuse(t, contender, leases[1].Name())
	contender.wantCounts(t, "a refusal", counts{"UpdateItem": 1, "GetItem": 1})

	got := make(chan error, 1)
	go func() {
		_, err := contender.Acquire(t.Context(), leases[0].Name())
		got <- err
	}()
	eventually(t, 2*time.Second, "some looks", func() bool { return contender.faults.Counts()["GetItem"] >= 7 })
	p.cutOff()
	var names []string
	for _, r := range contender.faults.Records() {
		if r.Operation == "GetItem" {
			names = append(names, keyOf(t, r.Body))
		}
	}
	for i, name := range names[1:] { // the first belongs to the try that was refused
		if want := []string{leases[0].Name(), session}[i%2]; name != want {
			t.Fatalf("look %d is at %q, want %q: two reads each", i, name, want)
		}
	}
	cut := time.Now()
	if err := <-got; err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", leases[0].Name(), err)
	}
	if d := time.Since(cut); d < ttl/2 || d > 2*ttl+prompt {
		t.Errorf("taken over %v after the last heartbeat could be sent, want about a TTL, %v", d, ttl)
	}
	if err := leases[0].Err(); !errors.Is(err, locker.ErrLost) {
		t.Errorf("Err(%q) = %v when another has the lock, want a loss", leases[0].Name(), err)
	}
	if got := contender.sent(t); got.sessions["UpdateItem"] != 1 {
		t.Errorf("the take-over sent %+v, want the session ended by one write", got)
	}
	contender.faults.Reset()
	for _, lease := range leases[1:] {
		acquire(t, contender, lease.Name())
		contender.wantCounts(t, "taking over the next lock of a session that was ended", counts{"UpdateItem": 2})
	}
	if it := readDecoded(t, leases[0].Name()); it.Session != "" {
		t.Errorf("the item is bound to %q after a take-over, want it not to be", it.Session)
	}
}
