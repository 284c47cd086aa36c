package dynamo

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// TestOutageHangs shows a store that swallows every request: each try ends at its
// own timeout, and the lease at its deadline.
func TestOutageHangs(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second
	p := openWarm(t)
	lease := acquire(t, p, t.Name(), locker.WithTTL(ttl))
	p.faults.Reset()
	p.faults.Inject(faulthttp.Any, -1, faulthttp.Hang())
	ends := time.Now().Add(lease.Remaining())
	<-lease.Done()
	if off := time.Since(ends); off < -prompt/10 || off > prompt {
		t.Errorf("%q was lost %v after its deadline, want at it", t.Name(), off)
	}
	var lost *locker.LostError
	if err := lease.Err(); !errors.As(err, &lost) || lost.Reason != locker.LossExpired || !errors.Is(lost.Cause, locker.ErrUnavailable) {
		t.Errorf("Err(%q) = %v, want %v, because of %v", t.Name(), err, locker.LossExpired, locker.ErrUnavailable)
	}
	idle(t, p)
	records := p.faults.Records()
	if len(records) < 2 {
		t.Errorf("%d renewals were tried, want more: none of them was answered", len(records))
	}
	for i, r := range records {
		if d := r.Answered.Sub(r.Made); d > attemptTimeout(ttl)+prompt {
			t.Errorf("try %d took %v, want no more than %v", i+1, d, attemptTimeout(ttl))
		}
	}
}

// TestOutageHalfTTL shows that a store which is out of order for half of a TTL
// costs nobody a lease.
func TestOutageHalfTTL(t *testing.T) {
	t.Parallel()
	const ttl = 6 * time.Second
	p := openWarm(t)
	other := openWarm(t)
	lease := acquire(t, p, t.Name(), locker.WithTTL(ttl))
	if err := lease.Renew(t.Context()); err != nil {
		t.Fatalf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	p.faults.Inject(faulthttp.Any, -1, faulthttp.Error(503, "ServiceUnavailable", "out of order"))
	for begin := time.Now(); time.Since(begin) < ttl/2; time.Sleep(50 * time.Millisecond) {
		if err := lease.Err(); err != nil {
			t.Fatalf("Err(%q) = %v %v into the outage, want nil", t.Name(), err, time.Since(begin))
		}
		refuse(t, other, t.Name())
	}
	p.faults.Clear()
	for begin := time.Now(); time.Since(begin) < ttl; time.Sleep(50 * time.Millisecond) {
		if err := lease.Err(); err != nil {
			t.Fatalf("Err(%q) = %v %v after the outage, want nil", t.Name(), err, time.Since(begin))
		}
	}
	wantHolder(t, lease)
}

// TestOutageTwoTTL shows an outage that no lease survives: it is lost at its
// deadline and not before, Done closes by itself, and once the store answers again
// the process has the lock within one poll.
func TestOutageTwoTTL(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second
	for name, fault := range map[string]faulthttp.Fault{
		"500": faulthttp.Error(500, "InternalServerError", "out of order"), "refused": faulthttp.Refuse(), "no such host": faulthttp.NoSuchHost(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			lease := acquire(t, p, t.Name(), locker.WithTTL(ttl))
			p.faults.Inject(faulthttp.Any, -1, fault)
			begin, ends := time.Now(), time.Now().Add(lease.Remaining())
			<-lease.Done()
			if off := time.Since(ends); off < -prompt/10 || off > prompt {
				t.Errorf("%q was lost %v after its deadline, want at it", t.Name(), off)
			}
			var lost *locker.LostError
			if err := lease.Err(); !errors.As(err, &lost) || !errors.Is(lost.Cause, locker.ErrUnavailable) {
				t.Errorf("Err(%q) = %v, want a *LostError because of %v", t.Name(), err, locker.ErrUnavailable)
			}
			type result struct {
				lease *locker.Lease
				err   error
			}
			got := make(chan result, 1)
			go func() {
				lease, err := p.Acquire(t.Context(), t.Name(), locker.WithTTL(ttl))
				got <- result{lease, err}
			}()
			time.Sleep(2*ttl - time.Since(begin))
			p.faults.Clear()
			back := time.Now()
			next := <-got
			if d := time.Since(back); next.err != nil || d > time.Second+prompt {
				t.Fatalf("Acquire(%q) = %v, %v after the outage, want nil within one poll of a second", t.Name(), next.err, d)
			}
			wantOver(t, lease, next.lease)
			if err := p.Close(t.Context()); err != nil {
				t.Errorf("Close = %v, want nil", err)
			}
			idle(t, p) // and nothing is left that will send
			p.faults.Reset()
			time.Sleep(ttl / 2)
			p.wantCounts(t, "a Locker after Close", counts{})
		})
	}
}

// TestAcquireCancelledAfterSend shows an acquire whose caller leaves while its
// write has taken effect already: the caller has ctx's error at once, and the name
// is free again long before the lease would have ended.
func TestAcquireCancelledAfterSend(t *testing.T) {
	t.Parallel()
	p, other := openWarm(t), openWarm(t)
	p.faults.Inject("UpdateItem", 1, faulthttp.HangAfter())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	left := make(chan error)
	go func() {
		_, err := p.Acquire(ctx, t.Name(), locker.WithTTL(time.Hour))
		left <- err
	}()
	eventually(t, 20*time.Second, "the write to land", func() bool { return p.faults.Sent()["UpdateItem"] == 1 })
	refuse(t, other, t.Name())
	cancel()
	begin := time.Now()
	if err := <-left; !errors.Is(err, context.Canceled) || time.Since(begin) > prompt {
		t.Errorf("Acquire(%q) = %v after %v, want %v at once", t.Name(), err, time.Since(begin), context.Canceled)
	}
	eventually(t, 20*time.Second, "the release of the abandoned attempt", func() bool { return releases(p) > 0 })
	idle(t, p)
	if n := p.faults.Counts()["UpdateItem"]; n > 4 {
		t.Errorf("%d writes were sent, want an attempt and its release", n)
	}
	acquire(t, other, t.Name())
}
