// Package locktest checks that a backend keeps the contract of package locker,
// and lets requests to one go wrong.
//
// Whoever writes a [locker.Backend] runs the conformance suite on it:
//
//	func TestConformance(t *testing.T) {
//		locktest.Run(t, locktest.Backend{
//			Open: func(tb testing.TB) locktest.Store {
//				server := startServer(tb)
//				return locktest.Store{
//					Connect: func() locker.Backend { return mystore.Connect(server.Addr) },
//					Client:  func(o *locker.ClientOptions) { o.Fencing = true },
//				}
//			},
//		})
//	}
//
// Each case is a subtest, named after the one rule that it checks; where it
// fails, the rule is quoted. The suite does not care how time passes: it runs on
// real time, on a clock that the test moves ([Store].Advance), and inside of
// testing/synctest bubbles ([Backend].Around).
//
// The suite is itself tested on lockers that break one rule each.
//
// [Faulty] makes single requests between a client and its backend go wrong. It is
// what the suite uses, and good for a program's own tests as well.
//
// # Reading order
//
// This file, then case.go, which runs a case, env.go, which is what a case works
// with, and the cases themselves, a file for each group of rules.
package locktest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// Backend describes what [Run] checks. Open is required; the zero value of every
// other field is a sensible choice.
type Backend struct {
	// Open opens a store for one case and everything that it needs; tb.Cleanup is
	// where to end it. It may return the same store every time, and one that others
	// use too: the names of locks are made from the case's name and random bits. It
	// is called by several goroutines at once unless Around is set.
	Open func(tb testing.TB) Store

	// Around runs f, with t or a test made from it, in surroundings of its own, such
	// as [testing/synctest.Test]. The case's store is opened in there, and time in
	// there is taken to be exact: whoever is woken sees the time that he was woken
	// at. Nil: f is called as it is, and all cases run at once.
	Around func(t *testing.T, f func(t *testing.T))

	// TTL is what leases of the cases have for which it has to run out. On real time
	// most cases take one to four TTLs; in an eighth of it the machine and
	// the store should be able to do everything that they do at once. Zero: 3 s.
	TTL time.Duration

	// Margin is how long after a lease's end, or after a release, a contender that
	// waits may need at most to get the name, beyond the two TTLs for which it may
	// have to watch a record that it has not seen before. Zero: TTL.
	Margin time.Duration

	// Limit is how long a case may take: one that takes longer is said to hang.
	// Zero: 30 s and 20 TTLs and Margins.
	Limit time.Duration

	// Parallel is how many cases run at once at most; see Around. Zero: all.
	Parallel int

	// NoFencing says that the tokens of this backend are not promised to rise: the
	// cases about tokens are skipped.
	NoFencing bool

	// NoInspect says that this backend is no [locker.Inspector]: the cases about
	// what others can see of a lease are skipped. Those about [locker.Lister] and
	// [locker.Breaker] are where it is not one.
	NoInspect bool

	// Skip names further cases that are skipped, each with the reason.
	Skip map[string]string

	// Seed is for what is random in the cases. Zero: another each time. A case that
	// fails logs it.
	Seed uint64
}

// Store is one store, as opened for a case. Connect is required.
type Store struct {
	// Connect returns what a process of its own would use to reach the store: what
	// [locker.New] is given. Two processes never share more than the store.
	Connect func() locker.Backend

	// Client sets what a [locker.Client] of this store needs: the Clock, MinTTL,
	// Fencing, InProcess. It is called for each process. Nil: the zero
	// ClientOptions. The suite may turn Fencing and InProcess off.
	Client func(*locker.ClientOptions)

	// New makes a Locker. b is what Connect returned, with a [Faulty] around it. Nil:
	// [locker.New]. A Locker that is no Inspector or has no method Close(ctx) error
	// skips the cases about these.
	New func(b locker.Backend, optFns ...func(*locker.ClientOptions)) locker.Locker

	// Advance moves the clock that Client sets, where it does not move by itself.
	// Nil: it does, as package time does.
	Advance func(time.Duration)

	// Settle returns once everybody has come to the point where only time can help
	// them, such as [testing/synctest.Wait]. It is called before and after
	// Advance. Nil: a moment of real time, which will do for a store that answers
	// at once. It is not called when Advance is nil.
	Settle func()
}

// defaults fills in what was left zero.
func (b *Backend) defaults() {
	if b.TTL == 0 {
		b.TTL = 3 * time.Second
	}
	if b.Margin == 0 {
		b.Margin = b.TTL
	}
	if b.Limit == 0 {
		b.Limit = 30*time.Second + 20*(b.TTL+b.Margin)
	}
	if b.Seed == 0 {
		b.Seed = rand.Uint64()
	}
}

// Run checks b. Each case is a subtest of t.
//
// Unless Around is set, all cases run at once, whatever the flag -parallel says,
// because they mostly wait: the suite then takes about as long as its longest
// case. Run returns when all have ended, and their subtests report afterwards,
// as parallel ones.
func Run(t *testing.T, b Backend) {
	t.Helper()
	if b.Open == nil {
		t.Fatal("locktest: Backend.Open is nil")
	}
	b.defaults()
	var running sync.WaitGroup
	defer running.Wait()
	if b.Parallel == 0 {
		b.Parallel = len(cases())
	}
	slots := make(chan struct{}, b.Parallel)
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			if why := c.skip(b); why != "" {
				t.Skip(why)
			}
			if b.Around != nil {
				defer watch(t.Name(), b.Limit)()
				b.Around(t, func(t *testing.T) { c.run(t, b).replay(t) })
				return
			}
			var r *recorder
			done := make(chan struct{})
			running.Go(func() {
				defer close(done)
				slots <- struct{}{}
				defer func() { <-slots }()
				r = c.run(t, b)
			})
			t.Parallel() // the case runs already: this waits for those before it to report
			<-done
			r.replay(t)
		})
	}
}

// watch ends the program with the name of the test unless it is stopped within d of
// real time. It is for what time that is not real can't find: whoever spins keeps it
// from passing.
func watch(name string, d time.Duration) (stop func() bool) {
	return time.AfterFunc(d, func() { panic(fmt.Sprintf("locktest: %s hangs: not done within %v", name, d)) }).Stop
}

// stacks returns what all goroutines are doing.
func stacks() []byte {
	buf := make([]byte, 1<<18)
	return buf[:runtime.Stack(buf, true)]
}
