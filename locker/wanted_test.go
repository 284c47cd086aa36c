package locker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// wanted tells whether somebody else is known to wait for the lease.
func wanted(lease *locker.Lease) bool {
	select {
	case <-lease.Wanted():
		return true
	default:
		return false
	}
}

// The holder hears of calls of its own process at once.
func TestWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBlocks()
		c := newClient(t, s)
		lease := acquire(t, c, t.Name())
		_, err := locker.TryAcquire(t.Context(), c, t.Name())
		want(t, "TryAcquire", err, locker.ErrHeld)
		if ch := lease.Wanted(); wanted(lease) || ch != lease.Wanted() {
			t.Error("Wanted is closed, or another channel each time, although nobody waits")
		}
		first, second := queue(t, c, t.Name()), queue(t, c, t.Name(), locker.WithOwner("by a take-over"))
		if !wanted(lease) {
			t.Error("Wanted is not closed although a call waits")
		}
		want(t, "Release", lease.Release(t.Context()))
		lease = first.get(t)
		if !wanted(lease) {
			t.Error("Wanted is not closed although another call waited before")
		}
		want(t, "Release", lease.Release(t.Context()))
		lease = second.get(t)
		if wanted(lease) {
			t.Error("Wanted is closed although nobody waits any more")
		}
		third, fourth := queue(t, c, t.Name(), locker.WithTTL(time.Minute)), queue(t, c, t.Name())
		want(t, "Release", lease.Release(t.Context()))
		if lease = third.get(t); !wanted(lease) {
			t.Error("Wanted of a lease by a take-over is not closed although another call waited before")
		}
		fourth.cancel()
		<-fourth.done
	})
}

// The holder hears of another process by the answer to a renewal, and so does who
// holds the lock after it.
func TestWantedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMarks()
		c := newClient(t, s, func(o *locker.ClientOptions) { o.MaxLocalHold = time.Minute })
		lease := acquire(t, c, t.Name())
		time.Sleep(time.Second)
		want(t, "MarkWanted", s.MarkWanted(t.Context(), t.Name(), lease.ID()))
		time.Sleep(time.Second)
		if wanted(lease) {
			t.Error("Wanted is closed before the holder can know")
		}
		time.Sleep(9 * time.Second)
		if !wanted(lease) {
			t.Error("Wanted is not closed after a renewal")
		}
		if next := handOver(t, c, lease); !wanted(next) {
			t.Error("Wanted of the next lease is not closed")
		}
	})
}

// The head of a line marks each holder once, after a while.
func TestMarkWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMarks()
		c := newClient(t, s)
		g := s.foreign(t.Name(), time.Hour)
		start := time.Now()
		q, behind := queue(t, c, t.Name()), queue(t, c, t.Name())
		time.Sleep(5 * time.Second)
		if marks := s.asked("mark"); len(marks) != 1 || marks[0].id != g.ID || marks[0].at.Sub(start) < 50*time.Millisecond {
			t.Errorf("marks %+v, want one of %q after 50 ms", marks, g.ID)
		}
		next := s.foreign(t.Name(), time.Hour)
		time.Sleep(5 * time.Second)
		if marks := s.asked("mark"); len(marks) != 2 || marks[1].id != next.ID {
			t.Errorf("marks %+v, want one more, of %q", marks, next.ID)
		}
		want(t, "the other's release", s.doRelease(next, 0))
		if wanted := wanted(q.get(t)); !wanted {
			t.Error("Wanted is not closed although another call waits")
		}
		behind.cancel()
		<-behind.done
		if n := len(s.asked("mark")); n != 2 {
			t.Errorf("%d marks, want none of the client's own lease", n)
		}
	})
}

// keepBusy makes the client hold the name all the time, until ctx is done, by calls
// that hold it for 100 ms each.
func keepBusy(ctx context.Context, t *testing.T, c *locker.Client, opts ...locker.Option) {
	t.Helper()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				lease, err := c.Acquire(ctx, t.Name(), opts...)
				if err != nil {
					continue
				}
				time.Sleep(100 * time.Millisecond)
				want(t, "Release", lease.Release(context.Background()))
			}
		})
	}
	wg.Wait()
}

