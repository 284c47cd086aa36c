package locktest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// env is what a case works with: a store, processes on it, and its time.
//
// Nothing that a case does blocks by itself: what may take time goes through
// [env.call] or [env.eventually], which let it pass, and end the case by a
// message when it takes too long. So a case reads the same however time passes.
type env struct {
	testing.TB
	b     Backend
	store Store
	clock locker.Clock
	name  string // of the case's lock
	rand  *rand.Rand
	ctx   context.Context // done when the case is over

	ttl  time.Duration // for leases that have to end
	long time.Duration // for leases that must not
	soon time.Duration // by when whatever need not wait for a long lease has happened
	slop time.Duration // how late a goroutine may be to look at its clock

	processes  []*process
	goroutines sync.WaitGroup
	opened     chan struct{} // closed at the end: what was stalled goes on
}

// newEnv opens a store. It is called in the goroutine of the case.
func newEnv(tb testing.TB, b Backend) *env {
	e := &env{TB: tb, b: b, store: b.Open(tb), opened: make(chan struct{})}
	if e.store.New == nil {
		e.store.New = func(b locker.Backend, optFns ...func(*locker.ClientOptions)) locker.Locker {
			return locker.New(b, optFns...)
		}
	}
	if e.store.Settle == nil {
		e.store.Settle = func() { time.Sleep(2 * time.Millisecond) }
	}
	var o locker.ClientOptions
	e.setClient(&o)
	e.clock = o.Clock
	if e.clock == nil {
		e.clock = locker.SystemClock()
	}
	e.rand = rand.New(rand.NewPCG(b.Seed, uint64(len(tb.Name()))))
	e.name = fmt.Sprintf("%s/%016x", tb.Name(), rand.Uint64())
	e.ctx = tb.Context()
	e.ttl = b.TTL
	e.soon = 3*b.TTL + b.Margin
	e.long = min(10*e.soon, locker.MaxTTL)
	if b.Around == nil {
		e.slop = e.ttl / 4
	}
	return e
}

func (e *env) setClient(o *locker.ClientOptions) {
	if e.store.Client != nil {
		e.store.Client(o)
	}
}

// end closes what the case has opened, whether it came to its end or not.
func (e *env) end() {
	e.TB.(*recorder).cancel()
	close(e.opened)
	for _, p := range e.processes {
		p.faults.Clear()
	}
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		var closing sync.WaitGroup
		for _, p := range e.processes {
			if c, ok := p.Locker.(closer); ok {
				closing.Go(func() { c.Close(context.Background()) })
			}
		}
		closing.Wait()
		e.goroutines.Wait()
	}()
	if !e.pass(idle, 2*e.soon) {
		e.Errorf("at the end of the case: Close, or a call whose context is done, has not returned within %v", 2*e.soon)
	}
}

// closer is a Locker that can be closed.
type closer interface {
	Close(ctx context.Context) error
}

// process is a Locker with a backend of its own.
type process struct {
	locker.Locker
	owner  string
	faults *Faulty
}

// open opens another process.
func (e *env) open(optFns ...func(*locker.ClientOptions)) *process {
	p := &process{owner: fmt.Sprintf("process %d", len(e.processes)+1), faults: NewFaulty(e.store.Connect())}
	all := []func(*locker.ClientOptions){e.setClient, func(o *locker.ClientOptions) { o.Owner = p.owner }}
	p.Locker = e.store.New(p.faults.Backend(), append(all, optFns...)...)
	e.processes = append(e.processes, p)
	return p
}

// remote is an option of open: the client takes its backend for one that may
// take its time, as it has to when a case makes it slow.
func remote(o *locker.ClientOptions) { o.InProcess = false }

// closer returns p's method Close, or skips the case.
func (e *env) closer(p *process) closer {
	c, ok := p.Locker.(closer)
	if !ok {
		e.Skip("the Locker has no method Close(context.Context) error")
	}
	return c
}

// inspect returns what p can see of name.
func (e *env) inspect(p *process, name string) locker.Info {
	i, ok := p.Locker.(locker.Inspector)
	if !ok {
		e.Fatal("the Locker is no Inspector, and Backend.NoInspect is not set")
	}
	var info locker.Info
	var err error
	e.call("Inspect", func() { info, err = i.Inspect(e.ctx, name) })
	if err != nil {
		e.Fatalf("Inspect(%q) = %v, want no error", name, err)
	}
	return info
}

// now reads the clock that leases live by.
func (e *env) now() time.Time { return e.clock.Now() }

// since returns how much time has passed since t.
func (e *env) since(t time.Time) time.Duration { return e.now().Sub(t) }

// sleep lets d pass.
func (e *env) sleep(d time.Duration) { e.pass(nil, d) }

// tick is the step in which time is moved, and looked at.
func (e *env) tick() time.Duration { return e.ttl / 64 }

// pass lets time pass until done is closed, for at most d, and reports whether
// it was closed.
func (e *env) pass(done <-chan struct{}, d time.Duration) bool {
	if e.store.Advance == nil {
		return ended(done, d)
	}
	for {
		e.store.Settle()
		select {
		case <-done:
			return true
		default:
		}
		if d <= 0 {
			return false
		}
		step := min(d, e.tick())
		e.store.Advance(step)
		d -= step
	}
}

// eventually lets time pass until cond holds, and ends the case if that is not so
// within limit.
func (e *env) eventually(limit time.Duration, what string, cond func() bool) {
	e.Helper()
	for from := e.now(); !cond(); e.sleep(e.tick()) {
		if e.since(from) > limit {
			e.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// call calls f, which may block, and lets time pass until it returns. It ends the
// case if that is not so soon.
func (e *env) call(what string, f func()) {
	e.Helper()
	e.within(e.soon, what, f)
}

func (e *env) within(limit time.Duration, what string, f func()) {
	e.Helper()
	done := e.spawn(f)
	if !e.pass(done, limit) {
		e.Fatalf("%s has not returned within %v", what, limit)
	}
}

// spawn runs f in a goroutine and returns a channel that is closed when it has
// ended. The end of the case waits for it.
func (e *env) spawn(f func()) <-chan struct{} {
	done := make(chan struct{})
	e.goroutines.Go(func() {
		defer close(done)
		e.TB.(*recorder).protect(f)
	})
	return done
}

// pause lets a goroutine that the case has started wait for d, while the case
// itself lets time pass. It reports whether the case still runs.
func (e *env) pause(d time.Duration) bool {
	over := make(chan struct{})
	defer e.clock.AfterFunc(d, func() { close(over) }).Stop()
	select {
	case <-over:
		return true
	case <-e.ctx.Done():
		return false
	}
}

// raw opens a process that speaks the protocol by itself.
func (e *env) raw() locker.Backend { return e.store.Connect() }

// id returns a new ID for an acquisition.
func (e *env) id() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	b := make([]byte, 26)
	for i := range b {
		b[i] = digits[rand.IntN(len(digits))]
	}
	return string(b)
}
