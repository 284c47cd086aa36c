package locktest

import (
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/holdfast/locker"
)

// acquireCases are about who gets a lock, and when.
func acquireCases() []testCase {
	return []testCase{
		{"AcquireFree", "Acquire of a free lock returns a lease on that name, with at most its TTL remaining, that is held.", nothing, acquireFree},
		{"NamesApart", "Names are compared byte by byte: two that differ are two locks, and any valid UTF-8 will do.", nothing, namesApart},
		{"Refused", "A lock that another holds is refused with a *HeldError that matches ErrHeld and names the lock and its holder.", nothing, refused},
		{"Released", "A release frees the name: whoever asks after it has returned gets the lock.", nothing, released},
		{"WaiterAfterRelease", "A call that waits gets the lock when it is released, not before, and does not wait for the lease's end.", nothing, waiterAfterRelease},
		{"WaiterAfterRenewals", "A lease that is renewed is not taken over, however long somebody waits for it.", nothing, waiterAfterRenewals},
		{"TakeOverByWaiter", "A call that waits gets the lock when the holder's lease has run out, and not while the holder believes in it.", nothing, takeOverByWaiter},
		{"TakeOverByNewcomer", "A process that has just started gets a lock whose lease has run out.", nothing, takeOverByNewcomer},
		{"AtMostOne", "At most one holder believes that it holds a name at any time, however many ask.", nothing, atMostOne},
		{"NotReentrant", "A lock is not re-entrant: a second call through the same Locker waits, or is refused, like anybody's.", nothing, notReentrant},
	}
}

var idPattern = regexp.MustCompile(`^[0-9a-z]{26}$`)

func acquireFree(e *env) {
	p := e.open()
	before := e.now()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	e.held(lease)
	if got := lease.Name(); got != e.name {
		e.Errorf("Lease.Name() = %q, want %q", got, e.name)
	}
	if got := lease.ID(); !idPattern.MatchString(got) {
		e.Errorf("Lease.ID() = %q, want 26 characters of [0-9a-z]", got)
	}
	if got := lease.Token(); got <= 0 && !e.b.NoFencing {
		e.Errorf("Lease.Token() = %v, want a positive number", got)
	}
	if got := lease.Remaining(); got > e.ttl || got < e.ttl-e.ttl/10-e.since(before)-20*time.Millisecond {
		e.Errorf("Lease.Remaining() = %v after %v, want about the TTL, %v, and not more", got, e.since(before), e.ttl)
	}
}

func namesApart(e *env) {
	p, other := e.open(), e.open()
	var names []string
	for _, suffix := range []string{"", "a", "A", "/", "\u00e9", "e\u0301", " ", "\n", "\x00", "%2F", "\U0001f512", strings.Repeat("x", 300), strings.Repeat("x", 301)} {
		names = append(names, e.name+suffix)
	}
	leases := make([]*locker.Lease, len(names))
	for i, name := range names {
		leases[i] = e.acquireName(p, name)
		if got := leases[i].Name(); got != name {
			e.Errorf("Lease.Name() = %q, want %q", got, name)
		}
	}
	for i, name := range names {
		e.refused(other, name)
		e.release(leases[i])
		e.free(other, name)
	}
}

func refused(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithOwner("the holder"))
	err := e.refused(other, e.name)
	if err.Name != e.name {
		e.Errorf("HeldError.Name = %q, want %q", err.Name, e.name)
	}
	h := err.Holder
	if h.Name != e.name || h.Owner != "the holder" || h.AcquisitionID != lease.ID() || h.State != locker.StateHeld {
		e.Errorf("HeldError.Holder = name %q, owner %q, acquisition %q, %v, want name %q, owner %q, acquisition %q, held",
			h.Name, h.Owner, h.AcquisitionID, h.State, e.name, "the holder", lease.ID())
	}
	if h.TTL != e.long {
		e.Errorf("HeldError.Holder.TTL = %v, want %v", h.TTL, e.long)
	}
	if h.Remaining <= 0 || h.Remaining > e.long+e.b.Margin {
		e.Errorf("HeldError.Holder.Remaining = %v, want above 0 and not above the TTL, %v", h.Remaining, e.long)
	}
	e.held(lease)
}

