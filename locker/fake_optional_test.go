package locker_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// blocks is a store that gives as many tokens as it is asked for, at most limit.
type blocks struct {
	*store
	limit int
}

func (b blocks) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	g, err := b.store.Acquire(ctx, a)
	g.Token *= 10_000
	g.Tokens = min(a.Tokens, b.limit)
	return g, err
}

// newBlocks returns a store with room for every block.
func newBlocks() blocks { return blocks{new(store), 10_000} }

// marks is a store whose records can be marked as wanted.
type marks struct {
	blocks
	mu     sync.Mutex
	wanted map[string]bool // by acquisition ID
}

func newMarks() *marks { return &marks{blocks: newBlocks(), wanted: make(map[string]bool)} }

func (m *marks) isWanted(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wanted[id]
}

func (m *marks) MarkWanted(_ context.Context, name, id string) error {
	noted(m.store, call{op: "mark", name: name, id: id}, new(struct{}))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted[id] = true
	return nil
}

func (m *marks) Renew(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
	g, err := m.blocks.Renew(ctx, g, r)
	g.Wanted = m.isWanted(g.ID)
	return g, err
}

func (m *marks) ReleaseWanted(ctx context.Context, g locker.Grant, hold time.Duration) (bool, error) {
	return m.isWanted(g.ID), m.blocks.Release(ctx, g, hold)
}

// binds is a store whose records can be bound to sessions.
type binds struct {
	blocks
	mu    sync.Mutex
	bound map[string]string                                                        // session by name
	bind  func(ctx context.Context, g, session locker.Grant) (locker.Grant, error) // instead of doBind
}

func newBinds() *binds { return &binds{blocks: newBlocks(), bound: make(map[string]string)} }

func (b *binds) Bind(ctx context.Context, g, session locker.Grant) (locker.Grant, error) {
	noted(b.store, call{op: "bind", name: g.Name, id: g.ID}, new(struct{}))
	b.mu.Lock()
	f := b.bind
	b.mu.Unlock()
	if f != nil {
		return f(ctx, g, session)
	}
	return b.doBind(g, session)
}

func (b *binds) onBind(f func(ctx context.Context, g, session locker.Grant) (locker.Grant, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bind = f
}

func (b *binds) doBind(g, session locker.Grant) (locker.Grant, error) {
	g, err := b.doRenew(g, locker.Renewal{TTL: session.TTL})
	if err == nil {
		b.setBound(g.Name, session.Name)
	}
	return g, err
}

func (b *binds) Renew(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
	g, err := b.blocks.Renew(ctx, g, r)
	if err == nil {
		b.setBound(g.Name, "")
	}
	return g, err
}

func (b *binds) setBound(name, session string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bound[name] = session
}

// boundTo returns the session that a record is bound to, "" if to none.
func (b *binds) boundTo(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bound[name]
}

// gathers is a store that acquires up to limit names by one request.
type gathers struct {
	*store
	limit int
	one   sync.Mutex                                                              // request at a time
	group func(ctx context.Context, all []locker.Attempt) ([]locker.Grant, error) // instead of doGroup
}

func newGathers(limit int) *gathers { return &gathers{store: new(store), limit: limit} }

func (s *gathers) GroupLimit() int { return s.limit }

func (s *gathers) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	s.one.Lock()
	defer s.one.Unlock()
	return s.store.Acquire(ctx, a)
}

func (s *gathers) AcquireGroup(ctx context.Context, all []locker.Attempt) ([]locker.Grant, error) {
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = a.Name
	}
	noted(s.store, call{op: "group", name: strings.Join(names, " "), id: all[0].ID}, new(struct{}))
	if s.group != nil {
		return s.group(ctx, all)
	}
	return s.doGroup(all)
}

func (s *gathers) doGroup(all []locker.Attempt) ([]locker.Grant, error) {
	s.one.Lock()
	defer s.one.Unlock()
	for _, a := range all {
		if info := s.info(a.Name); info.State == locker.StateHeld && info.AcquisitionID != a.ID && info.Revision != a.Stale {
			return nil, &locker.HeldError{Name: a.Name, Holder: info}
		}
	}
	var grants []locker.Grant
	for _, a := range all {
		g, err := s.doAcquire(a)
		if err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	return grants, nil
}
