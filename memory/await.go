package memory

import (
	"context"
	"runtime"
	"slices"

	"example.com/holdfast/locker"
)

// place is a process's place in the line of those who wait for a name. The
// process keeps it while it is away to look at the record or to try for the
// name, so that looking costs nobody a turn. All fields are guarded by Store.mu.
type place struct {
	process *backend
	wake    chan struct{} // closed to wake the process; nil while it is away
}

func (p *place) away() bool { return p.wake == nil }

// isAway reports whether p is b's place and b is away.
func (b *backend) isAway(p *place) bool { return p.process == b && p.away() }

// A process that was woken lets others run until one of those before it in line
// has tried: it looks courtesy times whether that is so, and yields in between.
// That is counted, not timed, because time may stand still. One who has gone for
// good delays the next by a few ms, once: as long as a thread may have to wait
// for a processor, or the order would be lost on a busy machine.
const (
	courtesy = 1000
	yields   = 100
)

// Await returns when the record of name changes; at once if its revision is not
// the one given or the name can be taken.
//
// Where the name can be taken, processes return in the order in which they
// began to wait, each once those before it have tried: the lock goes to those
// who wait, in turn. A call that has not waited can come between.
func (b *backend) Await(ctx context.Context, name, revision string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := b.store
	p, woken := s.sleep(b, name, revision)
	select {
	case <-woken:
	case <-ctx.Done():
		s.getUp(p, name)
	}
	for looks, last := 0, 0; looks < courtesy; looks++ {
		before := s.before(p, name)
		if before == 0 {
			return ctx.Err()
		}
		if before != last {
			looks, last = 0, before
		}
		for range yields {
			runtime.Gosched()
		}
	}
	s.passAbsent(p, name)
	return ctx.Err()
}

// sleep takes b's place in line, and returns what is closed to wake it.
func (s *Store) sleep(b *backend, name, revision string) (*place, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.placeLocked(b, name)
	p.wake = make(chan struct{})
	woken := p.wake
	if s.takeableLocked(name) || s.records[name].revision() != revision {
		s.wakeLocked(name) // all of them: a lease that ends by time tells nobody
	}
	return p, woken
}

// placeLocked returns the place that b has kept, or a new one at the end.
func (s *Store) placeLocked(b *backend, name string) *place {
	line := s.lines[name]
	if i := slices.IndexFunc(line, b.isAway); i >= 0 {
		return line[i]
	}
	// Those who are away when a new process comes have most likely given up. Were
	// they not, all that they lose is their turn.
	line = slices.DeleteFunc(line, (*place).away)
	p := &place{process: b}
	s.lines[name] = append(line, p)
	return p
}

// getUp ends p's sleep because its caller wants it so. That may be the caller's
// timer for the end of the lease, of which the store is told by nothing else:
// then the others have to get up as well, or p would overtake them.
func (s *Store) getUp(p *place, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.wake = nil
	if s.takeableLocked(name) {
		s.wakeLocked(name)
	}
}

// before returns how many p has to let go first. For a mere look that is nobody.
func (s *Store) before(p *place, name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.takeableLocked(name) {
		return 0
	}
	return max(0, slices.Index(s.lines[name], p))
}

// passAbsent takes the places away from those who stand before p and are away.
func (s *Store) passAbsent(p *place, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.lines[name]
	i := max(0, slices.Index(line, p))
	present := slices.DeleteFunc(slices.Clone(line[:i]), (*place).away)
	s.lines[name] = append(present, line[i:]...)
}

// giveWayLocked reports whether b stands in line for a name that can be taken,
// and others before it, who are sent for.
func (s *Store) giveWayLocked(b *backend, name string) bool {
	if slices.IndexFunc(s.lines[name], b.isAway) <= 0 {
		return false
	}
	s.wakeLocked(name)
	return true
}

// leaveLocked gives up b's place in line, because it has got the name.
func (s *Store) leaveLocked(b *backend, name string) {
	line := s.lines[name]
	i := slices.IndexFunc(line, b.isAway)
	switch {
	case i < 0:
	case len(line) == 1:
		delete(s.lines, name)
	default:
		s.lines[name] = slices.Delete(line, i, i+1)
	}
}

// wakeLocked wakes everybody who waits for name.
func (s *Store) wakeLocked(name string) {
	for _, p := range s.lines[name] {
		if !p.away() {
			close(p.wake)
			p.wake = nil
		}
	}
}

// wantedLocked reports whether a process other than b sleeps until name changes.
func (s *Store) wantedLocked(b *backend, name string) bool {
	return slices.ContainsFunc(s.lines[name], func(p *place) bool { return p.process != b && !p.away() })
}

// takeableLocked reports whether the name is free or its lease has ended.
func (s *Store) takeableLocked(name string) bool {
	return s.records[name].state(s.clock.Now()) != locker.StateHeld
}
