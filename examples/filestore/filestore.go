//go:build unix && !aix && !solaris

// Package filestore keeps locks in the files of a directory, for processes that
// share a machine. It is an example of a backend for package locker, and complete:
// docs/backends.md walks through it.
//
// The lock called name has two files, both named after the name's hash: a record,
// which is replaced as a whole by a rename, and an empty file whose flock makes
// the reading, deciding and writing of a record one step. The flock lasts for that
// step alone: a lock is held by what the record says, for as long as its lease
// lasts, and survives neither the end of its holder's renewals nor that of the
// holder.
//
// It works on Linux, macOS and the BSDs, on a file system with flock(2) and atomic
// renames. On Linux a lease ends by the machine's own clock; elsewhere, and for a
// directory that several machines share, whoever waits has to see a record
// unchanged for its whole TTL.
//
// Reading order: this file, backend.go with the three writes, record.go, file.go,
// clock.go, look.go.
package filestore

import (
	"fmt"
	"os"
	"time"

	"example.com/holdfast/locker"
)

// MinTTL is the shortest TTL of a lease: enough for a few writes on a busy disk.
const MinTTL = 250 * time.Millisecond

// Options configures a [Locker]; see [locker.ClientOptions]. Fencing is true, and
// MinTTL is [MinTTL] or longer.
type Options struct {
	locker.ClientOptions
}

// Locker is a [locker.Locker] on a directory; its methods are those of
// [locker.Client]. Create it with [New].
type Locker struct {
	*locker.Client
}

// New returns a Locker on the directory dir, which it creates if it is missing, for
// the user of this process alone. All processes that are to exclude each other use
// the same directory. New starts nothing.
//
// Its error is that of creating the directory.
func New(dir string, optFns ...func(*Options)) (*Locker, error) {
	var o Options
	o.Fencing = true
	for _, fn := range optFns {
		fn(&o)
	}
	o.MinTTL = max(o.MinTTL, MinTTL)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	b := &backend{dir: dir, clock: machineClock}
	return &Locker{locker.New(b, func(c *locker.ClientOptions) { *c = o.ClientOptions })}, nil
}
