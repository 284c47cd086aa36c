//go:build unix && !aix && !solaris

package filestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"example.com/holdfast/locker"
)

// change calls f with the record of name, nil if there is none, and writes the one
// that f returns; nothing if that is nil. Nobody else reads a record for a change, or
// writes it, in between: this is the compare-and-set that a backend is made of.
func (b *backend) change(ctx context.Context, what, name string, f func(r *record, now instant) (*record, error)) error {
	unlock, err := lock(ctx, b.path(name, lockFile))
	if err != nil {
		return failure(what, name, err)
	}
	defer unlock()
	r, err := read(b.path(name, recordFile), name)
	if err != nil {
		return failure(what, name, err)
	}
	next, err := f(r, b.clock())
	if err != nil || next == nil {
		return err
	}
	if err := b.write(next); err != nil {
		return failure(what, name, err)
	}
	return nil
}

// The files of a name.
const (
	recordFile = ".json"
	lockFile   = ".lock"
	draftFile  = ".tmp" // of a record, before it is one
)

// path returns the path of one of name's files. A name may have 2,048 bytes, be
// anything from "../x" to a line feed, and differ from another only by case, which
// some file systems don't tell apart: its hash is none of that.
func (b *backend) path(name, kind string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(b.dir, hex.EncodeToString(sum[:])+kind)
}

// errDamaged is matched by the error for a record that can't be one.
var errDamaged = errors.New("the record is damaged")

// read returns the record in a file, nil if there is none.
func read(path, name string) (*record, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(record)
	err = json.Unmarshal(text, r)
	if err == nil {
		err = r.check(name)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errDamaged, path, err)
	}
	return r, nil
}

// write replaces the record. A process that is killed on the way leaves the old one
// or the new one, never a part. After an error it is not known which.
func (b *backend) write(r *record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	draft := b.path(r.Name, draftFile) // only who has the flock writes one
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync() // before the rename: an empty record would be damaged
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(draft, b.path(r.Name, recordFile))
}

// failure gives an error of the file system its meaning. What won't pass by itself
// is final. Of anything else it is not known whether the write took effect, or it
// may succeed the next time: the client tries again, under the same ID.
func failure(what, name string, err error) error {
	for _, final := range []error{errDamaged, fs.ErrPermission, fs.ErrNotExist, unix.EROFS, unix.ENOTDIR} {
		if errors.Is(err, final) {
			return fmt.Errorf("filestore: %s %q: %w", what, name, err)
		}
	}
	return fmt.Errorf("filestore: %s %q: %w: %w", what, name, locker.ErrUnavailable, err)
}

// lock takes the flock of a file, which it creates if it is missing. A process that
// is stopped while it has one keeps all others from that name, as a server would that
// does not answer; one that is killed does not.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := flock(ctx, f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if is(f, path) {
			return func() { _ = f.Close() }, nil // which gives the flock back
		}
		_ = f.Close() // somebody has deleted the file: a newcomer would not meet this flock
	}
}

// flock waits for the flock of f as another backend waits for an answer from its
// server: for as long as ctx allows. A flock(2) that blocks could not be ended.
func flock(ctx context.Context, f *os.File) error {
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
		select {
		case <-time.After(time.Millisecond): // others have it for about that long
		case <-ctx.Done():
		}
	}
}

// is reports whether f is the file at path.
func is(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(opened, there)
}
