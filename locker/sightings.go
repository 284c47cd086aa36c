package locker

import (
	"time"

	"example.com/holdfast/internal/moment"
)

// sightings is what a client remembers of records that it saw in the store, and
// of acquisitions of its own that are over. It decides rule A: in which
// revisions nobody believes any more.
type sightings struct {
	byName recent[sighting]
	ended  recent[struct{}] // IDs of acquisitions of this client in which nobody believes
}

// sighting is a record as it was seen for the first time.
type sighting struct {
	revision string
	ttl      time.Duration
	at       moment.Reading // after the read that showed it
}

// note remembers what a read showed; now is a reading from after that read. A
// revision that was seen before keeps its first sighting.
func (s *sightings) note(info Info, now moment.Reading) {
	if info.State == StateFree || info.Revision == "" {
		return
	}
	if old, ok := s.byName.get(info.Name); ok && old.revision == info.Revision {
		return
	}
	s.byName.put(info.Name, sighting{info.Revision, info.TTL, now})
}

// staleIn returns how long it takes until nobody believes in the revision that
// info shows, if it stays as it is; 0 when that is so now. ok is false when
// that is never certain.
//
// The holder counts its TTL from before the write that made the revision. The
// contender counts from after it saw it, which is later, on a clock that
// neither steps nor runs while the machine is suspended.
func (s *sightings) staleIn(info Info, now moment.Reading) (d time.Duration, ok bool) {
	if _, mine := s.ended.get(info.AcquisitionID); mine {
		return 0, true
	}
	seen, ok := s.byName.get(info.Name)
	if !ok || seen.revision != info.Revision || seen.ttl <= 0 || seen.ttl > MaxTTL {
		return 0, false
	}
	return max(0, seen.ttl-moment.Mono(seen.at, now)), true
}
