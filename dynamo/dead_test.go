package dynamo

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// wrongClock is the clock of a machine whose wall clock is wrong. What counts
// elapsed time on it is right.
type wrongClock struct {
	locker.BootClock
	by time.Duration
}

func (c wrongClock) Now() time.Time { return time.Now().Round(0).Add(c.by) }

// clock is an option of open for a machine whose wall clock is wrong.
func clock(by time.Duration) func(*Options) {
	return func(o *Options) { o.Clock = wrongClock{locker.SystemClock().(locker.BootClock), by} }
}

// clocks are what the machines of a holder and its contenders may show. Nothing
// may depend on it.
var clocks = []struct {
	name                      string
	holder, contender, waiter time.Duration
}{
	{name: "clocks right"},
	{name: "holder an hour behind", holder: -time.Hour},
	{name: "holder an hour ahead", holder: time.Hour},
	{name: "contenders an hour apart", contender: time.Hour, waiter: -time.Hour},
	{name: "contenders a year behind", contender: -365 * 24 * time.Hour, waiter: -365 * 24 * time.Hour},
}

// TestDeadHolder shows who gets the lock of a holder that was cut off, and when.
func TestDeadHolder(t *testing.T) {
	t.Parallel()
	const ttl = 10 * time.Second
	for _, tt := range clocks {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lease, renewed := dieHolding(t, ttl, tt.holder)

			held := refuse(t, open(t, clock(tt.contender)), t.Name())
			if held.Holder.Owner != "the dead" || held.Holder.AcquisitionID != lease.ID() {
				t.Errorf("TryAcquire(%q) names %q with %q, want %q with %q", t.Name(), held.Holder.Owner, held.Holder.AcquisitionID, "the dead", lease.ID())
			}
			if err := lease.Err(); err != nil {
				t.Errorf("Err(%q) = %v, want nil until the lease has run out", t.Name(), err)
			}

			waiter := open(t, clock(tt.waiter), owner("waiter"))
			second, err := waiter.Acquire(t.Context(), t.Name(), locker.WithTTL(ttl))
			if err != nil {
				t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
			}
			if d := time.Since(renewed); d > ttl+2*time.Second {
				t.Errorf("Acquire(%q) took until %v after the last renewal, want at most TTL + 2 s", t.Name(), d)
			}
			wantOver(t, lease, second)
		})
	}
}

// TestDeadHolderLater shows that a process which has just started takes a lock
// whose holder has long been dead with its first call, by DynamoDB's time alone.
func TestDeadHolderLater(t *testing.T) {
	t.Parallel()
	const ttl = 10 * time.Second
	for _, tt := range clocks[:4] { // rule B is off where a clock is a year behind
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lease, renewed := dieHolding(t, ttl, tt.holder)
			eventually(t, time.Minute, "30 s after the last renewal", func() bool { return time.Since(renewed) >= 30*time.Second })
			p := open(t, clock(tt.contender))
			second := acquire(t, p, t.Name(), locker.WithTTL(ttl))
			p.wantCounts(t, "TryAcquire", counts{"DescribeTable": 1, "GetItem": 1, "UpdateItem": 1})
			wantOver(t, lease, second)
		})
	}
}

// dieHolding takes the test's lock, renews it, and cuts the holder off. It
// returns the lease and when, at the latest, the renewal arrived.
func dieHolding(t *testing.T, ttl, by time.Duration) (*locker.Lease, time.Time) {
	t.Helper()
	holder := open(t, clock(by), owner("the dead"))
	lease := acquire(t, holder, t.Name(), locker.WithTTL(ttl))
	if err := lease.Renew(t.Context()); err != nil {
		t.Fatalf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	holder.cutOff()
	return lease, time.Now()
}

// wantOver checks that the first lease has ended, and that the second follows it.
func wantOver(t *testing.T, first, second *locker.Lease) {
	t.Helper()
	var lost *locker.LostError
	if err := first.Err(); !errors.As(err, &lost) || lost.Reason != locker.LossExpired {
		t.Errorf("Err(%q) of the dead holder = %v, want one of reason %v: two hold the lock", first.Name(), err, locker.LossExpired)
	}
	if second.Token() <= first.Token() {
		t.Errorf("Token(%q) = %v after %v, want a higher one", first.Name(), second.Token(), first.Token())
	}
	if err := second.Err(); err != nil {
		t.Errorf("Err(%q) of the new holder = %v, want nil", first.Name(), err)
	}
}

// TestShortDeadHolder shows the two ways to a lease of 2 s that nobody renews.
func TestShortDeadHolder(t *testing.T) {
	t.Parallel()
	const ttl = 2 * time.Second
	t.Run("seen at its start", func(t *testing.T) {
		t.Parallel()
		contender := openWarm(t)
		lease := acquire(t, openWarm(t), t.Name(), locker.WithTTL(ttl), locker.WithoutRenewal())
		refuse(t, contender, t.Name())
		seen := time.Now()
		eventually(t, 10*time.Second, "2.4 s after it was seen", func() bool { return time.Since(seen) >= 2400*time.Millisecond })
		contender.faults.Reset()
		second := acquire(t, contender, t.Name())
		if n := contender.faults.Counts()["UpdateItem"]; n > 3 {
			t.Errorf("TryAcquire(%q) sent %d writes, want at most 3: refused, refused, pinned", t.Name(), n)
		}
		wantOver(t, lease, second)
	})
	// The wait for certainty may be longer than half of the contender's own TTL.
	for name, own := range map[string]time.Duration{"never seen": locker.DefaultTTL, "never seen, with a short TTL": ttl} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lease := acquire(t, openWarm(t), t.Name(), locker.WithTTL(ttl), locker.WithoutRenewal())
			contender := open(t)
			ended := time.Now().Add(ttl)
			eventually(t, 10*time.Second, "1.6 s after its end", func() bool { return time.Since(ended) >= 1600*time.Millisecond })
			begin := time.Now()
			second := acquire(t, contender, t.Name(), locker.WithTTL(own))
			if d := time.Since(begin); d > 4*time.Second {
				t.Errorf("TryAcquire(%q) took %v, want at most 4 s", t.Name(), d)
			}
			wantOver(t, lease, second)
		})
	}
}

// TestDeadHolderCrowd shows that of many contenders that wait for a dead
// holder's lock, with their clocks an hour apart, one gets it, then another.
func TestDeadHolderCrowd(t *testing.T) {
	t.Parallel()
	const ttl, n = 3 * time.Second, 6
	lease, _ := dieHolding(t, ttl, 0)
	tokens := make(chan locker.Token, n)
	busy := make(chan struct{}, 1)
	for i := range n {
		p := open(t, clock(time.Duration(i-n/2)*time.Hour))
		go func() {
			err := locker.Do(t.Context(), p, t.Name(), func(_ context.Context, mine *locker.Lease) error {
				if err := lease.Err(); err == nil {
					t.Errorf("%q is held beside the dead holder", t.Name())
				}
				select {
				case busy <- struct{}{}:
				default:
					t.Errorf("%q is held twice", t.Name())
				}
				time.Sleep(20 * time.Millisecond)
				<-busy
				tokens <- mine.Token()
				return nil
			}, locker.WithTTL(ttl))
			if err != nil {
				t.Errorf("Do(%q) = %v, want nil", t.Name(), err)
			}
		}()
	}
	last := lease.Token()
	for range n {
		select {
		case token := <-tokens:
			if token <= last {
				t.Errorf("token %v after %v, want a higher one", token, last)
			}
			last = token
		case <-time.After(60 * time.Second):
			t.Fatalf("not all of %d contenders had their turn", n)
		}
	}
}
