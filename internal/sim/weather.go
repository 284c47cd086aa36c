package sim

import (
	"math/rand/v2"
	"time"
)

// table is the lock table of every history.
const table = "locks"

// weather is what one history is like: all its numbers, drawn from its seed.
type weather struct {
	nodes     int
	workers   int // of each process
	names     []string
	ttl       time.Duration
	plain     float64       // how many calls of Acquire have options that let a lease be handed over
	localHold time.Duration // for how long a process hands a wanted name over
	duration  time.Duration // until the chaos ends

	wild      float64         // how much goes wrong: 0 nothing, 1 much, 2 very much
	latency   time.Duration   // mean of one way
	frontEnds []time.Duration // how far the clock of each front end of DynamoDB is off
	ruleB     bool            // false: processes run with a negative ClockMargin
	mixed     bool            // true: half of the processes do
	wallSkew  time.Duration   // how far nodes' wall clocks are off at most
	drift     int64           // parts per million at most
	probes    time.Duration   // how often beliefs are looked at besides grants; 0: never
	reads     float64         // how many of the eventually consistent reads are stale
	staleBy   time.Duration   // how old these are at most
}

// Limits of the weather.
const (
	frontEndSkew = 500 * time.Millisecond // half of dynamo.DefaultClockMargin
	maxSkew      = time.Hour
	maxDrift     = 500
)

func newWeather(seed uint64) weather {
	r := rand.New(rand.NewPCG(seed, stream("weather")))
	w := weather{
		nodes:    3 + r.IntN(3),
		workers:  1 + r.IntN(3),
		names:    []string{"a", "b"},
		ttl:      time.Second + time.Duration(r.ExpFloat64()*float64(2*time.Second)),
		wild:     pick(r, []float64{0, 0.4, 0.4, 0.8, 0.8, 0.8, 1.5, 1.5, 2.5}),
		latency:  500*time.Microsecond + between(r, 0, 12*time.Millisecond),
		ruleB:    r.IntN(6) > 0,
		mixed:    r.IntN(8) == 0,
		wallSkew: pick(r, []time.Duration{0, time.Second, time.Minute, maxSkew, maxSkew}),
		drift:    pick(r, []int64{0, 50, maxDrift, maxDrift}),
		reads:    pick(r, []float64{0, 0.2, 0.8}),
		staleBy:  between(r, 10*time.Millisecond, 2*time.Second),
	}
	w.ttl = min(w.ttl, 10*time.Second)
	w.plain = pick(r, []float64{0, 0.5, 0.9})
	w.localHold = between(r, w.ttl/20, w.ttl)
	switch r.IntN(4) {
	case 0: // a process holds many at once
		w.names = append(w.names, "c", "d", "e")
		w.workers += 3
	case 1: // many of a process wait for one
		w.workers += 3
		w.nodes--
	}
	w.duration = time.Duration(7+r.IntN(8)) * w.ttl
	if r.IntN(4) > 0 {
		w.probes = between(r, w.ttl/50, w.ttl/2)
	}
	for range 3 {
		w.frontEnds = append(w.frontEnds, pick(r, []time.Duration{-frontEndSkew, frontEndSkew, between(r, -frontEndSkew, frontEndSkew)}))
	}
	return w
}

// stream turns the parts of a name into the second half of a PCG's seed, so that
// every purpose has a stream of its own. It is FNV-1a.
func stream(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211 // no part contains this byte
	}
	return h
}

// between returns a random duration from low to high.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// chance is true with probability p.
func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// often returns a random number of occurrences with this mean.
func often(r *rand.Rand, mean float64) int {
	n := 0
	for t := r.ExpFloat64(); t < mean; t += r.ExpFloat64() {
		n++
	}
	return n
}
