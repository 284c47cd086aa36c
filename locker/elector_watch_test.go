package locker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// The holder's clock is asked, not a timer or a channel.
func TestElectorIsLeaderReadsClock(t *testing.T) {
	clock := newSlowClock()
	l := memory.New(func(o *memory.Options) { o.Clock = clock })
	e := locker.NewElector(l, t.Name(), locker.WithoutRenewal(), locker.WithTTL(time.Minute))
	err := e.Run(t.Context(), func(ctx context.Context, _ *locker.Lease) error {
		changed := e.Changed()
		want(t, "IsLeader", e.IsLeader(ctx))
		clock.now = clock.now.Add(time.Minute)
		if isClosed(changed) || ctx.Err() != nil {
			t.Error("somebody has noticed the loss, want nobody")
		}
		want(t, "IsLeader", e.IsLeader(ctx), locker.ErrNotLeader, locker.ErrLost)
		if !isClosed(changed) {
			t.Error("Changed is open after a look has found the loss")
		}
		return l.Close(context.Background()) // ends the campaign that follows
	})
	want(t, "Run", err, locker.ErrClosed)
}

// slowClock is a clock whose timers never come.
type slowClock struct{ now time.Time }

func newSlowClock() *slowClock      { return &slowClock{time.Unix(1_000_000, 0)} }
func (c *slowClock) Now() time.Time { return c.now }
func (c *slowClock) AfterFunc(d time.Duration, f func()) locker.Timer {
	return time.NewTimer(time.Hour)
}

func TestElectorLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		a, b := candidates(t, store)
		if info, err := b.Leader(t.Context()); err != nil || info.State != locker.StateFree {
			t.Errorf("Leader = %v, %v, want nobody", info, err)
		}
		_, _ = campaign(t, a)
		if info, err := b.Leader(t.Context()); err != nil || info.Owner != "a" {
			t.Errorf("Leader = %v, %v, want a", info, err)
		}
		_, err := locker.NewElector(locker.Prefix(store.Open(), ""), t.Name()).Leader(t.Context())
		want(t, "Leader", err, errors.ErrUnsupported)
	})
}

// Whoever takes the channel first and then looks misses nothing that lasts.
func TestElectorChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		a, b := candidates(t, store)
		var seen []string
		done := make(chan struct{})
		stop, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(done)
			for stop.Err() == nil {
				changed := b.Changed()
				var not *locker.NotLeaderError
				state := "leads"
				if errors.As(b.IsLeader(stop), &not) {
					state = "waits for " + not.Leader.Owner
				}
				if state != "waits for " && (len(seen) == 0 || seen[len(seen)-1] != state) { // nobody leads for a moment only
					seen = append(seen, state)
				}
				select {
				case <-changed:
				case <-stop.Done():
				}
			}
		}()
		_, resignA := campaign(t, a)
		_, resignB := campaign(t, b)
		resignA()
		synctest.Wait()
		_, _ = campaign(t, a)
		store.Steal(t.Name())
		time.Sleep(locker.DefaultTTL / 2) // b has found out
		resignB()
		synctest.Wait()
		cancel()
		<-done
		if got, want := fmt.Sprint(seen), "[waits for a leads waits for memory.Steal]"; got != want {
			t.Errorf("seen %v, want %v", got, want)
		}
	})
}

// An Elector needs nothing but the interface.
func TestElectorComposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore(func(o *memory.Options) { o.Owner = "a" })
		wrapped := func() locker.Locker {
			return locker.Prefix(locker.Chain(store.Open(), locker.Defaults(locker.NoWait())), "jobs/")
		}
		a, b := locker.NewElector(wrapped(), "x"), locker.NewElector(wrapped(), "x")
		_, resign := campaign(t, a)
		_, _ = campaign(t, b)
		wantLeads(t, a, b)
		wantLeader(t, b, "a")
		if info, err := store.Open().Inspect(t.Context(), "jobs/x"); err != nil || info.State != locker.StateHeld {
			t.Errorf("Inspect = %v, %v, want it held", info, err)
		}
		resign()
		wantLeads(t, b, a)
	})
}
