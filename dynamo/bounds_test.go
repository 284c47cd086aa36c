package dynamo

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/holdfast/internal/moment"
)

// epoch is when the clocks of these tests are at 0. It is a whole second.
var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// after is a reading of a clock that is right, d after epoch.
func after(d time.Duration) moment.Reading {
	return moment.Reading{Wall: epoch.Add(d), Mono: d, Boot: d}
}

// date is the Date of an answer of a server that is right, d after epoch.
func date(d time.Duration) time.Time { return epoch.Add(d).Truncate(time.Second) }

const ms = time.Millisecond

// wantSpan checks the bounds, in time since epoch.
func wantSpan(t *testing.T, b *bounds, at moment.Reading, lo, hi time.Duration) {
	t.Helper()
	times, ok := b.at(at)
	if gotLo, gotHi := times.lo.Sub(epoch), times.hi.Sub(epoch); !ok || gotLo != lo || gotHi != hi {
		t.Errorf("at(%v) = %v to %v, %v, want %v to %v", at.Mono, gotLo, gotHi, ok, lo, hi)
	}
}

// wantUnknown checks that the bounds count for nothing.
func wantUnknown(t *testing.T, b *bounds, at moment.Reading) {
	t.Helper()
	if times, ok := b.at(at); ok {
		t.Errorf("at(%v) = %v to %v, want nothing", at.Mono, times.lo.Sub(epoch), times.hi.Sub(epoch))
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	b := &bounds{margin: time.Second}
	wantUnknown(t, b, after(0))
	b.add(date(300*ms), after(250*ms), after(350*ms)) // the server shows 0 s
	wantSpan(t, b, after(350*ms), 0, 1100*ms+100*time.Microsecond)
	// An older bound is as good as its clock: 0.1 % each way.
	wantSpan(t, b, after(10_350*ms), 9990*ms, 11_110*ms+100*time.Microsecond)
	// A sample just after the server's second has begun raises the lower bound.
	b.add(date(2010*ms), after(2000*ms), after(2020*ms))
	wantSpan(t, b, after(2020*ms), 2000*ms, 2771770*time.Microsecond)
	// One just before its end lowers the upper bound, and does not raise the lower.
	b.add(date(3990*ms), after(3980*ms), after(3995*ms))
	wantSpan(t, b, after(3995*ms), 3973025*time.Microsecond, 4015015*time.Microsecond)
}

// TestBoundsClocks shows which clock each bound moves with.
func TestBoundsClocks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		now    moment.Reading
		lo, hi time.Duration
	}{
		"all alike":           {after(10 * time.Second), 9990 * ms, 11010 * ms},
		"suspended for 1 min": {moment.Reading{Wall: epoch.Add(70 * time.Second), Mono: 10 * time.Second, Boot: 70 * time.Second}, 9990 * ms, 71070 * ms},
		"wall set forward":    {moment.Reading{Wall: epoch.Add(time.Hour), Mono: 10 * time.Second, Boot: 10 * time.Second}, 9990 * ms, 3604600 * ms},
		"wall set back":       {moment.Reading{Wall: epoch.Add(-time.Hour), Mono: 10 * time.Second, Boot: 10 * time.Second}, 9990 * ms, 11010 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bounds{margin: time.Second}
			b.add(date(0), after(0), after(0))
			wantSpan(t, b, tt.now, tt.lo, tt.hi)
		})
	}
}

// TestBoundsHold has a server that is right answer at random times: its time is
// always within the bounds, and they become narrow.
func TestBoundsHold(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		b := &bounds{margin: time.Second}
		rate := 1 + (random.Float64()-0.5)/600 // within 0.1 % of the server's
		local := func(d time.Duration) moment.Reading { return after(time.Duration(float64(d) * rate)) }
		var now time.Duration
		for range 50 {
			sent := now + time.Duration(random.Int64N(int64(2*time.Second)))
			stamped := sent + time.Duration(random.Int64N(int64(300*ms)))
			now = stamped + time.Duration(random.Int64N(int64(300*ms)))
			b.add(date(stamped), local(sent), local(now))
			times, ok := b.at(local(now))
			if lo, hi := times.lo.Sub(epoch), times.hi.Sub(epoch); !ok || lo > now || hi < now {
				t.Fatalf("seed %d: the server's time %v is not within %v to %v, %v", seed, now, lo, hi, ok)
			}
		}
	}
}