// A process that hands a name on from call to call asks once each MaxLocalHold
// whether another wants it; once it knows, it goes on for at most so long, then
// releases, and lets the other have it.
func TestMaxLocalHold(t *testing.T) {
	for _, limit := range []time.Duration{0, 500 * time.Millisecond, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := newMarks()
			c := newClient(t, s, func(o *locker.ClientOptions) { o.MaxLocalHold = limit })
			if limit == 0 {
				limit = locker.DefaultMaxLocalHold
			}
			ctx, cancel := context.WithCancel(t.Context())
			var busy sync.WaitGroup
			busy.Go(func() { keepBusy(ctx, t, c) })
			time.Sleep(20*time.Second + limit/2)
			renewals := s.asked("renew")
			if s.counts().release != 0 || s.counts().acquire != 1 {
				t.Errorf("%+v requests, want no release and one acquire while nobody else wants the name", s.counts())
			}
			last := s.asked("acquire")[0]
			for _, r := range renewals {
				if d := r.at.Sub(last.at); d > limit+100*time.Millisecond || d < limit/2 {
					t.Fatalf("%v between renewals, want about %v", d, limit)
				}
				last = r
			}
			if d := time.Since(last.at); d > limit+100*time.Millisecond {
				t.Fatalf("no renewal for %v, want one each %v", d, limit)
			}

			marked := time.Now()
			want(t, "MarkWanted", s.MarkWanted(t.Context(), t.Name(), last.id))
			for s.counts().release == 0 && time.Since(marked) < time.Minute {
				time.Sleep(10 * time.Millisecond)
			}
			if s.counts().release == 0 {
				t.Fatal("no release although another wants the name")
			}
			var seen time.Time // when the client heard of the mark
			for _, r := range s.asked("renew") {
				if seen.IsZero() && !r.at.Before(marked) {
					seen = r.at
				}
			}
			synctest.Wait() // the release has been answered
			released := s.asked("release")[0].at
			if d := released.Sub(seen); d < limit || d > limit+110*time.Millisecond {
				t.Errorf("released %v after the mark was seen, want %v and a hold", d, limit)
			}
			_, err := locker.TryAcquire(t.Context(), newClient(t, s), t.Name())
			want(t, "another's TryAcquire", err)
			cancel()
			busy.Wait()
		})
	}
}

// After a release of a wanted name comes a pause for all of the process.
func TestMaxLocalHoldPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMarks()
		c := newClient(t, s)
		lease := acquire(t, c, t.Name())
		want(t, "MarkWanted", s.MarkWanted(t.Context(), t.Name(), lease.ID()))
		start := time.Now()
		want(t, "Release", lease.Release(t.Context()))
		_, err := c.Acquire(t.Context(), t.Name()+"/other")
		want(t, "Acquire of another name", err)
		if d := time.Since(start); d != 0 {
			t.Errorf("another name was had after %v, want no pause", d)
		}
		// One that does not wait may find the name free, and must not end the pause.
		s.onAcquire(func(context.Context, locker.Attempt) (locker.Grant, error) { return locker.Grant{}, errFinal })
		_, err = locker.TryAcquire(t.Context(), c, t.Name())
		want(t, "TryAcquire", err, errFinal)
		s.heal()
		_, err = c.Acquire(t.Context(), t.Name(), locker.WithWait(100*time.Millisecond))
		want(t, "Acquire with a wait that is shorter than the pause", err)
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Errorf("the name was had after %v, want the wait to end the pause", d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newMarks()
		c := newClient(t, s)
		lease := acquire(t, c, t.Name())
		want(t, "MarkWanted", s.MarkWanted(t.Context(), t.Name(), lease.ID()))
		start := time.Now()
		want(t, "Release", lease.Release(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := c.Acquire(ctx, t.Name()) // gives up; the next one has to wait as well
		want(t, "Acquire", err, context.DeadlineExceeded)
		acquire(t, c, t.Name())
		if d := time.Since(start); d < 250*time.Millisecond || d > time.Second {
			t.Errorf("the name was had again after %v, want a pause of about 300 ms", d)
		}
	})
}

// Two processes that are busy with one name have it in turn.
func TestMaxLocalHoldFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMarks()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var held [2]events
		var busy sync.WaitGroup
		for i := range held {
			c := newClient(t, s, held[i].observe)
			busy.Go(func() { keepBusy(ctx, t, c) })
		}
		busy.Wait()
		a, b := held[0].count(locker.EventAcquired), held[1].count(locker.EventAcquired)
		if a < 200 || b < 200 || a+b < 450 {
			t.Errorf("%d and %d holds of 100 ms in a minute, want about as many of both", a, b)
		}
	})
}

// wantedLater is a store that says of each take-over that another wants the name.
type wantedLater struct{ *store }

func (s wantedLater) Acquire(ctx context.Context, a locker.Attempt) (locker.Grant, error) {
	g, err := s.store.Acquire(ctx, a)
	g.Wanted = a.Stale != ""
	return g, err
}

// Where each hand-over is a write, and each tells that the name is wanted, it counts
// from the first.
func TestMaxLocalHoldGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wantedLater{new(store)}
		c := newClient(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		keepBusy(ctx, t, c)
		if n := s.counts().release; n < 10 || n > 20 {
			t.Errorf("%d releases in 20 s, want about one each %v", n, locker.DefaultMaxLocalHold)
		}
	})
}
