package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	histories = flag.Int("histories", choose(raceDetector, 500, 10_000), "histories of TestHistories")
	sdk       = flag.Int("sdk", choose(raceDetector, 20, 300), "histories of TestSDK, through the real AWS SDK")
	oneSeed   = flag.Uint64("seed", 0, "the one history to repeat, with its timeline, up to ten times until it fails; 0: many histories")
	firstSeed = flag.Uint64("first", 0, "the first of the many seeds; 0: at random")
	keepGoing = flag.Bool("all", false, "go on after a violation")
	timelines = flag.Bool("timelines", true, "print the timeline of a history that fails")
)

func choose(c bool, yes, no int) int {
	if c {
		return yes
	}
	return no
}

// patience is how much real time a history may take. It takes some milliseconds.
const patience = 3 * time.Minute

// runSeed runs one history in a bubble.
func runSeed(t *testing.T, o Options) (r Result) {
	defer time.AfterFunc(patience, func() {
		panic(fmt.Sprintf("the history of seed %d makes no progress: a goroutine waits for a mutex that is never unlocked, or runs for ever", o.Seed))
	}).Stop()
	defer func() {
		if e := recover(); e != nil {
			panic(fmt.Sprintf("seed %d: %v", o.Seed, e))
		}
	}()
	synctest.Test(t, func(*testing.T) { r = Run(o) })
	return r
}

// TestHistories runs many histories, or the one of -seed.
func TestHistories(t *testing.T) {
	figures := runMany(t, *histories, false)
	if figures.Histories >= 1000 && figures.Violations == 0 && figures.Late*figures.Lost*figures.Stale == 0 {
		t.Errorf("the unfenced register saw %d late writes and lost %d updates, the fenced one refused %d; want more than 0 of each, or nothing was tried", figures.Late, figures.Lost, figures.Stale)
	}
	f := figures
	if f.Histories >= 1000 && f.Violations == 0 && min(f.HandedOver, f.Binds, f.TakenBound, f.Killed, f.KilledAlive, f.Marks) == 0 {
		t.Errorf("want more than 0 of each of these, or nothing was tried: %d leases handed over, %d names bound, %d taken over so, %d sessions ended, %d of them of the living, %d marks", f.HandedOver, f.Binds, f.TakenBound, f.Killed, f.KilledAlive, f.Marks)
	}
}

// TestSDK runs histories whose requests go through the real AWS SDK.
func TestSDK(t *testing.T) { runMany(t, *sdk, true) }

// TestChecksCanFail expects violations of a store that loses its items.
func TestChecksCanFail(t *testing.T) {
	figures := Figures{}
	for seed := range uint64(10) {
		figures.Add(runSeed(t, Options{Seed: seed + 1, Amnesia: true}).Figures)
	}
	if figures.Violations == 0 {
		t.Errorf("no violation was seen on a store that loses its items\n%v", figures)
	}
}

// runMany runs n histories, as many at once as there are processors, or the one of
// -seed. It stops at the first violation, unless told otherwise.
func runMany(t *testing.T, n int, sdk bool) Figures {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // histories are small and short-lived
	if *oneSeed != 0 {
		return repeat(t, Options{Seed: *oneSeed, SDK: sdk})
	}
	first := *firstSeed
	if first == 0 {
		first = 1 + rand.Uint64N(1<<40)
	}
	start := time.Now()
	var mu sync.Mutex
	var total Figures
	each(n, func(i int) (goOn bool) {
		o := Options{Seed: first + uint64(i), SDK: sdk}
		r := runSeed(t, o)
		mu.Lock()
		defer mu.Unlock()
		total.Add(r.Figures)
		if len(r.Violations) > 0 {
			report(t, o, r, total.Histories)
			return *keepGoing
		}
		return true
	})
	t.Logf("seeds from %d\n%v%12.1f  seconds\n", first, total, time.Since(start).Seconds())
	return total
}

// repeat runs one history until it fails, a few times at most: what happens at one
// instant happens in any order.
func repeat(t *testing.T, o Options) Figures {
	var r Result
	for range 10 {
		if r = runSeed(t, o); len(r.Violations) > 0 {
			report(t, o, r, 1)
			return r.Figures
		}
	}
	t.Logf("seed %d\n%s\n%v", o.Seed, r.Timeline(), r.Figures)
	return r.Figures
}

// each calls f for 0 to n-1, as many at once as there are processors, until one
// call returns false.
func each(n int, f func(i int) bool) {
	var next atomic.Int64
	var stopped atomic.Bool
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && !stopped.Load(); i = next.Add(1) - 1 {
				if !f(int(i)) {
					stopped.Store(true)
				}
			}
		})
	}
	wg.Wait()
}

// report prints a history that failed, at once: if its goroutines can't end, the
// bubble ends the program.
func report(t *testing.T, o Options, r Result, count int) {
	if *timelines {
		fmt.Fprint(os.Stderr, r.Timeline())
	}
	if *timelines {
		draw(t, o, r)
	}
	fmt.Fprintf(os.Stderr, "\nviolations in history %d; to repeat it: go test ./internal/sim -run %s -seed %d -v\n", count, t.Name(), o.Seed)
	for _, v := range r.Violations {
		fmt.Fprintf(os.Stderr, "\t%s\n", v)
	}
	t.Errorf("seed %d: %s", o.Seed, r.Violations[0])
}
