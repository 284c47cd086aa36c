package locker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// machine is a computer in a bubble. Its monotonic clock is the bubble's; its wall
// clock can be set, and it can be suspended. While it is asleep no timer fires.
type machine struct {
	start     time.Time
	step      atomic.Int64 // of the wall clock
	suspended atomic.Int64
	asleep    atomic.Bool
}

func newMachine() *machine { return &machine{start: time.Now()} }

// on is the option that makes a client run on the machine.
func (m *machine) on(o *locker.ClientOptions) { o.Clock = m }

func (m *machine) Now() time.Time {
	return time.Now().Round(0).Add(time.Duration(m.step.Load() + m.suspended.Load()))
}
func (m *machine) Monotonic() time.Duration { return time.Since(m.start) }
func (m *machine) Boottime() time.Duration {
	return m.Monotonic() + time.Duration(m.suspended.Load())
}

func (m *machine) AfterFunc(d time.Duration, f func()) locker.Timer {
	return time.AfterFunc(d, func() {
		if !m.asleep.Load() {
			f()
		}
	})
}

// setWall sets the wall clock to d off the right time.
func (m *machine) setWall(d time.Duration) { m.step.Store(int64(d)) }

// suspend lets d pass, for everybody but the machine.
func (m *machine) suspend(d time.Duration) { m.suspended.Add(int64(d)) }

var _ locker.BootClock = (*machine)(nil)

func TestDeadline(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		ttl       time.Duration
		inProcess bool
		want      time.Duration
	}{
		{100 * ms, false, 80 * ms},
		{time.Second, false, 980 * ms},
		{2 * time.Second, false, 1980 * ms},
		{3 * time.Second, false, 2970 * ms},
		{30 * time.Second, false, 29700 * ms},
		{24 * time.Hour, false, 24 * time.Hour / 100 * 99},
		{time.Millisecond, true, time.Millisecond},
		{30 * time.Second, true, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			c := newClient(t, &s, func(o *locker.ClientOptions) { o.InProcess = tt.inProcess })
			lease := acquire(t, c, t.Name(), locker.WithTTL(tt.ttl), locker.WithoutRenewal())
			if got := lease.Remaining(); got != tt.want {
				t.Errorf("TTL %v, in process: %v: %v remain, want %v", tt.ttl, tt.inProcess, got, tt.want)
			}
			time.Sleep(tt.want - 1)
			want(t, "Err just before the end", lease.Err())
			select {
			case <-lease.Done():
				t.Error("Done is closed before the end")
			default:
			}
			time.Sleep(time.Nanosecond)
			wantLost(t, "Err at the end", lease.Err(), locker.LossExpired)
			<-lease.Done()
			if got := lease.Remaining(); got != 0 {
				t.Errorf("%v remain of a lost lease", got)
			}
		})
	}
}

func TestDeadlineCountsFromFirstSend(t *testing.T) {
	for _, lost := range []int{0, 1, 2} { // answers, of sends that took effect
		synctest.Test(t, func(t *testing.T) {
			var s store
			s.onAcquire(func(_ context.Context, a locker.Attempt) (locker.Grant, error) {
				g, err := s.doAcquire(a)
				time.Sleep(time.Second)
				if len(s.asked("acquire")) <= lost {
					return locker.Grant{}, errDown
				}
				return g, err
			})
			start := time.Now()
			lease := acquire(t, newClient(t, &s), t.Name(), locker.WithTTL(10*time.Second), locker.WithoutRenewal())
			if d := time.Since(start) + lease.Remaining(); d != 9900*time.Millisecond {
				t.Errorf("the lease ends %v after the first of %d sends, want 9.9s", d, lost+1)
			}
			for _, call := range s.asked("acquire") {
				if call.id != lease.ID() {
					t.Errorf("a send of another ID, %q, than the lease's, %q", call.id, lease.ID())
				}
			}
		})
	}
}

func TestDeadlineCountsFromRenewalsSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			time.Sleep(time.Second)
			return s.doRenew(g, r)
		})
		lease := acquire(t, newClient(t, &s), t.Name(), locker.WithTTL(10*time.Second), locker.WithoutRenewal())
		time.Sleep(5 * time.Second)
		want(t, "Renew", lease.Renew(t.Context()))
		if got := lease.Remaining(); got != 8900*time.Millisecond {
			t.Errorf("%v remain after a renewal that took 1s, want 8.9s", got)
		}
	})
}

