package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/holdfast/locker"
)

// record is what is kept of a name, from its first acquisition on.
type record struct {
	Name     string        `json:"name"`
	ID       string        `json:"id"`       // of the holder's acquisition, or of the last one
	Seq      int64         `json:"seq"`      // of the acquisition's last write
	Released bool          `json:"released"` // by its holder; then TTL and Ends are those of the hold
	Owner    string        `json:"owner"`
	Data     []byte        `json:"data,omitempty"`
	First    locker.Token  `json:"first"` // of the tokens that the acquisition has
	Last     locker.Token  `json:"last"`
	TTL      time.Duration `json:"ttl"`
	Acquired time.Time     `json:"acquired"` // for people to read
	Ends     instant       `json:"ends"`     // by the clock of the machine that wrote it
}

// grantTo returns the record that makes a the holder, in the place of old, which is
// nil if there was none.
//
// Tokens rise by what is stored, and by the wall clock as well: so they go on rising
// after somebody has deleted the files. That clock is nothing that exclusion
// depends on.
func grantTo(a locker.Attempt, old *record, now instant) *record {
	first := locker.Token(time.Now().UnixMicro())
	if old != nil {
		first = max(first, old.Last+1)
	}
	return &record{
		Name:     a.Name,
		ID:       a.ID,
		Seq:      1,
		Owner:    a.Owner,
		Data:     bytes.Clone(a.Data),
		First:    first,
		Last:     first + locker.Token(max(a.Tokens, 1)) - 1,
		TTL:      a.TTL,
		Acquired: time.Now(),
		Ends:     now.add(a.TTL),
	}
}

// check returns what is wrong with a record that was read for name; any name will do
// if that is empty.
func (r *record) check(name string) error {
	switch {
	case name != "" && r.Name != name:
		return fmt.Errorf("it is of %q", r.Name)
	case r.ID == "" || r.Seq <= 0 || r.First <= 0 || r.Last < r.First || r.TTL < 0 || r.TTL > locker.MaxTTL:
		return errors.New("a field is missing or absurd")
	}
	return nil
}

// state returns what the record means at now; r is nil where there is none. Where it
// can't be told whether the lease has ended, it has not: then nobody takes the name
// but a client that has seen the record unchanged for its TTL, and says so by Stale.
func (r *record) state(now instant) locker.State {
	if r == nil || r.Released && r.TTL == 0 {
		return locker.StateFree
	}
	left, known := r.Ends.after(now)
	switch {
	case !known || left > 0:
		return locker.StateHeld
	case r.Released:
		return locker.StateFree
	}
	return locker.StateDead
}

// info describes the record of name at now.
func (r *record) info(name string, now instant) locker.Info {
	if r == nil {
		return locker.Info{Name: name, State: locker.StateFree}
	}
	info := locker.Info{
		Name: r.Name, AcquisitionID: r.ID, Token: r.Last, State: r.state(now), Revision: r.revision(),
	}
	if info.State == locker.StateFree {
		return info
	}
	info.Owner, info.TTL, info.Acquired, info.Data = r.Owner, r.TTL, r.Acquired, r.Data
	info.Remaining = r.TTL // at most, if nothing better is known
	if left, known := r.Ends.after(now); known {
		info.Remaining = max(left, 0)
	}
	return info
}

// grant is what the holder is told.
func (r *record) grant() locker.Grant {
	return locker.Grant{
		Name: r.Name, ID: r.ID, Token: r.First, Tokens: int(r.Last - r.First + 1),
		TTL: r.TTL, Revision: r.revision(),
	}
}

// held is what those are told who may not have the name.
func (r *record) held(now instant) error {
	return &locker.HeldError{Name: r.Name, Holder: r.info(r.Name, now)}
}

// lost is what a former holder is told; r is nil or the record of another
// acquisition, or of one that was released.
func (r *record) lost(g locker.Grant, now instant) error {
	lost := &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossTaken}
	if r == nil || r.ID == g.ID || r.state(now) == locker.StateFree {
		lost.Reason = locker.LossGone
	}
	return lost
}

// revision returns the record's revision: another one after each write. Of no record
// it is empty.
func (r *record) revision() string {
	if r == nil {
		return ""
	}
	return revision(r.ID, r.Seq)
}

func revision(id string, seq int64) string { return id + "/" + strconv.FormatInt(seq, 10) }

// sequence returns the sequence in a grant's revision.
func sequence(g locker.Grant) int64 {
	seq, err := strconv.ParseInt(strings.TrimPrefix(g.Revision, g.ID+"/"), 10, 64)
	if err != nil {
		return 0 // it has none: then every write of the acquisition is later
	}
	return seq
}
