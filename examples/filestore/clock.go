package filestore

import "time"

// instant is a moment by the clock of a machine: the time since it was started, which
// goes on while it is suspended, and which nobody can set. All processes of the
// machine see the same, so that the end of a lease can be told by it, also by a
// process that has just started. The zero instant is not known.
//
// The wall clock would not do: when somebody sets it forward and back again, a
// contender may take the name in between, and the holder never notices.
type instant struct {
	Boot string        `json:"boot"` // which start of which machine; empty: not known
	Time time.Duration `json:"time"`
}

// add returns the instant d later.
func (i instant) add(d time.Duration) instant {
	if i.Boot == "" {
		return instant{}
	}
	return instant{i.Boot, i.Time + d}
}

// after returns how long after now i comes, if the two are of one clock.
func (i instant) after(now instant) (d time.Duration, known bool) {
	if i.Boot == "" || i.Boot != now.Boot {
		return 0, false
	}
	return i.Time - now.Time, true
}
