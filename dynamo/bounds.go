package dynamo

import (
	"sync"
	"time"

	"example.com/holdfast/internal/moment"
)

// bounds knows DynamoDB's time, between a lower and an upper bound, from the Date
// header of its answers. Each answer is a sample: when it was sent the server's
// clock showed date or up to a second more, and that was after the request left
// and before the answer arrived.
//
// A lower bound moves on with a clock that never runs ahead (monotonic, 0.1 %
// slower), an upper one with a clock that never lags (the machine may have been
// suspended, 0.1 % faster): so either stays a bound, however old its sample.
type bounds struct {
	margin time.Duration // ClockMargin; negative: nobody relies on the bounds

	mu     sync.Mutex
	lo, hi sample
	agreed int // samples in a row that did not contradict each other
	needed int // so many have to agree before the bounds count
}

// sample is a moment of the server's time, and this machine's clocks at a moment
// that was certainly later (for a lower bound) or earlier (for an upper one).
type sample struct {
	date time.Time
	at   moment.Reading
}

const (
	dateResolution = time.Second    // of the Date header; RFC 9110, 5.6.7
	plausible      = 24 * time.Hour // how far a Date may be from this machine's wall clock
	trustAgain     = 8              // samples that have to agree after a contradiction
)

// add takes the Date of an answer into account. Samples that contradict what was
// known, by more than the margin, come from servers that disagree: then all older
// ones are dropped, and the bounds count for nothing until fresh ones agree. A
// date that is a day or more from this machine's own is no sample: one absurd
// header must not spoil tokens and stamps that others have to live with.
func (b *bounds) add(date time.Time, sent, received moment.Reading) {
	if date.Sub(received.Wall).Abs() > plausible {
		return
	}
	lo, hi := sample{date, received}, sample{date.Add(dateResolution), sent}
	margin := b.margin
	if margin < 0 {
		margin = DefaultClockMargin
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.agreed == 0:
		b.lo, b.hi, b.agreed, b.needed = lo, hi, 1, max(b.needed, 1)
		return
	case lo.low(received).After(b.hi.high(received).Add(margin)), b.lo.low(received).After(hi.high(received).Add(margin)):
		b.lo, b.hi, b.agreed, b.needed = lo, hi, 1, trustAgain
		return
	}
	b.agreed = min(b.agreed+1, trustAgain)
	if lo.low(received).After(b.lo.low(received)) {
		b.lo = lo
	}
	if hi.high(received).Before(b.hi.high(received)) {
		b.hi = hi
	}
}

// at returns the bounds of the server's time; ok is false when nothing is known.
func (b *bounds) at(now moment.Reading) (s span, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.knownLocked() {
		return span{}, false
	}
	return span{b.lo.low(now), b.hi.high(now)}, true
}

// known reports whether there are bounds.
func (b *bounds) known() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.knownLocked()
}

func (b *bounds) knownLocked() bool { return b.agreed > 0 && b.agreed >= b.needed }

// span is a range of the server's time.
type span struct{ lo, hi time.Time }

// low is the sample's lower bound of the server's time now.
func (s sample) low(now moment.Reading) time.Time {
	d := moment.Mono(s.at, now)
	return s.date.Add(d - d/1000)
}

// high is the sample's upper bound of the server's time now.
func (s sample) high(now moment.Reading) time.Time {
	d := moment.Held(s.at, now)
	return s.date.Add(d + d/1000)
}