func released(e *env) {
	p, other := e.open(), e.open()
	for range 3 {
		lease := e.acquire(p)
		e.release(lease)
		e.free(other, e.name)
	}
}

func waiterAfterRelease(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p)
	w := e.wait(other)
	e.asleep(w)
	before := e.now()
	e.release(lease)
	e.granted(w, e.soon)
	if w.ended.Before(before) {
		e.Errorf("Acquire returned %v before the release", before.Sub(w.ended))
	}
}

func waiterAfterRenewals(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl))
	w := e.wait(other)
	if e.pass(w.done, 3*e.ttl) {
		e.Fatalf("Acquire(%q) = %v, %v, want it to wait: the holder renews its lease", e.name, w.lease, w.err)
	}
	e.held(lease)
	e.release(lease)
	e.granted(w, e.soon)
}

func takeOverByWaiter(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p, locker.WithTTL(e.ttl), locker.WithoutRenewal())
	var belief error
	w := e.waitThen(other, e.name, func() { belief = lease.Err() })
	e.granted(w, e.ttl+e.soon)
	if belief == nil {
		e.Fatalf("the lock was granted %v after the call, while the lease of %v was still held", w.ended.Sub(w.begun), e.ttl)
	}
	e.lostError("Lease.Err()", belief)
	e.held(w.lease)
}

func takeOverByNewcomer(e *env) {
	lease := e.acquire(e.open(), locker.WithTTL(e.ttl), locker.WithoutRenewal())
	e.sleep(e.ttl + e.ttl/8)
	e.lost(lease, e.ttl)
	next := e.granted(e.wait(e.open()), e.soon)
	e.held(next)
	e.refused(e.open(), e.name)
}

// atMostOne lets processes contend, each with several goroutines.
func atMostOne(e *env) {
	const processes, goroutines, grants = 3, 2, 24
	var believers, granted atomic.Int32
	var highest locker.Token
	var mu sync.Mutex // guards highest
	var running sync.WaitGroup
	contend := func(p *process, pauses []time.Duration) {
		for _, d := range pauses {
			lease, err := p.Acquire(e.ctx, e.name, locker.WithTTL(e.long))
			if err != nil {
				if e.ctx.Err() == nil {
					e.Errorf("%s: Acquire(%q) = %v, want a lease", p.owner, e.name, err)
				}
				return
			}
			if n := believers.Add(1); n != 1 {
				e.Errorf("%d hold the lock at once", n)
			}
			granted.Add(1)
			mu.Lock()
			if t := lease.Token(); t <= highest && !e.b.NoFencing {
				e.Errorf("token %v was granted after token %v", t, highest)
			} else {
				highest = t
			}
			mu.Unlock()
			e.pause(d)
			if err := lease.Err(); err != nil && e.ctx.Err() == nil {
				e.Errorf("Lease.Err() = %v, want nil: the lease is held", err)
			}
			believers.Add(-1)
			if err := lease.Release(e.ctx); err != nil && e.ctx.Err() == nil {
				e.Errorf("Release = %v, want no error", err)
			}
		}
	}
	for range processes {
		p := e.open()
		for range goroutines {
			var pauses []time.Duration
			for range grants / processes / goroutines {
				pauses = append(pauses, time.Duration(e.rand.Int64N(int64(e.ttl/32))))
			}
			running.Add(1)
			e.spawn(func() {
				defer running.Done()
				contend(p, pauses)
			})
		}
	}
	e.within(4*e.soon, "contending for the lock", running.Wait)
	if n := granted.Load(); n != grants && !e.Failed() {
		e.Errorf("the lock was granted %d times, want %d", n, grants)
	}
}

func notReentrant(e *env) {
	p := e.open()
	lease := e.acquire(p)
	e.refused(p, e.name)
	w := e.wait(p)
	e.asleep(w)
	e.release(lease)
	second := e.granted(w, e.soon)
	if second == lease || second.ID() == lease.ID() {
		e.Errorf("the second call got the same lease, %s", second.ID())
	}
	e.held(second)
}