// TestBoundsContradiction shows that samples which contradict each other are
// dropped, that the bounds count for nothing then, and that they do again once
// fresh samples have agreed.
func TestBoundsContradiction(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"ahead": 10 * time.Second, "behind": -10 * time.Second, "a year ahead": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bounds{margin: time.Second}
			now := time.Duration(0)
			add := func(off time.Duration) {
				b.add(date(now).Add(off), after(now), after(now))
				now += 100 * ms
			}
			add(0)
			add(0)
			if _, ok := b.at(after(now)); !ok {
				t.Errorf("at(%v) knows nothing after samples that agree", now)
			}
			add(off)
			if off > plausible {
				wantKnown(t, b, now) // absurd: no sample
				return
			}
			for range trustAgain / 2 {
				wantUnknown(t, b, after(now))
				add(0)
			}
			add(off) // again, before they were trusted
			for range trustAgain {
				wantUnknown(t, b, after(now))
				add(0)
			}
			wantKnown(t, b, now)
		})
	}
}

func wantKnown(t *testing.T, b *bounds, now time.Duration) {
	t.Helper()
	times, ok := b.at(after(now))
	if lo, hi := times.lo.Sub(epoch), times.hi.Sub(epoch); !ok || lo > now || hi < now || hi-lo > 2*time.Second {
		t.Errorf("at(%v) = %v to %v, %v, want bounds of that time", now, lo, hi, ok)
	}
}

// TestBoundsMargin shows how far samples may contradict each other: as far as the
// margin covers, or its default where rule B is off.
func TestBoundsMargin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		margin, off time.Duration
		agree       bool
	}{
		{time.Second, 1900 * ms, true}, // a second of the Date's resolution, and the margin
		{time.Second, 3 * time.Second, false},
		{time.Second, -3 * time.Second, false},
		{5 * time.Second, 5 * time.Second, true},
		{5 * time.Second, 8 * time.Second, false},
		{-1, time.Second, true},
		{-1, 3 * time.Second, false},
	} {
		b := &bounds{margin: tt.margin}
		b.add(date(0), after(0), after(0))
		b.add(epoch.Add(tt.off), after(0), after(0))
		if _, ok := b.at(after(0)); ok != tt.agree {
			t.Errorf("margin %v: samples %v apart agree: %v, want %v", tt.margin, tt.off, ok, tt.agree)
		}
	}
}

// TestBoundsAbsurd shows that a Date a day or more from this machine's clock is no
// sample, not even the first.
func TestBoundsAbsurd(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{25 * time.Hour, -25 * time.Hour, 100 * 365 * 24 * time.Hour} {
		b := &bounds{margin: time.Second}
		b.add(epoch.Add(off), after(0), after(0))
		wantUnknown(t, b, after(0))
	}
	b := &bounds{margin: time.Second}
	b.add(epoch.Add(23*time.Hour), after(0), after(0))
	wantSpan(t, b, after(0), 23*time.Hour, 23*time.Hour+time.Second)
}

// TestServerDate shows which answers tell the time.
func TestServerDate(t *testing.T) {
	t.Parallel()
	const right = "Sun, 22 Nov 2026 12:00:00 GMT"
	for name, tt := range map[string]struct {
		header http.Header
		ok     bool
	}{
		"date":        {http.Header{"Date": {right}}, true},
		"none":        {http.Header{}, false},
		"with age":    {http.Header{"Date": {right}, "Age": {"3"}}, false},
		"with age 0":  {http.Header{"Date": {right}, "Age": {"0"}}, false},
		"garbage":     {http.Header{"Date": {"yesterday"}}, false},
		"other zone":  {http.Header{"Date": {"Sun, 22 Nov 2026 12:00:00 CET"}}, false},
		"RFC 850":     {http.Header{"Date": {"Sunday, 22-Nov-26 12:00:00 GMT"}}, true},
		"without day": {http.Header{"Date": {"22 Nov 2026 12:00:00 GMT"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := &smithyhttp.Response{Response: &http.Response{Header: tt.header}}
			failed := &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{Response: raw, Err: errors.New("x")}}
			at, ok := serverDate(middleware.Metadata{}, failed)
			if ok != tt.ok || ok && !at.Equal(epoch) {
				t.Errorf("serverDate = %v, %v, want %v", at, ok, tt.ok)
			}
		})
	}
	if at, ok := serverDate(middleware.Metadata{}, errors.New("x")); ok {
		t.Errorf("serverDate without an answer = %v, want none", at)
	}
}
