package locker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// queued is a call of Acquire that waits.
type queued struct {
	lease  *locker.Lease
	err    error
	done   chan struct{}
	cancel context.CancelFunc
}

// queue makes a call that waits in the line, and returns when it does.
func queue(t *testing.T, c *locker.Client, name string, opts ...locker.Option) *queued {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	q := &queued{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(q.done)
		q.lease, q.err = c.Acquire(ctx, name, opts...)
	}()
	synctest.Wait()
	select {
	case <-q.done:
		t.Fatalf("Acquire(%q) = %v, %v, want it to wait", name, q.lease, q.err)
	default:
	}
	return q
}

// get returns the lease that the call has got.
func (q *queued) get(t *testing.T) *locker.Lease {
	t.Helper()
	<-q.done
	if q.err != nil {
		t.Fatalf("Acquire = %v, want a lease", q.err)
	}
	return q.lease
}

// handOver releases the lease while a call with the options waits, and returns
// what that has got.
func handOver(t *testing.T, c *locker.Client, lease *locker.Lease, opts ...locker.Option) *locker.Lease {
	t.Helper()
	q := queue(t, c, lease.Name(), opts...)
	want(t, "Release", lease.Release(t.Context()))
	return q.get(t)
}

// A lease that is released goes to the next in the line without a request, with an
// ID and a token of its own, and with the time that was left.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		var events events
		c := newClient(t, s, events.observe)
		lease := acquire(t, c, t.Name())
		ids := map[string]bool{lease.ID(): true}
		events.take()
		for range 5 {
			time.Sleep(time.Second)
			next := handOver(t, c, lease)
			if next.Token() != lease.Token()+1 || ids[next.ID()] || next.Name() != t.Name() {
				t.Errorf("lease %q, token %v of %q after token %v, want the next token and another ID", next.ID(), next.Token(), next.Name(), lease.Token())
			}
			synctest.Wait()
			told := events.take()
			of := make(map[locker.EventKind]locker.Event) // told by two goroutines
			for _, e := range told {
				of[e.Kind] = e
			}
			if len(told) != 4 || of[locker.EventWaiting].Holder.Token != lease.Token() {
				t.Errorf("hand-over: events %+v, want waiting, released, handed over, acquired", told)
			}
			if e := of[locker.EventReleased]; e.ID != lease.ID() || e.Token != lease.Token() || e.Held != time.Second || e.Err != nil {
				t.Errorf("released: event %+v", e)
			}
			if e := of[locker.EventHandedOver]; e.ID != next.ID() || e.Token != next.Token() || e.Err != nil {
				t.Errorf("handed over: event %+v", e)
			}
			if e := of[locker.EventAcquired]; e.ID != next.ID() || e.Token != next.Token() || e.Waited != 0 {
				t.Errorf("acquired by hand-over: event %+v", e)
			}
			want(t, "Err of the one before", lease.Err(), locker.ErrReleased)
			ids[next.ID()], lease = true, next
		}
		if n := s.counts(); n.acquire != 1 || n.renew+n.release+n.poll != 0 {
			t.Errorf("%+v requests for 5 hand-overs, want only the first acquire", n)
		}
		if d := lease.Remaining(); d != 30*time.Second-300*time.Millisecond-5*time.Second {
			t.Errorf("Remaining = %v 5 s after the acquire, want what was left to the first lease", d)
		}
		time.Sleep(20 * time.Second) // renewals go on
		want(t, "Err", lease.Err())
		if n := s.counts(); n.renew < 2 || n.renew > 3 {
			t.Errorf("%d renewals in 25 s, want one each third of 30 s", n.renew)
		}
		want(t, "Release", lease.Release(t.Context()))
		if n := s.counts(); n.release != 1 || s.info(t.Name()).State != locker.StateFree {
			t.Errorf("%d releases with nobody in the line, want 1, and the name free", n.release)
		}
	})
}

