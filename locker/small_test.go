package locker

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokenText(t *testing.T) {
	for _, tok := range []Token{1, 42, 1<<53 - 1} {
		got, err := ParseToken(tok.String())
		if err != nil || got != tok {
			t.Errorf("ParseToken(%q) = %v, %v, want %v", tok.String(), got, err, tok)
		}
	}
	for _, s := range []string{"", "0", "-1", "+1", "01", " 1", "1.0", "x", "9223372036854775808"} {
		got, err := ParseToken(s)
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("ParseToken(%q) = %v, %v, want an error that is ErrInvalid", s, got, err)
		}
	}
}

func TestFence(t *testing.T) {
	var f Fence
	steps := []struct {
		name  string
		token Token
		want  error
	}{
		{"a", 5, nil},
		{"a", 5, nil},
		{"a", 4, ErrStale},
		{"b", 4, nil},
		{"a", 6, nil},
		{"a", 5, ErrStale},
		{"a", 0, ErrInvalid},
		{"c", -1, ErrInvalid},
	}
	for i, s := range steps {
		if err := f.Check(s.name, s.token); !errors.Is(err, s.want) || (s.want == nil) != (err == nil) {
			t.Errorf("step %d: Check(%q, %v) = %v, want %v", i, s.name, s.token, err, s.want)
		}
	}
	var stale *StaleError
	if err := f.Check("a", 1); !errors.As(err, &stale) || stale.Name != "a" || stale.Token != 1 || stale.Highest != 6 {
		t.Errorf("Check = %v, want a StaleError of a, 1 and 6", err)
	}
}

func TestCheckName(t *testing.T) {
	good := []string{"a", "\x00", "a\nb", "é", strings.Repeat("x", MaxNameBytes), "_session", "x_session/"}
	bad := []string{"", strings.Repeat("x", MaxNameBytes+1), strings.Repeat("é", 1025), "\xff", "a\xc3", "_session/", "_session/x"}
	for _, name := range good {
		if err := CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v, want nil", name, err)
		}
	}
	for _, name := range bad {
		var invalid *InvalidError
		if err := CheckName(name); !errors.As(err, &invalid) || !errors.Is(err, ErrInvalid) || invalid.What != "name" || invalid.Want == "" {
			t.Errorf("CheckName(%.20q) = %v, want an InvalidError of the name", name, err)
		}
	}
}

func TestResolve(t *testing.T) {
	o := Resolve()
	if o.TTL != DefaultTTL || o.Wait != Forever || o.NoRenewal {
		t.Errorf("Resolve() = %+v, want the defaults", o)
	}
	o = Resolve(WithTTL(time.Second), nil, WithTTL(2*time.Second), NoWait(), WithOwner("o"), WithoutRenewal())
	if o.TTL != 2*time.Second || o.Wait != 0 || o.Owner != "o" || !o.NoRenewal {
		t.Errorf("Resolve = %+v, want the later of two options to win", o)
	}
}

func TestNewID(t *testing.T) {
	c := New(nil)
	form := regexp.MustCompile(`^[0-9a-z]{26}$`)
	seen := make(map[string]bool)
	for range 1000 {
		id := c.newID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("newID() = %q, want 26 new characters of [0-9a-z]", id)
		}
		seen[id] = true
	}
}

func TestErrorsTellApart(t *testing.T) {
	cause := errors.New("cause")
	tests := []struct {
		err  error
		is   error
		text []string
	}{
		{&HeldError{Name: "n", Holder: Info{Owner: "o"}, Cause: cause}, ErrHeld, []string{`"n"`, `"o"`, "cause"}},
		{&LostError{Name: "n", Token: 7, Reason: LossTaken, Cause: fmt.Errorf("cause: %w", ErrUnavailable)}, ErrLost, []string{`"n"`, "7", "taken", "cause"}},
		{&StaleError{Name: "n", Token: 7, Highest: 8}, ErrStale, []string{`"n"`, "7", "8"}},
		{&InvalidError{What: "TTL", Value: "0s", Want: "more"}, ErrInvalid, []string{"TTL", "0s", "more"}},
	}
	sentinels := []error{ErrHeld, ErrLost, ErrStale, ErrInvalid, ErrReleased, ErrClosed, ErrUnavailable, ErrNoFencing}
	for _, tt := range tests {
		if !errors.Is(tt.err, tt.is) {
			t.Errorf("%T is not %v", tt.err, tt.is)
		}
		for _, other := range sentinels {
			if other != tt.is && errors.Is(tt.err, other) {
				t.Errorf("%T is %v as well", tt.err, other)
			}
		}
		for _, want := range tt.text {
			if !strings.Contains(tt.err.Error(), want) {
				t.Errorf("%q doesn't say %q", tt.err, want)
			}
		}
	}
}

func TestContextError(t *testing.T) {
	cause := errors.New("cause")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if err := contextError(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, cause) || !strings.Contains(err.Error(), "cause") {
		t.Errorf("contextError = %v, want the context's error, and the words of its cause", err)
	}
}

func TestSystemClock(t *testing.T) {
	c := SystemClock().(BootClock)
	m, b := c.Monotonic(), c.Boottime()
	if m < 0 || b < m || b > m+time.Minute {
		t.Errorf("Monotonic, Boottime = %v, %v, want the second to be a little later", m, b)
	}
	synctest.Test(t, func(t *testing.T) {
		c := SystemClock().(BootClock)
		time.Sleep(time.Hour)
		if m, b := c.Monotonic(), c.Boottime(); m != time.Hour || b != time.Hour {
			t.Errorf("Monotonic, Boottime = %v, %v after an hour of the bubble's time", m, b)
		}
	})
}

func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g group
		<-g.idle()
		for range 3 {
			g.spawn(func() { time.Sleep(time.Second) })
		}
		idle := g.idle()
		synctest.Wait()
		select {
		case <-idle:
			t.Error("idle while goroutines run")
		default:
		}
		<-idle
		<-g.idle()
	})
}

func TestBackOff(t *testing.T) {
	c := New(nil)
	for n := 1; n < 100; n++ {
		for _, ttl := range []time.Duration{time.Millisecond, 500 * time.Millisecond, 30 * time.Second, MaxTTL} {
			longest := max(time.Millisecond, min(ttl/10, time.Second))
			if d := c.backOff(n, ttl); d <= 0 || d > longest*5/4 {
				t.Errorf("backOff(%d, %v) = %v, want above 0 and at most %v", n, ttl, d, longest*5/4)
			}
		}
	}
}

// Asked for what a holder has left, a renewal must not shorten it by its slack.
func TestTTLForCoversSlack(t *testing.T) {
	for _, inProcess := range []bool{false, true} {
		c := New(nil, func(o *ClientOptions) { o.InProcess = inProcess })
		for d := time.Duration(1); d < MaxTTL/100*98; d += d/7 + 1 {
			ttl := c.ttlFor(d)
			if believed := ttl - c.slack(ttl); believed < d || believed > d+d/50+20*time.Millisecond {
				t.Errorf("in process: %v: a lease of %v is believed in for %v, want %v", inProcess, ttl, believed, d)
			}
		}
	}
}
