package memory

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/holdfast/locker"
)

// deadSeq is the sequence of an acquisition that was released: above that of
// every renewal, so that none which comes late can pass for newer.
const deadSeq = 9_999_999_999

// record is what the store keeps of one name, from its first acquisition on:
// a name that is free has a record too, for the sake of its token.
type record struct {
	id       string // of the holder's acquisition, or of the last one
	seq      int64  // rises with each write of the acquisition; deadSeq: released
	owner    string
	data     []byte
	token    locker.Token
	ttl      time.Duration // of the lease; of a hold, its length
	acquired time.Time
	expires  time.Time // of the lease; of a hold, its end
}

func (r *record) released() bool   { return r.seq == deadSeq }
func (r *record) revision() string { return revision(r.id, r.seq) }

// state returns what the record means at now; r is nil where there is none. The
// lease's last instant is the one before expires: at expires the name can be
// taken.
func (r *record) state(now time.Time) locker.State {
	switch {
	case r == nil:
		return locker.StateFree
	case now.Before(r.expires):
		return locker.StateHeld
	case r.released():
		return locker.StateFree
	}
	return locker.StateDead
}

// info describes the record of name at now; r is nil where there is none.
func (r *record) info(name string, now time.Time) locker.Info {
	if r == nil {
		return locker.Info{Name: name, State: locker.StateFree}
	}
	info := locker.Info{
		Name:          name,
		AcquisitionID: r.id,
		Token:         r.token,
		State:         r.state(now),
		Revision:      r.revision(),
	}
	if info.State == locker.StateFree {
		return info
	}
	info.Owner = r.owner
	info.TTL = r.ttl
	info.Acquired = r.acquired
	info.Data = bytes.Clone(r.data)
	info.Remaining = max(0, r.expires.Sub(now))
	return info
}

// grant is what the holder of r is told.
func (r *record) grant(name string) locker.Grant {
	return locker.Grant{Name: name, ID: r.id, Token: r.token, TTL: r.ttl, Revision: r.revision()}
}

// revision is written like DynamoDB's: in a fixed width, so that revisions of
// one acquisition sort by age.
func revision(id string, seq int64) string { return fmt.Sprintf("%s/%010d", id, seq) }

// sequence returns the sequence in the grant's revision, 0 if it has none.
func sequence(g locker.Grant) int64 {
	digits, _ := strings.CutPrefix(g.Revision, g.ID+"/")
	seq, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return seq
}
