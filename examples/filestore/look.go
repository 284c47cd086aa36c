//go:build unix && !aix && !solaris

package filestore

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"example.com/holdfast/locker"
)

// Inspect reads the record, which takes no flock: a rename shows the old one or the
// new one.
func (b *backend) Inspect(_ context.Context, name string) (locker.Info, error) {
	r, err := read(b.path(name, recordFile), name)
	if err != nil {
		return locker.Info{}, failure("inspect", name, err)
	}
	return r.info(name, b.clock()), nil
}

// Poll is Inspect. That it is there pays: whoever waits reads, and keeps nobody from
// the flock; without it every look is an Acquire.
func (b *backend) Poll(ctx context.Context, name string) (locker.Info, error) {
	return b.Inspect(ctx, name)
}

// List reads every record, whatever the prefix. One that is damaged is named by its
// file.
func (b *backend) List(ctx context.Context, prefix string) iter.Seq2[locker.Info, error] {
	return func(yield func(locker.Info, error) bool) {
		files, err := os.ReadDir(b.dir)
		if err != nil {
			yield(locker.Info{}, failure("list", prefix, err))
			return
		}
		for _, file := range files {
			if ctx.Err() != nil {
				yield(locker.Info{}, failure("list", prefix, ctx.Err()))
				return
			}
			if filepath.Ext(file.Name()) != recordFile {
				continue
			}
			r, err := read(filepath.Join(b.dir, file.Name()), "")
			var info locker.Info
			switch {
			case err != nil:
				info, err = locker.Info{Name: file.Name()}, failure("list", file.Name(), err)
			case r == nil || !strings.HasPrefix(r.Name, prefix) || locker.CheckName(r.Name) != nil:
				continue // gone since, or not asked for
			default:
				info = r.info(r.Name, b.clock())
			}
			if !yield(info, err) {
				return
			}
		}
	}
}
