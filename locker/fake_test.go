package locker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// errDown is what a store says that does not answer.
var errDown = fmt.Errorf("test: no answer: %w", locker.ErrUnavailable)

// store is a Backend and a Poller, and counts what it is asked. It knows no time,
// except for what MinHold keeps taken: a name is free once it was released, and
// whoever names the revision seen takes it over. A test replaces what it does with
// one of the functions that begin with on; these call the methods that begin with
// do for the truth. The zero store has no records.
type store struct {
	mu      sync.Mutex
	records map[string]*record
	tokens  map[string]locker.Token // by acquisition ID
	calls   []call

	acquire func(ctx context.Context, a locker.Attempt) (locker.Grant, error)
	renew   func(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error)
	release func(ctx context.Context, g locker.Grant, hold time.Duration) error
	poll    func(ctx context.Context, name string) (locker.Info, error)
}

// record is what the store keeps of a name.
type record struct {
	id    string
	seq   int64
	token locker.Token
	ttl   time.Duration
	dead  bool      // released
	until time.Time // taken even so
}

// call is something that the store was asked.
type call struct {
	op       string // acquire, renew, release or poll
	at       time.Time
	name, id string
	stale    string        // of an acquire
	ttl      time.Duration // of an acquire or a renewal
}

func (s *store) onAcquire(f func(ctx context.Context, a locker.Attempt) (locker.Grant, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acquire = f
}

func (s *store) onRenew(f func(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew = f
}

func (s *store) onRelease(f func(ctx context.Context, g locker.Grant, hold time.Duration) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release = f
}

func (s *store) onPoll(f func(ctx context.Context, name string) (locker.Info, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poll = f
}

// heal makes the store tell the truth from now on.
func (s *store) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acquire, s.renew, s.release, s.poll = nil, nil, nil, nil
}

// noted returns f as it is set now, after noting the call.
func noted[F any](s *store, c call, f *F) F {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.at = time.Now()
	s.calls = append(s.calls, c)
	return *f
}

// asked returns the calls of op until now.
func (s *store) asked(op string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.calls), func(c call) bool { return c.op != op })
}

// counts returns how many acquires, renewals, releases and polls there were.
func (s *store) counts() (n struct{ acquire, renew, release, poll int }) {
	n.acquire, n.renew = len(s.asked("acquire")), len(s.asked("renew"))
	n.release, n.poll = len(s.asked("release")), len(s.asked("poll"))
	return n
}

func (s *store) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	if f := noted(s, call{op: "acquire", name: a.Name, id: a.ID, stale: a.Stale, ttl: a.TTL}, &s.acquire); f != nil {
		return f(ctx, a)
	}
	return s.doAcquire(a)
}

func (s *store) Renew(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
	if f := noted(s, call{op: "renew", name: g.Name, id: g.ID, ttl: r.TTL}, &s.renew); f != nil {
		return f(ctx, g, r)
	}
	return s.doRenew(g, r)
}

func (s *store) Release(ctx context.Context, g locker.Grant, hold time.Duration) error {
	if f := noted(s, call{op: "release", name: g.Name, id: g.ID}, &s.release); f != nil {
		return f(ctx, g, hold)
	}
	return s.doRelease(g, hold)
}

func (s *store) Poll(ctx context.Context, name string) (locker.Info, error) {
	if f := noted(s, call{op: "poll", name: name}, &s.poll); f != nil {
		return f(ctx, name)
	}
	return s.info(name), nil
}

// doAcquire refuses every send of an ID that was released, and those of one that
// comes after a later grant.
func (s *store) doAcquire(a locker.Attempt) (locker.Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acquireLocked(a, true)
}

// acquireLocked acquires the name, or tells only whether it could.
func (s *store) acquireLocked(a locker.Attempt, take bool) (locker.Grant, error) {
	if s.records == nil {
		s.records, s.tokens = make(map[string]*record), make(map[string]locker.Token)
	}
	if s.tokens[a.ID] == 0 {
		s.tokens[a.ID] = locker.Token(len(s.tokens) + 1)
	}
	r := s.records[a.Name]
	switch {
	case r != nil && r.id == a.ID && !r.dead: // an earlier send
	case r != nil && (r.token >= s.tokens[a.ID] || r.held() && r.revision() != a.Stale):
		return locker.Grant{}, &locker.HeldError{Name: a.Name, Holder: s.infoLocked(a.Name)}
	case !take:
		return locker.Grant{}, nil
	default:
		r = &record{id: a.ID, seq: 1, token: s.tokens[a.ID], ttl: a.TTL}
		s.records[a.Name] = r
	}
	return locker.Grant{Name: a.Name, ID: a.ID, Token: r.token, TTL: r.ttl, Revision: r.revision()}, nil
}

