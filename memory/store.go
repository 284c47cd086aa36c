package memory

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// Options configures a [Store] and the processes that are opened on it. The
// functions that [New], [NewStore] and [Store.Open] take find the defaults that
// are described here already set, and change what they like.
//
//   - Clock: for a store, the time by which leases end. Nil: a
//     [locker.SystemClock] made by NewStore, which inside of a testing/synctest
//     bubble is the bubble's. A process has its store's clock unless Open is told
//     otherwise: one of its own, that stands still, makes it a process that
//     hangs.
//   - MinTTL: 1 ms.
//   - Fencing: true, tokens rise. Set to false, the Locker refuses
//     [locker.RequireFencing], for code that has to cope with such a one.
//   - InProcess: true: everything that a move of the clock leads to for the
//     holder of a lease is done when [Clock.Advance] returns. It is false in any
//     case for a process with a clock of its own.
//
// The other fields are described at [locker.ClientOptions].
type Options struct {
	locker.ClientOptions
}

// Store is a lock service that lives in memory, and the place where a test
// makes things go wrong. Processes that contend for its locks are opened with
// [Store.Open]. Create it with [NewStore].
//
// It remembers each name that was ever locked, and lasts no longer than the
// process. Its methods are safe for use by several goroutines at once, and none
// of them blocks.
type Store struct {
	clock    locker.Clock // of the leases
	defaults Options      // of the processes

	mu      sync.Mutex
	records map[string]*record   // by name
	waiting map[string]*audience // by name: who sleeps until it changes
	dead    deadIDs
	faults  map[Op][]fault // to come, by operation
	stolen  int            // how often Steal was called
}

// NewStore returns a Store without any locks. optFns apply to each process
// that is opened on it. It starts nothing.
func NewStore(optFns ...func(*Options)) *Store {
	var o Options
	o.MinTTL = time.Millisecond
	o.Fencing = true
	o.InProcess = true
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.Clock == nil {
		o.Clock = locker.SystemClock()
	}
	return &Store{
		clock:    o.Clock,
		defaults: o,
		records:  make(map[string]*record),
		waiting:  make(map[string]*audience),
		faults:   make(map[Op][]fault),
	}
}

// Open returns a new Locker on s. It stands for a process of its own: whatever
// one Locker holds, the others can't have. optFns apply to this one, after those
// that were given to [NewStore]. It starts nothing.
//
// If no Owner is given, all have the same one: host name and process id.
func (s *Store) Open(optFns ...func(*Options)) *Locker {
	o := s.defaults
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.Clock == nil {
		o.Clock = s.clock
	}
	o.InProcess = o.InProcess && same(o.Clock, s.clock)
	client := locker.New(s.Backend(), func(c *locker.ClientOptions) { *c = o.ClientOptions })
	return &Locker{Client: client, store: s}
}

// Backend returns a connection to s for one process, for tests that put something
// between the store and a [locker.Client] of their own. It is a
// [locker.Inspector], a [locker.Poller], a [locker.Notifier], a [locker.Lister],
// a [locker.Breaker] and a [locker.Grouper] too. It lives by
// the store's clock, and its tokens rise.
func (s *Store) Backend() locker.Backend { return &backend{store: s} }

// Locker is a [locker.Locker] on a [Store]; its methods are those of
// [locker.Client]. Create it with [New] or [Store.Open].
type Locker struct {
	*locker.Client
	store *Store
}

// New returns a Locker on a Store of its own, for tests in which one process is
// enough: NewStore(optFns...).Open().
func New(optFns ...func(*Options)) *Locker { return NewStore(optFns...).Open() }

// Store returns the store that l was opened on.
func (l *Locker) Store() *Store { return l.store }

// Steal gives name to another holder, whose owner is "memory.Steal", whether or
// not somebody holds it. Whoever held it believes in the lease until it next
// asks: a renewal then fails with [locker.LossTaken]. The thief never renews and
// never releases: the name becomes free when the TTL of the lease that it has
// stolen has passed ([locker.DefaultTTL] if there was none), or by
// [Store.Expire].
func (s *Store) Steal(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stolen++
	now, ttl := s.clock.Now(), locker.DefaultTTL
	if r := s.records[name]; r.state(now) != locker.StateFree {
		ttl = r.ttl
	}
	s.grantLocked(locker.Attempt{
		Name:  name,
		ID:    fmt.Sprintf("steal%021d", s.stolen),
		Owner: "memory.Steal",
		TTL:   ttl,
	}, now)
	s.wakeLocked(name)
}

// Expire ends the lease on name at once as far as the store is concerned, as if
// its holder had stopped to renew it one TTL ago: others can take the name. The
// holder believes in the lease until its next renewal fails, with
// [locker.LossExpired] or, if somebody has taken the name by then,
// [locker.LossTaken]; one without renewal until the lease's own end.
//
// It ends the time for which [locker.WithMinHold] keeps a released name taken,
// too. It does nothing to a name that nobody holds.
func (s *Store) Expire(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if r := s.records[name]; r.state(now) == locker.StateHeld {
		r.expires = now
		s.wakeLocked(name)
	}
}

// same reports whether a and b are one clock.
func same(a, b locker.Clock) bool { return reflect.ValueOf(a).Comparable() && a == b }
