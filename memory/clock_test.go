package memory_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

var start = time.Unix(1_000_000, 0)

// diary notes what happened on a clock, and when. It is for one goroutine.
type diary struct {
	clock   *memory.Clock
	entries []string
}

func (d *diary) note(what string) func() {
	return func() { d.entries = append(d.entries, d.clock.Now().Sub(start).String()+" "+what) }
}

func (d *diary) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(d.entries, want) {
		t.Errorf("callbacks ran: %q, want %q", d.entries, want)
	}
	d.entries = nil
}

func TestAdvanceOrder(t *testing.T) {
	clock := memory.NewClock(start)
	d := &diary{clock: clock}
	clock.AfterFunc(3*time.Second, d.note("c"))
	clock.AfterFunc(time.Second, d.note("a1"))
	clock.AfterFunc(2*time.Second, func() {
		d.note("b")()
		clock.AfterFunc(0, d.note("b+0"))
		clock.AfterFunc(-time.Hour, d.note("b-1h"))
		clock.AfterFunc(500*time.Millisecond, d.note("b+0.5"))
		clock.AfterFunc(time.Second, d.note("b+1"))
		clock.AfterFunc(time.Second+1, d.note("late"))
	})
	clock.AfterFunc(time.Second, d.note("a2"))

	clock.Advance(time.Second - 1)
	d.want(t)
	clock.Advance(1)
	d.want(t, "1s a1", "1s a2")
	clock.Advance(2 * time.Second)
	d.want(t, "2s b", "2s b+0", "2s b-1h", "2.5s b+0.5", "3s c", "3s b+1")
	if got, want := clock.Now(), start.Add(3*time.Second); got != want {
		t.Errorf("Now() = %v, want %v", got, want)
	}
	if got := clock.Pending(); got != 1 {
		t.Errorf("Pending() = %v, want 1", got)
	}
	clock.Advance(time.Hour)
	d.want(t, "3.000000001s late")
}

func TestAdvanceZero(t *testing.T) {
	clock := memory.NewClock(start)
	clock.Advance(0)
	if got := clock.Now(); got != start {
		t.Errorf("Now() = %v, want %v", got, start)
	}
}

// A chain of callbacks, each of which sets the next: this is how renewals go on
// within one Advance.
func TestAdvanceChain(t *testing.T) {
	clock := memory.NewClock(start)
	n := 0
	var next func()
	next = func() {
		n++
		clock.AfterFunc(time.Second, next)
	}
	clock.AfterFunc(time.Second, next)
	clock.Advance(time.Hour)
	if n != 3600 {
		t.Errorf("Advance(1h) ran %v callbacks a second apart, want 3600", n)
	}
}

func TestTimerStop(t *testing.T) {
	clock := memory.NewClock(start)
	d := &diary{clock: clock}
	stopped := clock.AfterFunc(time.Second, d.note("stopped"))
	ran := clock.AfterFunc(time.Second, d.note("ran"))
	var other locker.Timer
	clock.AfterFunc(2*time.Second, func() { d.note("stops other")(); other.Stop() })
	other = clock.AfterFunc(2*time.Second, d.note("other"))
	if !stopped.Stop() {
		t.Error("Stop() of a pending timer = false, want true")
	}
	if stopped.Stop() {
		t.Error("second Stop() = true, want false")
	}
	clock.Advance(time.Hour)
	d.want(t, "1s ran", "2s stops other")
	if ran.Stop() {
		t.Error("Stop() of a timer that has fired = true, want false")
	}
}

func TestTimerReset(t *testing.T) {
	clock := memory.NewClock(start)
	d := &diary{clock: clock}
	first := clock.AfterFunc(time.Second, d.note("first"))
	clock.AfterFunc(2*time.Second, d.note("second"))
	if !first.Reset(2 * time.Second) {
		t.Error("Reset() of a pending timer = false, want true")
	}
	clock.Advance(2 * time.Second)
	d.want(t, "2s second", "2s first") // a timer that is set again is the youngest of its instant
	if first.Reset(time.Second) {
		t.Error("Reset() of a timer that has fired = true, want false")
	}
	clock.Advance(time.Second)
	d.want(t, "3s first")
}

