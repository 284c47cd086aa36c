package locker_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

func TestMinTTL(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		minTTL    time.Duration
		inProcess bool
		want      time.Duration
	}{
		{0, false, 100 * ms},
		{-time.Hour, false, 100 * ms},
		{ms, false, 100 * ms},
		{500 * ms, false, 500 * ms},
		{0, true, ms},
		{10 * ms, true, 10 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s store
			c := newClient(t, &s, func(o *locker.ClientOptions) { o.MinTTL, o.InProcess = tt.minTTL, tt.inProcess })
			for _, ttl := range []time.Duration{-1, 0, 1, tt.want - 1} {
				_, err := c.Acquire(t.Context(), t.Name(), locker.WithTTL(ttl))
				var invalid *locker.InvalidError
				if !errors.As(err, &invalid) || invalid.What != "TTL" || !strings.Contains(invalid.Want, tt.want.String()) {
					t.Errorf("MinTTL %v, in process: %v: Acquire for %v = %v, want an InvalidError that says %v", tt.minTTL, tt.inProcess, ttl, err, tt.want)
				}
			}
			if n := s.counts().acquire; n != 0 {
				t.Errorf("%d requests for a TTL that is too short", n)
			}
			lease := acquire(t, c, t.Name(), locker.WithTTL(tt.want))
			if left := lease.Remaining(); left < tt.want/2 {
				t.Errorf("%v remain of %v", left, tt.want)
			}
			time.Sleep(100 * tt.want)
			want(t, "Err of the shortest lease after a while", lease.Err())
		})
	}
}

// Nothing is sent for a call that can't be right.
func TestInvalid(t *testing.T) {
	const ttl = locker.DefaultTTL
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s)
		for what, opts := range map[string][]locker.Option{
			"TTL":          {locker.WithTTL(locker.MaxTTL + 1)},
			"wait":         {locker.WithWait(-1)},
			"minimum hold": {locker.WithMinHold(ttl + 1)},
			"maximum hold": {locker.WithMaxHold(-1)},
			"owner":        {locker.WithOwner(strings.Repeat("x", locker.MaxOwnerBytes+1))},
			"data":         {locker.WithData(make([]byte, locker.MaxDataBytes+1))},
		} {
			_, err := c.Acquire(t.Context(), t.Name(), opts...)
			var invalid *locker.InvalidError
			if !errors.As(err, &invalid) || !errors.Is(err, locker.ErrInvalid) || invalid.What != what {
				t.Errorf("Acquire = %v, want an InvalidError of the %s", err, what)
			}
		}
		for _, opt := range []locker.Option{locker.WithMinHold(-1), locker.WithOwner("\xff")} {
			_, err := c.Acquire(t.Context(), t.Name(), opt)
			want(t, "Acquire", err, locker.ErrInvalid)
		}
		for _, name := range []string{"", "\xff", "_session/x", strings.Repeat("x", locker.MaxNameBytes+1)} {
			_, err := c.Acquire(t.Context(), name)
			want(t, "Acquire", err, locker.ErrInvalid)
		}
		_, err := c.Acquire(t.Context(), t.Name(), locker.RequireFencing())
		want(t, "Acquire with RequireFencing", err, locker.ErrNoFencing)
		if n := s.counts(); n.acquire != 0 {
			t.Errorf("%d requests, want none", n.acquire)
		}

		lease := acquire(t, c, t.Name(), locker.WithTTL(locker.MaxTTL), locker.WithMinHold(locker.MaxTTL),
			locker.WithOwner(strings.Repeat("x", locker.MaxOwnerBytes)), locker.WithData(make([]byte, locker.MaxDataBytes)))
		want(t, "SetData", lease.SetData(t.Context(), make([]byte, locker.MaxDataBytes)))
		want(t, "SetData", lease.SetData(t.Context(), make([]byte, locker.MaxDataBytes+1)), locker.ErrInvalid)
		if n := s.counts().renew; n != 1 {
			t.Errorf("%d renewals, want none for data that is too long", n)
		}
	})
}

func TestRequireFencing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s, func(o *locker.ClientOptions) { o.Fencing = true })
		lease := acquire(t, c, t.Name(), locker.RequireFencing())
		if lease.Token() < 1 {
			t.Errorf("token %v, want one above 0", lease.Token())
		}
	})
}

func TestClientDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s store
		c := newClient(t, &s, func(o *locker.ClientOptions) { o.DefaultTTL = time.Minute })
		acquire(t, c, "default")
		acquire(t, c, "its own", locker.WithTTL(time.Second))
		for i, ttl := range []time.Duration{time.Minute, time.Second} {
			if got := s.asked("acquire")[i].ttl; got != ttl {
				t.Errorf("lease %d asks for %v, want %v", i, got, ttl)
			}
		}
	})
}
