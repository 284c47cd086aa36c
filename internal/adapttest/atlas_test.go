package adapttest

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
)

// atlasDriver and lockedDriver: a driver of atlas with our locks. What is embedded
// one level deeper does not count.
type (
	atlasDriver struct{ atlas.Driver }

	lockedDriver struct {
		atlasDriver                    // reads and changes the schema
		adapt.Timed[schema.UnlockFunc] // its locks
	}
)

func newLockedDriver(t *testing.T, path string, l locker.Locker) lockedDriver {
	t.Helper()
	d, err := sqlite.Open(openSQLite(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return lockedDriver{atlasDriver{d}, adapt.Timed[schema.UnlockFunc]{Locker: l, ErrLocked: schema.ErrLocked}}
}

// The contract of schema.Locker: three ways to wait.
func TestAtlasTimeouts(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		path := filepath.Join(t.TempDir(), "db")
		p := open()
		var here, there schema.Locker = newLockedDriver(t, path, p), newLockedDriver(t, path, open())
		unlock, err := here.Lock(t.Context(), lockName(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, timeout := range []time.Duration{0, 100 * time.Millisecond} {
			if _, err := there.Lock(t.Context(), lockName(t), timeout); !errors.Is(err, schema.ErrLocked) {
				t.Errorf("Lock with timeout %v = %v, want %v", timeout, err, schema.ErrLocked)
			}
		}
		time.AfterFunc(200*time.Millisecond, func() { unlock() })
		unlock, err = there.Lock(t.Context(), lockName(t), -1)
		if err != nil {
			t.Fatalf("Lock without timeout = %v, want nil", err)
		}
		if err := unlock(); err != nil {
			t.Errorf("unlock = %v, want nil", err)
		}
		wantFree(t, p, lockName(t))
	})
}

// Four processes look whether a table is there, and create it where it isn't. Two
// that do so at once fail.
func TestAtlasChanges(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		path := filepath.Join(t.TempDir(), "db")
		p := open()
		var all sync.WaitGroup
		for range 4 {
			d := newLockedDriver(t, path, open())
			all.Go(func() {
				if err := addTable(t.Context(), d, lockName(t)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		wantFree(t, p, lockName(t))
	})
}

func addTable(ctx context.Context, d atlas.Driver, lock string) (err error) {
	unlock, err := d.Lock(ctx, lock, time.Minute)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s, err := d.InspectSchema(ctx, "main", nil)
	if err != nil {
		return err
	}
	if _, ok := s.Table("users"); ok {
		return nil
	}
	users := schema.NewTable("users").AddColumns(schema.NewIntColumn("id", "integer"))
	return d.ApplyChanges(ctx, []schema.Change{&schema.AddTable{T: users}})
}
