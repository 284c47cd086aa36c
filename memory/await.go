package memory

import (
	"context"

	"example.com/holdfast/locker"
)

// audience is who waits for the next change of one name's record.
type audience struct {
	changed  chan struct{}    // closed by that change
	sleepers map[*backend]int // calls of Await, by process
}

// Await returns nil when the record of name changes; at once if its revision is
// not the one given or the name can be taken. All who wait are woken together.
func (b *backend) Await(ctx context.Context, name, revision string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	changed := b.store.attend(b, name, revision)
	if changed == nil {
		return nil
	}
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		b.store.leave(b, name, changed)
		return ctx.Err()
	}
}

// attend makes b wait for a change of name, and returns what is closed by it;
// nil if there is nothing to wait for.
func (s *Store) attend(b *backend, name, revision string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[name]
	if r.state(s.clock.Now()) != locker.StateHeld || r.revision() != revision {
		return nil
	}
	a := s.waiting[name]
	if a == nil {
		a = &audience{changed: make(chan struct{}), sleepers: make(map[*backend]int)}
		s.waiting[name] = a
	}
	a.sleepers[b]++
	return a.changed
}

// leave ends b's wait for the change that closes changed, if that is still to come.
func (s *Store) leave(b *backend, name string, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.waiting[name]
	if a == nil || a.changed != changed {
		return
	}
	if a.sleepers[b]--; a.sleepers[b] == 0 {
		delete(a.sleepers, b)
	}
	if len(a.sleepers) == 0 {
		delete(s.waiting, name)
	}
}

// wakeLocked wakes everybody who waits for name.
func (s *Store) wakeLocked(name string) {
	if a := s.waiting[name]; a != nil {
		close(a.changed)
		delete(s.waiting, name)
	}
}

// wantedLocked reports whether a process other than b waits for name.
func (s *Store) wantedLocked(b *backend, name string) bool {
	a := s.waiting[name]
	if a == nil {
		return false
	}
	others := len(a.sleepers)
	if a.sleepers[b] > 0 {
		others--
	}
	return others > 0
}
