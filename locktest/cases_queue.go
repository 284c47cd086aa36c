package locktest

import (
	"errors"

	"example.com/holdfast/locker"
)

// queueCases are about a lease that goes from one call to the next within a Locker,
// which need not ask the store for that.
func queueCases() []testCase {
	return []testCase{
		{"HandOver", "A lease that is released goes to the next call that waits in the same Locker, as another lease: with an ID of its own and a higher token; for others the name stays taken.", nothing, handOver},
		{"HandOverStale", "A lease stays over when the next in the line has the lock: releasing it again is nil and renewing it ErrReleased, and neither touches the next one's.", nothing, handOverStale},
		{"HandOverRenewed", "A lease that came from a call before is renewed as long as it is held, and lost when the store names another.", nothing, handOverRenewed},
		{"Wanted", "Lease.Wanted is closed when another call of the same Locker waits for the lock, also if it began to wait before the lease was acquired; not before.", nothing, wanted},
	}
}

// handedOver releases the lease while another call waits, and returns what that
// gets.
func (e *env) handedOver(p *process, lease *locker.Lease, opts ...locker.Option) *locker.Lease {
	e.Helper()
	w := e.wait(p, opts...)
	e.asleep(w)
	e.release(lease)
	return e.granted(w, e.soon)
}

func handOver(e *env) {
	p, other := e.open(), e.open()
	lease := e.acquire(p)
	ids := map[string]bool{lease.ID(): true}
	for range 3 {
		next := e.handedOver(p, lease)
		e.held(next)
		if ids[next.ID()] {
			e.Errorf("Lease.ID() = %q, that of a lease before, want one of its own", next.ID())
		}
		if !e.b.NoFencing && next.Token() <= lease.Token() {
			e.Errorf("Lease.Token() = %v after %v, want a higher one", next.Token(), lease.Token())
		}
		if err := lease.Err(); !errors.Is(err, locker.ErrReleased) {
			e.Errorf("Lease.Err() = %v of the lease before, want %v", err, locker.ErrReleased)
		}
		e.refused(other, e.name)
		ids[next.ID()], lease = true, next
	}
	e.release(lease)
	e.free(other, e.name)
}

func handOverStale(e *env) {
	p, other := e.open(), e.open()
	old := e.acquire(p, locker.WithTTL(e.ttl))
	lease := e.handedOver(p, old, locker.WithTTL(e.ttl))
	e.release(old)
	if err := e.renewErr(old); !errors.Is(err, locker.ErrReleased) {
		e.Errorf("Renew of a lease that was released = %v, want %v", err, locker.ErrReleased)
	}
	e.sleep(3 * e.ttl)
	e.held(lease)
	e.refused(other, e.name)
	e.release(old)
	e.held(lease)
}

func handOverRenewed(e *env) {
	p := e.open()
	lease := e.handedOver(p, e.acquire(p, locker.WithTTL(e.ttl)), locker.WithTTL(e.ttl))
	for range 3 {
		e.sleep(e.ttl)
		e.held(lease)
	}
	e.steal()
	e.lost(lease, e.ttl)
}

func wanted(e *env) {
	p := e.open()
	lease := e.acquire(p)
	e.sleep(e.ttl / 8)
	e.refused(p, e.name) // does not wait
	if closed(lease.Wanted()) {
		e.Error("Lease.Wanted() is closed, want it open: nobody waits")
	}
	first, second := e.wait(p), e.wait(p)
	e.asleep(first)
	e.asleep(second)
	if !closed(lease.Wanted()) {
		e.Error("Lease.Wanted() is open, want it closed: another call waits")
	}
	e.release(lease)
	e.eventually(e.soon, "one of two that wait has the lock", func() bool { return closed(first.done) || closed(second.done) })
	if !closed(first.done) {
		first, second = second, first
	}
	lease = e.granted(first, e.soon)
	if !closed(lease.Wanted()) {
		e.Error("Lease.Wanted() of the next lease is open, want it closed: another call waits, and did before")
	}
	e.release(lease)
	lease = e.granted(second, e.soon)
	if closed(lease.Wanted()) {
		e.Error("Lease.Wanted() of the last lease is closed, want it open: nobody waits any more")
	}
}