func TestAfterFuncDue(t *testing.T) {
	for _, d := range []time.Duration{0, -1, -time.Hour} {
		clock := memory.NewClock(start)
		done := make(chan time.Time)
		timer := clock.AfterFunc(d, func() { done <- clock.Now() })
		if got := clock.Pending(); got != 0 {
			t.Errorf("AfterFunc(%v): Pending() = %v, want 0", d, got)
		}
		if timer.Stop() {
			t.Errorf("AfterFunc(%v): Stop() = true, want false: it was called at once", d)
		}
		if got := <-done; got != start {
			t.Errorf("AfterFunc(%v): called at %v, want %v", d, got, start)
		}
		timer.Reset(d)
		<-done
	}
}

func TestBlockUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := memory.NewClock(start)
		clock.BlockUntil(0)
		clock.BlockUntil(-1)
		var passed [4]atomic.Bool
		for n := 1; n <= 3; n++ {
			go func() {
				clock.BlockUntil(n)
				passed[n].Store(true)
			}()
		}
		for n := 1; n <= 3; n++ {
			synctest.Wait()
			if passed[n].Load() {
				t.Errorf("BlockUntil(%v) returned with %v pending", n, n-1)
			}
			clock.AfterFunc(time.Second, func() {})
			synctest.Wait()
			if !passed[n].Load() {
				t.Errorf("BlockUntil(%v) blocks with %v pending", n, n)
			}
		}
		clock.Advance(time.Second)
		go clock.AfterFunc(time.Second, func() {})
		clock.BlockUntil(1)
	})
}

func TestAdvanceTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := memory.NewClock(start)
		inside, leave := make(chan bool), make(chan bool)
		clock.AfterFunc(time.Second, func() { inside <- true; <-leave })
		go clock.Advance(time.Second)
		<-inside
		const others = 3
		var done atomic.Int32
		for range others {
			go func() { clock.Advance(time.Second); done.Add(1) }()
		}
		synctest.Wait()
		if got, want := clock.Now(), start.Add(time.Second); got != want || done.Load() != 0 {
			t.Errorf("during a callback: Now() = %v, want %v; %v more calls of Advance returned, want 0", got, want, done.Load())
		}
		leave <- true
		synctest.Wait()
		if got, want := clock.Now(), start.Add((1+others)*time.Second); got != want || done.Load() != others {
			t.Errorf("after it: Now() = %v, want %v; %v more calls of Advance returned, want %v", got, want, done.Load(), others)
		}
	})
}

func TestAdvancePanics(t *testing.T) {
	clock := memory.NewClock(start)
	tests := []struct {
		name     string
		callback func()
		advance  time.Duration
		want     string
	}{
		{"negative", func() {}, -time.Second, "memory: Clock.Advance by -1s"},
		{"nested", func() { clock.Advance(0) }, time.Second, "memory: Clock.Advance was called from inside"},
		{"callback", func() { panic("callback") }, time.Second, "callback"},
	}
	for _, test := range tests {
		func() {
			timer := clock.AfterFunc(time.Second, test.callback)
			defer timer.Stop()
			defer func() {
				if got, ok := recover().(string); !ok || !strings.HasPrefix(got, test.want) {
					t.Errorf("%s: Advance panics with %q, want %q", test.name, got, test.want)
				}
			}()
			clock.Advance(test.advance)
		}()
	}
	// None of them has left the clock locked.
	d := &diary{clock: clock}
	clock.AfterFunc(time.Second, d.note("ran"))
	clock.Advance(time.Second)
	d.want(t, "3s ran") // each of the two callbacks stopped the clock at its own instant
}

// A callback that moves another clock is no call from inside of itself.
func TestAdvanceOther(t *testing.T) {
	clock, other := memory.NewClock(start), memory.NewClock(start)
	clock.AfterFunc(time.Second, func() { other.Advance(time.Hour) })
	clock.Advance(time.Second)
	if got, want := other.Now(), start.Add(time.Hour); got != want {
		t.Errorf("Now() = %v, want %v", got, want)
	}
}
