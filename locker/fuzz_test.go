package locker_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// FuzzName takes any string for a name: either it is refused, with the typed
// error and by all that take a name, or it is a lock like any other.
func FuzzName(f *testing.F) {
	for _, name := range []string{
		"", "a", "reports/daily", "\x00", "\n", " ", "é", "e\u0301", "🔒", "a\xff", "\xc3", "a\xed\xa0\x80", "\ufffd",
		"_session/", "_session/x", "_session", "a_session/", strings.Repeat("x", 2048), strings.Repeat("x", 2049), strings.Repeat("é", 1024), strings.Repeat("é", 1025),
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		store := stoppedStore()
		a, b := store.Open(), store.Open()
		defer a.Close(t.Context())
		defer b.Close(t.Context())
		good := name != "" && len(name) <= 2048 && utf8.ValidString(name) && !strings.HasPrefix(name, "_session/")
		lease, err := locker.TryAcquire(t.Context(), a, name)
		_, inspected := a.Inspect(t.Context(), name)
		if !good {
			for call, err := range map[string]error{"CheckName": locker.CheckName(name), "TryAcquire": err, "Inspect": inspected} {
				wantInvalidError(t, call, err, "name")
			}
			return
		}
		if checked := locker.CheckName(name); checked != nil || err != nil || inspected != nil {
			t.Fatalf("%q: CheckName = %v, TryAcquire = %v, Inspect = %v, want nil", name, checked, err, inspected)
		}
		_, err = locker.TryAcquire(t.Context(), b, name)
		var held *locker.HeldError
		if !errors.As(err, &held) || held.Name != name || held.Holder.Name != name {
			t.Errorf("TryAcquire(%q) of another = %v, want a *HeldError with that name", name, err)
		}
		if err := lease.Release(t.Context()); err != nil || lease.Name() != name {
			t.Errorf("Release of %q, which says %q, = %v, want nil", name, lease.Name(), err)
		}
		if _, err := locker.TryAcquire(t.Context(), b, name); err != nil {
			t.Errorf("TryAcquire(%q) after the release = %v, want nil", name, err)
		}
	})
}

// stoppedStore returns a store whose time stands still.
func stoppedStore() *memory.Store {
	clock := memory.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	return memory.NewStore(func(o *memory.Options) { o.Clock = clock })
}

// wantInvalidError checks that err is a *InvalidError about one of whats.
func wantInvalidError(t *testing.T, call string, err error, whats ...string) {
	t.Helper()
	var invalid *locker.InvalidError
	if !errors.As(err, &invalid) || !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("%s = %v, want a *InvalidError about %q", call, err, whats)
		return
	}
	if slices.Contains(whats, invalid.What) {
		return
	}
	t.Errorf("%s = %v, about %q, want one about %q", call, err, invalid.What, whats)
}

// FuzzParseToken reads back what it has written, and nothing that is written in
// another way.
func FuzzParseToken(f *testing.F) {
	for _, s := range []string{
		"", "0", "1", "-1", "+1", "01", " 1", "1 ", "1_0", "0x1", "1e3", "1.0", "9007199254740991", "9223372036854775807", "9223372036854775808", "９", "\x00",
	} {
		f.Add(s, int64(len(s)))
	}
	f.Add("", int64(-1<<63))
	f.Add("", int64(1<<63-1))
	f.Fuzz(func(t *testing.T, s string, n int64) {
		token, err := locker.ParseToken(s)
		switch {
		case err != nil && token == 0:
			wantInvalidError(t, "ParseToken", err, "token")
		case err != nil || token <= 0 || token.String() != s:
			t.Errorf("ParseToken(%q) = %v, %v, want 0 and an error, or a positive token that is written like that", s, token, err)
		}
		if got, err := locker.ParseToken(locker.Token(n).String()); (n > 0) != (err == nil) || n > 0 && got != locker.Token(n) {
			t.Errorf("ParseToken(%q) = %v, %v, want it back if it is positive", locker.Token(n).String(), got, err)
		}
	})
}

// FuzzOptions takes any values for options: either they are refused, with the
// typed error about one that is outside of its limits, or they give a lease that
// is what they say.
func FuzzOptions(f *testing.F) {
	const second, day = int64(time.Second), int64(24 * time.Hour)
	f.Add(second, int64(0), int64(0), int64(0), "", []byte(nil), false, false)
	f.Add(day, second, day, second, "owner", []byte("data"), true, true)
	f.Add(day+1, int64(-1), int64(-1), int64(-1), "\xff", make([]byte, 4097), true, false)
	f.Add(int64(0), int64(0), int64(1), int64(0), strings.Repeat("x", 1024), make([]byte, 4096), false, true)
	f.Add(int64(time.Millisecond), int64(1<<63-1), int64(time.Millisecond), int64(1<<63-1), strings.Repeat("x", 1025), []byte{0}, false, false)
	f.Add(int64(time.Millisecond)-1, int64(-1<<63), int64(1<<63-1), int64(1), "é", []byte{}, true, true)
	f.Fuzz(func(t *testing.T, ttl, wait, minHold, maxHold int64, owner string, data []byte, noRenewal, fencing bool) {
		o := locker.Options{
			TTL: time.Duration(ttl), Wait: time.Duration(wait), MinHold: time.Duration(minHold), MaxHold: time.Duration(maxHold),
			Owner: owner, Data: data, NoRenewal: noRenewal, RequireFencing: fencing,
		}
		clock := memory.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
		l := store.Open()
		defer l.Close(t.Context())
		lease, err := l.Acquire(t.Context(), "x", func(to *locker.Options) { *to = o })
		if wrong := outside(o); len(wrong) > 0 {
			wantInvalidError(t, "Acquire", err, wrong...)
			return
		}
		if err != nil {
			t.Fatalf("Acquire with %+v = %v, want nil", o, err)
		}
		if d := lease.Remaining(); d < o.TTL/2 || d > o.TTL || lease.Err() != nil || lease.Token() <= 0 {
			t.Errorf("a lease with TTL %v has token %v and %v remaining, Err %v", o.TTL, lease.Token(), d, lease.Err())
		}
		info, err := store.Open().Inspect(t.Context(), "x")
		if err != nil || info.State != locker.StateHeld || info.TTL != o.TTL || !bytes.Equal(info.Data, data) || owner != "" && info.Owner != owner {
			t.Errorf("Inspect = %+v, %v, want what %+v say", info, err, o)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		_, err = locker.TryAcquire(t.Context(), store.Open(), "x")
		if got := err == nil; got != (o.MinHold == 0) {
			t.Errorf("TryAcquire after a release with a minimum hold of %v = %v", o.MinHold, err)
		}
		clock.Advance(o.MinHold)
		if _, err := locker.TryAcquire(t.Context(), store.Open(), "x"); o.MinHold > 0 && err != nil {
			t.Errorf("TryAcquire after a minimum hold of %v = %v, want nil", o.MinHold, err)
		}
	})
}

// outside returns which options are outside of their limits.
func outside(o locker.Options) []string {
	var wrong []string
	for what, is := range map[string]bool{
		"TTL": o.TTL < time.Millisecond || o.TTL > 24*time.Hour, "wait": o.Wait < 0,
		"minimum hold": o.MinHold < 0 || o.MinHold > o.TTL, "maximum hold": o.MaxHold < 0,
		"owner": len(o.Owner) > 1024 || !utf8.ValidString(o.Owner), "data": len(o.Data) > 4096,
	} {
		if is {
			wrong = append(wrong, what)
		}
	}
	return wrong
}
