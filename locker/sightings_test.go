package locker

import (
	"fmt"
	"testing"
	"time"

	"example.com/holdfast/internal/moment"
)

// at is a reading of an idealised machine, d after its start.
func at(d time.Duration) moment.Reading {
	return moment.Reading{Wall: time.Unix(1_000_000, 0).Add(d), Mono: d, Boot: d}
}

func TestSightingsStaleIn(t *testing.T) {
	held := func(revision string, ttl time.Duration) Info {
		return Info{Name: "n", AcquisitionID: "other", Revision: revision, TTL: ttl, State: StateHeld}
	}
	var s sightings
	s.note(held("r1", 10*time.Second), at(0))
	s.note(held("r1", 10*time.Second), at(4*time.Second)) // keeps the first sighting
	s.ended.put("mine", struct{}{})

	tests := []struct {
		what string
		info Info
		now  time.Duration
		want time.Duration
		ok   bool
	}{
		{"seen a while ago", held("r1", 10*time.Second), 4 * time.Second, 6 * time.Second, true},
		{"just before its TTL", held("r1", 10*time.Second), 10*time.Second - 1, 1, true},
		{"unchanged for its TTL", held("r1", 10*time.Second), 10 * time.Second, 0, true},
		{"another revision", held("r2", 10*time.Second), time.Hour, 0, false},
		{"never seen", Info{Name: "other", Revision: "r1", TTL: time.Second}, time.Hour, 0, false},
		{"an acquisition of this client that is over", Info{Name: "n", AcquisitionID: "mine", Revision: "m"}, 0, 0, true},
	}
	for _, tt := range tests {
		got, ok := s.staleIn(tt.info, at(tt.now))
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: staleIn = %v, %v, want %v, %v", tt.what, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSightingsNeverStale(t *testing.T) {
	for _, ttl := range []time.Duration{0, -1, MaxTTL + 1} {
		var s sightings
		info := Info{Name: "n", AcquisitionID: "a", Revision: "r", TTL: ttl, State: StateHeld}
		s.note(info, at(0))
		if d, ok := s.staleIn(info, at(1000*time.Hour)); ok {
			t.Errorf("TTL %v: staleIn = %v, true, want false", ttl, d)
		}
	}
}

// A contender whose wall clock jumps, or who was suspended, must not steal.
func TestSightingsCountAwakeTimeOnly(t *testing.T) {
	var s sightings
	info := Info{Name: "n", AcquisitionID: "a", Revision: "r", TTL: 10 * time.Second, State: StateHeld}
	s.note(info, at(0))
	now := at(time.Second)
	now.Wall = now.Wall.Add(time.Hour)
	now.Boot += time.Hour
	if d, _ := s.staleIn(info, now); d != 9*time.Second {
		t.Errorf("staleIn = %v after a second awake, want 9s", d)
	}
}

func TestRecentForgetsOldest(t *testing.T) {
	var r recent[int]
	for i := range remembered + 5 {
		r.put(fmt.Sprint(i), i)
	}
	r.put("5", 55) // counts as new
	r.put("new", 1)
	for key, want := range map[string]bool{"4": false, "5": true, "6": false, "7": true, "new": true} {
		if _, ok := r.get(key); ok != want {
			t.Errorf("get(%q) ok = %v, want %v", key, ok, want)
		}
	}
	if v, _ := r.get("5"); v != 55 {
		t.Errorf("get(5) = %v, want 55", v)
	}
	if n := r.order.Len(); n != remembered || len(r.byKey) != remembered {
		t.Errorf("keeps %d and %d keys, want %d", n, len(r.byKey), remembered)
	}
}