// A renewal that is under way when the lease is released counts for the next.
func TestHandOverRenewalUnderWay(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newBlocks()
			c := newClient(t, s)
			s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
				time.Sleep(2 * time.Second)
				if lost {
					return g, &locker.LostError{Name: g.Name, Reason: locker.LossTaken}
				}
				return s.doRenew(g, r)
			})
			lease := acquire(t, c, t.Name())
			time.Sleep(10 * time.Second) // the first one is sent after 8.75 to 10 s
			synctest.Wait()
			if s.counts().renew != 1 {
				t.Fatalf("%d renewals after a third of the TTL, want 1", s.counts().renew)
			}
			next := handOver(t, c, lease)
			before := next.Remaining()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			switch {
			case lost:
				wantLost(t, "Err", next.Err(), locker.LossTaken)
				want(t, "Err of the one before", lease.Err(), locker.ErrReleased)
			case next.Err() != nil || next.Remaining() <= before:
				t.Errorf("Err = %v, Remaining = %v after the renewal, want it longer than %v", next.Err(), next.Remaining(), before)
			}
			if n := s.counts(); n.acquire != 1 {
				t.Errorf("%d acquires, want 1", n.acquire)
			}
		})
	}
}

// A hand-over takes one write, pinned to what the lease before has left, when the
// record would not be that of a new lease, or has not enough time or tokens left.
func TestHandOverByWrite(t *testing.T) {
	renews := func(ctx context.Context, t *testing.T, lease *locker.Lease) {
		t.Helper()
		want(t, "Renew", lease.Renew(ctx))
	}
	for name, test := range map[string]struct {
		first, second []locker.Option
		limit         int // of tokens
		meanwhile     func(ctx context.Context, t *testing.T, lease *locker.Lease)
		outage        bool
		held          time.Duration
		free          bool // no request is needed
	}{
		"all the same":                   {first: []locker.Option{locker.WithData([]byte("x"))}, second: []locker.Option{locker.WithData([]byte("x"))}, free: true},
		"renewed":                        {meanwhile: renews, free: true},
		"a maximum hold":                 {second: []locker.Option{locker.WithMaxHold(time.Minute)}, free: true},
		"a minimum hold of what is left": {second: []locker.Option{locker.WithMinHold(20 * time.Second)}, held: 5 * time.Second, free: true},
		"a minimum hold of more":         {second: []locker.Option{locker.WithMinHold(27 * time.Second)}, held: 5 * time.Second},
		"another owner":                  {second: []locker.Option{locker.WithOwner("other")}},
		"another TTL":                    {second: []locker.Option{locker.WithTTL(20 * time.Second)}},
		"data":                           {second: []locker.Option{locker.WithData([]byte("x"))}},
		"no data":                        {first: []locker.Option{locker.WithData([]byte("x"))}},
		"other data":                     {first: []locker.Option{locker.WithData([]byte("x"))}, second: []locker.Option{locker.WithData([]byte("y"))}},
		"empty data":                     {second: []locker.Option{locker.WithData([]byte{})}},
		"not renewed":                    {second: []locker.Option{locker.WithoutRenewal()}},
		"was not renewed":                {first: []locker.Option{locker.WithoutRenewal()}},
		"SetData": {meanwhile: func(ctx context.Context, t *testing.T, lease *locker.Lease) {
			t.Helper()
			want(t, "SetData", lease.SetData(ctx, nil))
		}},
		"Ensure": {meanwhile: func(ctx context.Context, t *testing.T, lease *locker.Lease) {
			t.Helper()
			want(t, "Ensure", lease.Ensure(ctx, time.Minute))
		}},
		"one token":                {limit: 1},
		"just more than half left": {outage: true, held: 14 * time.Second, free: true},
		"just less than half left": {outage: true, held: 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newBlocks()
				if test.limit > 0 {
					s.limit = test.limit
				}
				c := newClient(t, s)
				if test.outage {
					s.onRenew(func(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) { return g, errDown })
				}
				lease := acquire(t, c, t.Name(), test.first...)
				if test.meanwhile != nil {
					time.Sleep(time.Second)
					test.meanwhile(t.Context(), t, lease)
				}
				time.Sleep(test.held)
				revision := s.info(t.Name()).Revision
				next := handOver(t, c, lease, test.second...)
				calls, acquires := s.counts(), s.asked("acquire")
				switch {
				case calls.release+calls.poll != 0:
					t.Errorf("%+v requests, want no releases and polls", calls)
				case test.free && len(acquires) != 1:
					t.Errorf("%d acquires, want 1: none for the hand-over", len(acquires))
				case !test.free && (len(acquires) != 2 || acquires[1].stale != revision || acquires[1].id != next.ID()):
					t.Errorf("acquires %+v, want 2, of %q by a take-over of %q", acquires, next.ID(), revision)
				}
				if next.Token() <= lease.Token() || next.ID() == lease.ID() || next.Err() != nil {
					t.Errorf("lease %q, token %v, Err %v after %q, %v", next.ID(), next.Token(), next.Err(), lease.ID(), lease.Token())
				}
			})
		})
	}
}

