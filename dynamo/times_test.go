package dynamo

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// TestNoDate shows locks without DynamoDB's time: an answer without a Date, one
// from a cache, one from a clock that is off by more than a day, and rule B
// turned off. Stamps are far away then, rule A alone takes over, and tokens rise
// from the stored one.
func TestNoDate(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second
	off := func(o *Options) { o.ClockMargin = -1 }
	for _, tt := range []struct {
		name   string
		fault  faulthttp.Fault
		optFns []func(*Options)
		reads  int // that each acquire needs to learn the stored token
	}{
		{name: "no Date", fault: faulthttp.Header("Date", ""), reads: 1},
		{name: "an Age", fault: faulthttp.Header("Age", "1"), reads: 1},
		{name: "the year 2100", fault: faulthttp.Header("Date", "Fri, 01 Jan 2100 00:00:00 GMT"), reads: 1},
		{name: "rule B off", optFns: []func(*Options){off}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dateless := func() *process {
				p := open(t, tt.optFns...)
				p.faults.Always(tt.fault)
				p.warm(t)
				return p
			}
			first := dateless()
			lease := acquire(t, first, t.Name(), locker.WithTTL(ttl))
			want := counts{"UpdateItem": 1}
			if tt.reads > 0 {
				want["GetItem"] = tt.reads
			}
			first.wantCounts(t, "acquiring", want)
			if got := *readDecoded(t, t.Name()).ExpiresOn; got != farFuture {
				t.Errorf("expiresOn of %q = %d, want %d", t.Name(), got, int64(farFuture))
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
			}
			second := acquire(t, first, t.Name(), locker.WithTTL(ttl))
			if second.Token() <= lease.Token() {
				t.Errorf("Token(%q) = %v after %v, want a higher one", t.Name(), second.Token(), lease.Token())
			}
			if err := second.Renew(t.Context()); err != nil {
				t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
			}
			first.cutOff()
			renewed := time.Now()

			late := dateless()
			third, err := late.Acquire(t.Context(), t.Name())
			if err != nil {
				t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
			}
			if d := time.Since(renewed); d < ttl*9/10 || d > ttl+3*time.Second {
				t.Errorf("Acquire(%q) took until %v after the last renewal, want a TTL and at most 3 s more", t.Name(), d)
			}
			wantOver(t, second, third)
			if third.Token() > tokenNow(time.Minute) {
				t.Errorf("Token(%q) = %v, want one of these times, below %v", t.Name(), third.Token(), tokenNow(time.Minute))
			}
		})
	}
}

// tokenNow is about the token that a client would make d from now.
func tokenNow(d time.Duration) locker.Token { return locker.Token(time.Now().Add(d).UnixMicro()) }

// TestNoDateTakesNotByTime shows that a process without DynamoDB's time does not
// take over what looks long dead: it can't know.
func TestNoDateTakesNotByTime(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.faults.Always(faulthttp.Header("Date", ""))
	writeItem(t, t.Name(), attributes{"guid": text(strangerGUID), "expiresOn": number("1000"), "ttl": number("3600000")})
	refuse(t, p, t.Name())
	_, err := p.Acquire(t.Context(), t.Name(), locker.WithWait(time.Second))
	if !errors.Is(err, locker.ErrHeld) {
		t.Errorf("Acquire(%q) = %v, want ErrHeld", t.Name(), err)
	}
	acquire(t, open(t), t.Name()) // one that has the time takes it
}

// TestDatesDisagree shows that rule B is off in a process that has seen front
// ends 10 s apart, until fresh answers agree.
func TestDatesDisagree(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	stamped := func(name string) bool {
		lease := acquire(t, p, name)
		defer lease.Release(t.Context())
		return *readDecoded(t, name).ExpiresOn != farFuture
	}
	if !stamped(t.Name()) {
		t.Errorf("%q has no stamp, want one: all answers agree", t.Name())
	}
	p.faults.Inject("GetItem", 1, faulthttp.ShiftDate(10*time.Second))
	if _, err := p.Inspect(t.Context(), t.Name()); err != nil {
		t.Fatalf("Inspect(%q) = %v, want nil", t.Name(), err)
	}
	if stamped(t.Name()) {
		t.Errorf("%q has a stamp after an answer from 10 s ahead, want none", t.Name())
	}
	for range 2 * trustAgain {
		if _, err := p.Inspect(t.Context(), t.Name()); err != nil {
			t.Fatalf("Inspect(%q) = %v, want nil", t.Name(), err)
		}
	}
	if !stamped(t.Name()) {
		t.Errorf("%q has no stamp after %d answers that agree, want one", t.Name(), 2*trustAgain)
	}
}

// TestFrontEndsApart has every second answer come from a front end that is half a
// second ahead, which the margin covers: a holder and its contender agree on when
// the lease is over.
func TestFrontEndsApart(t *testing.T) {
	t.Parallel()
	const ttl = 2 * time.Second
	apart := func(p *process) {
		p.faults.Always(func(c *faulthttp.Call) (*http.Response, error) {
			if len(p.faults.Records())%2 == 0 {
				return c.Send()
			}
			// A Date has whole seconds only: half of the time it is the next one's.
			resp, err := c.Send()
			if err == nil {
				resp.Header.Set("Date", time.Now().Add(500*time.Millisecond).UTC().Format(http.TimeFormat))
			}
			return resp, err
		})
	}
	holder, contender := open(t), open(t)
	apart(holder)
	apart(contender)
	holder.warm(t)
	lease := acquire(t, holder, t.Name(), locker.WithTTL(ttl), locker.WithoutRenewal())
	var second *locker.Lease
	eventually(t, 20*time.Second, "the lock", func() bool {
		got, err := locker.TryAcquire(t.Context(), contender, t.Name())
		second = got
		return err == nil
	})
	wantOver(t, lease, second)
}

// TestStampAhead shows that a stamp is never before the holder's own end: what
// rule B rests upon.
func TestStampAhead(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	for range 20 {
		lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second))
		ends := time.Now().Add(lease.Remaining())
		if stamp := time.UnixMilli(*readDecoded(t, t.Name()).ExpiresOn); stamp.Before(ends) || stamp.After(ends.Add(3*time.Second)) {
			t.Errorf("%q is stamped %v, want at or up to 3 s after the holder's end, %v", t.Name(), stamp, ends)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
		}
	}
}
