package locker

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits that are the same for every backend. A Locker checks them before
// any request is sent and reports a breach as an [*InvalidError].
const (
	MaxNameBytes  = 2048           // longest name, in bytes; the shortest has one
	MaxOwnerBytes = 1024           // longest owner, in bytes
	MaxDataBytes  = 4096           // most data stored with a lease, in bytes
	MaxTTL        = 24 * time.Hour // longest TTL; also the longest that is believed of others
)

// sessionPrefix begins the names that are kept for the backends' own use.
const sessionPrefix = "_session/"

// CheckName returns an [*InvalidError] when name can't be the name of a lock.
// A name has 1 to 2,048 bytes of valid UTF-8 and does not begin with
// "_session/". Names are compared byte by byte: two Unicode forms of one text
// are two locks.
func CheckName(name string) error {
	switch {
	case name == "":
		return &InvalidError{What: "name", Value: strconv.Quote(name), Want: "at least 1 byte"}
	case len(name) > MaxNameBytes:
		return tooLong("name", len(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return &InvalidError{What: "name", Value: strconv.Quote(name), Want: "valid UTF-8"}
	case strings.HasPrefix(name, sessionPrefix):
		return &InvalidError{What: "name", Value: strconv.Quote(name), Want: "not to begin with " + sessionPrefix}
	}
	return nil
}

// check returns an error for the first of the options that is outside of its
// limits.
func (o *Options) check(minTTL time.Duration) error {
	switch {
	case o.TTL < minTTL || o.TTL > MaxTTL:
		return &InvalidError{What: "TTL", Value: o.TTL.String(), Want: fmt.Sprintf("from %v to %v", minTTL, MaxTTL)}
	case o.Wait < 0:
		return negative("wait", o.Wait)
	case o.MinHold < 0:
		return negative("minimum hold", o.MinHold)
	case o.MinHold > o.TTL:
		return &InvalidError{What: "minimum hold", Value: o.MinHold.String(), Want: fmt.Sprintf("at most the TTL, %v", o.TTL)}
	case o.MaxHold < 0:
		return negative("maximum hold", o.MaxHold)
	case len(o.Owner) > MaxOwnerBytes:
		return tooLong("owner", len(o.Owner), MaxOwnerBytes)
	case !utf8.ValidString(o.Owner):
		return &InvalidError{What: "owner", Value: strconv.Quote(o.Owner), Want: "valid UTF-8"}
	}
	return checkData(o.Data)
}

func checkData(b []byte) error {
	if len(b) > MaxDataBytes {
		return tooLong("data", len(b), MaxDataBytes)
	}
	return nil
}

func negative(what string, d time.Duration) error {
	return &InvalidError{What: what, Value: d.String(), Want: "at least 0s"}
}

func tooLong(what string, n, limit int) error {
	return &InvalidError{What: what, Value: fmt.Sprintf("of %d bytes", n), Want: fmt.Sprintf("at most %d bytes", limit)}
}