// A machine that was suspended has not seen any timer fire when it wakes.
func TestDeadlineSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		m := newMachine()
		m.asleep.Store(true) // all along, so that Err is on its own
		lease := acquire(t, newClient(t, &s, m.on), t.Name())
		m.suspend(locker.DefaultTTL/100*99 - 1)
		want(t, "Err", lease.Err())
		m.suspend(1)
		wantLost(t, "Err on wake", lease.Err(), locker.LossExpired)
		<-lease.Done()
		m.asleep.Store(false)
		time.Sleep(time.Minute)
		if n := s.counts().renew; n != 0 {
			t.Errorf("%d renewals of a lost lease", n)
		}
	})
}

// A loss is also noticed by the others that look: none of them sends anything.
func TestDeadlineNoticedByAll(t *testing.T) {
	for what, look := range map[string]func(lease *locker.Lease, ctx context.Context) error{
		"Renew":   (*locker.Lease).Renew,
		"Ensure":  func(lease *locker.Lease, ctx context.Context) error { return lease.Ensure(ctx, 0) },
		"SetData": func(lease *locker.Lease, ctx context.Context) error { return lease.SetData(ctx, nil) },
		"Release": (*locker.Lease).Release,
		"Context": func(lease *locker.Lease, ctx context.Context) error {
			ctx, cancel := lease.Context(ctx)
			defer cancel()
			return context.Cause(ctx)
		},
		"Remaining": func(lease *locker.Lease, _ context.Context) error {
			if lease.Remaining() != 0 {
				return nil
			}
			return lease.Err()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			m := newMachine()
			m.asleep.Store(true)
			lease := acquire(t, newClient(t, &s, m.on), t.Name())
			m.suspend(time.Minute)
			wantLost(t, what, look(lease, t.Context()), locker.LossExpired)
			if n := s.counts(); n.renew != 0 || n.release != 0 {
				t.Errorf("%s of a lost lease sent %d renewals, %d releases", what, n.renew, n.release)
			}
		})
	}
}

func TestDeadlineWallSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		m := newMachine()
		c := newClient(t, &s, m.on)

		back := acquire(t, c, "back", locker.WithoutRenewal())
		m.setWall(-time.Hour)
		want(t, "Err after a step back", back.Err())
		time.Sleep(locker.DefaultTTL/100*99 - 1)
		want(t, "Err after a step back", back.Err())
		time.Sleep(time.Nanosecond)
		wantLost(t, "Err at the end", back.Err(), locker.LossExpired)

		m.setWall(0)
		forth := acquire(t, c, "forth")
		m.setWall(time.Hour)
		wantLost(t, "Err after a step forward", forth.Err(), locker.LossExpired)
		m.setWall(0)
		wantLost(t, "Err after a step forward and back", forth.Err(), locker.LossExpired)
		wantLost(t, "Release after both", forth.Release(t.Context()), locker.LossExpired)
	})
}

// An answer that comes after the end revives nothing, whenever it was sent.
func TestDeadlineAnswerTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		s.onRenew(func(_ context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
			time.Sleep(locker.DefaultTTL) // deaf to its context
			return s.doRenew(g, r)
		})
		var renewed atomic.Int64
		c := newClient(t, &s, func(o *locker.ClientOptions) {
			o.Observer = func(_ context.Context, e locker.Event) {
				if e.Kind == locker.EventRenewed {
					renewed.Add(1)
				}
			}
		})
		start := time.Now()
		lease := acquire(t, c, t.Name())
		<-lease.Done()
		if d := time.Since(start); d != locker.DefaultTTL/100*99 {
			t.Errorf("lost after %v, want %v", d, locker.DefaultTTL/100*99)
		}
		time.Sleep(time.Minute)
		wantLost(t, "Err", lease.Err(), locker.LossExpired)
		if n, m := s.counts().renew, renewed.Load(); n != 1 || m != 0 {
			t.Errorf("%d renewals sent, of %d the observer was told; want 1 and 0", n, m)
		}
	})
}