// An acquisition is used as often as it has tokens.
func TestHandOverTokensSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		s.limit = 3
		c := newClient(t, s)
		lease := acquire(t, c, t.Name())
		last := lease.Token()
		for range 6 {
			lease = handOver(t, c, lease)
			if lease.Token() <= last {
				t.Errorf("Token = %v after %v, want more", lease.Token(), last)
			}
			last = lease.Token()
		}
		if n := s.counts(); n.acquire != 3 || n.release != 0 {
			t.Errorf("%+v requests for 7 leases of which 3 share an acquisition, want 3 acquires", n)
		}
	})
}

// Nothing is handed over while the name is to stay taken for all.
func TestHandOverMinHold(t *testing.T) {
	for held, handed := range map[time.Duration]bool{4 * time.Second: false, 5 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			s := newBlocks()
			c := newClient(t, s)
			begin := time.Now()
			lease := acquire(t, c, t.Name(), locker.WithMinHold(5*time.Second))
			time.Sleep(held)
			q := queue(t, c, t.Name())
			want(t, "Release", lease.Release(t.Context()))
			q.get(t)
			if d := time.Since(begin); d < 5*time.Second {
				t.Errorf("handed over after %v, want the minimum hold of 5 s to be over", d)
			}
			if n := s.counts(); (n.release == 0) != handed {
				t.Errorf("%d releases when a minimum hold of 5 s was released after %v", n.release, held)
			}
		})
	}
}

// A client that closes releases in the store, whoever waits.
func TestHandOverClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c := newClient(t, s)
		lease := acquire(t, c, t.Name())
		q := queue(t, c, t.Name())
		want(t, "Close", c.Close(t.Context()))
		<-q.done
		want(t, "Acquire while the client closes", q.err, locker.ErrClosed)
		want(t, "Err", lease.Err(), locker.ErrReleased, locker.ErrClosed)
		if n := s.counts(); n.release != 1 || n.acquire != 1 || s.info(t.Name()).State != locker.StateFree {
			t.Errorf("%+v requests, want 1 acquire and 1 release, and the name free", n)
		}
	})
}

// A lease that was handed over was released: once, whoever says so how often. The
// one who has the lock now hears nothing of it.
func TestHandOverReleaseAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c := newClient(t, s)
		for range 20 {
			lease := acquire(t, c, t.Name())
			q := queue(t, c, t.Name())
			var wg sync.WaitGroup
			lease.OnEnd(func(error) { // while the first is under way
				wg.Go(func() { want(t, "Release, two at once", lease.Release(t.Context())) })
				synctest.Wait()
			})
			want(t, "Release", lease.Release(t.Context()))
			wg.Wait()
			next := q.get(t)
			want(t, "Release again", lease.Release(t.Context()))
			want(t, "Renew of what was released", lease.Renew(t.Context()), locker.ErrReleased)
			want(t, "Err of the next", next.Err())
			want(t, "Release of the next", next.Release(t.Context()))
		}
		if n := s.counts(); n.acquire != 20 || n.release != 20 || n.renew != 0 {
			t.Errorf("%+v requests, want 20 acquires and releases", n)
		}
	})
}

// Those who wait get the lock in the order of their calls, without a request.
func TestHandOverFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c := newClient(t, s)
		lease := acquire(t, c, t.Name())
		var w waiters
		var all []int
		for i := range 20 {
			w.enter(t, c)
			if i%4 == 2 {
				w.cancel[i]() // leaves the line
			} else {
				all = append(all, i)
			}
		}
		synctest.Wait()
		want(t, "Release", lease.Release(t.Context()))
		w.got(t, all...)
		if n := s.counts(); n.acquire != 1 || n.poll != 0 || n.release != 1 {
			t.Errorf("%+v requests, want 1 acquire and, at the end, 1 release", n)
		}
	})
}