func (s *store) doRenew(g locker.Grant, r locker.Renewal) (locker.Grant, error) {
	seq := nextSeq(g)
	s.mu.Lock()
	defer s.mu.Unlock()
	g.Revision = nextRevision(g)
	now := s.records[g.Name]
	switch {
	case now == nil || now.id == g.ID && now.dead:
		return g, &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossGone}
	case now.id != g.ID:
		return g, &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossTaken}
	case now.seq >= seq:
		return g, fmt.Errorf("test: overtaken by renewal %d: %w", now.seq, locker.ErrUnavailable)
	}
	now.seq, now.ttl = seq, r.TTL
	g.TTL = r.TTL
	return g, nil
}

func nextSeq(g locker.Grant) int64 {
	_, digits, _ := strings.Cut(g.Revision, "/")
	seq, _ := strconv.ParseInt(digits, 10, 64)
	return seq + 1
}

// nextRevision is what the next renewal of g makes, whether or not it is told so.
func nextRevision(g locker.Grant) string { return fmt.Sprintf("%s/%d", g.ID, nextSeq(g)) }

func (s *store) doRelease(g locker.Grant, hold time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.records[g.Name]
	switch {
	case now == nil:
		return &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossGone}
	case now.id != g.ID:
		return &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossTaken}
	case !now.dead:
		now.dead, now.ttl, now.until = true, hold, time.Now().Add(hold)
	}
	return nil
}

func (s *store) info(name string) locker.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.infoLocked(name)
}

func (s *store) infoLocked(name string) locker.Info {
	r := s.records[name]
	if r == nil || !r.held() {
		return locker.Info{Name: name, State: locker.StateFree}
	}
	return locker.Info{
		Name: name, AcquisitionID: r.id, Owner: "owner of " + r.id, Token: r.token,
		TTL: r.ttl, State: locker.StateHeld, Revision: r.revision(), Remaining: r.ttl,
	}
}

func (r *record) held() bool { return !r.dead || time.Now().Before(r.until) }

func (r *record) revision() string {
	if r.dead {
		return r.id + "/dead"
	}
	return fmt.Sprintf("%s/%d", r.id, r.seq)
}

// foreign makes another process the holder of name, whoever holds it. Its Grant
// is to renew and release it with.
func (s *store) foreign(name string, ttl time.Duration) locker.Grant {
	g, err := s.doAcquire(locker.Attempt{Name: name, ID: strings.ToLower(rand.Text()), TTL: ttl, Stale: s.info(name).Revision})
	if err != nil {
		panic(err)
	}
	return g
}

// hung is a call that gets no answer for as long as ctx lasts.
func hung(ctx context.Context) error {
	<-ctx.Done()
	return fmt.Errorf("%w: %w", errDown, ctx.Err())
}

// newClient returns a Client on b, in a bubble, that is closed at the end of the test, when
// nothing of it may be left.
func newClient(t *testing.T, b locker.Backend, optFns ...func(*locker.ClientOptions)) *locker.Client {
	t.Helper()
	c := locker.New(b, optFns...)
	t.Cleanup(func() {
		c.Close(context.WithoutCancel(t.Context())) // what went wrong, the test has seen
		synctest.Wait()                             // for a loss that is being told of
		if lines, scheduled := c.Left(); lines != 0 || scheduled != 0 {
			t.Errorf("after Close %d names and %d scheduled leases are left, want none", lines, scheduled)
		}
	})
	return c
}

// acquire waits for hours if need be, but not for ever.
func acquire(t *testing.T, l locker.Locker, name string, opts ...locker.Option) *locker.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
	defer cancel()
	lease, err := l.Acquire(ctx, name, opts...)
	if err != nil {
		t.Fatalf("Acquire(%q) = %v", name, err)
	}
	return lease
}

// want checks that err matches all of the targets; without any, that it is nil.
func want(t *testing.T, what string, err error, targets ...error) {
	t.Helper()
	if len(targets) == 0 && err != nil {
		t.Errorf("%s = %v, want no error", what, err)
	}
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("%s = %v, want one that is %v", what, err, target)
		}
	}
}

// wantLost checks that err is a LostError with that reason, and returns it.
func wantLost(t *testing.T, what string, err error, reason locker.LossReason) *locker.LostError {
	t.Helper()
	var lost *locker.LostError
	if !errors.As(err, &lost) || lost.Reason != reason {
		t.Fatalf("%s = %v, want a LostError: %v", what, err, reason)
	}
	return lost
}
