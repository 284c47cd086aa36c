package adapttest

import (
	"errors"
	"io"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/golang-migrate/migrate/v4/database/stub"
	"github.com/golang-migrate/migrate/v4/source/iofs"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

// plainDriver and driver: a driver of golang-migrate with our lock. What is embedded
// one level deeper does not count.
type (
	plainDriver struct{ database.Driver }

	driver struct {
		plainDriver  // runs the migrations
		*adapt.Plain // its lock
	}
)

var migrations = fstest.MapFS{
	"1_a.up.sql": {Data: []byte("a")},
	"2_b.up.sql": {Data: []byte("b")},
	"3_c.up.sql": {Data: []byte("c")},
}

// sharedDatabase is one database for several drivers. It notices when two change
// it at once, and calls during in each migration.
type sharedDatabase struct {
	*stub.Stub
	during func()

	mu      sync.Mutex
	running int
	overlap bool
}

func newSharedDatabase(t *testing.T, during func()) *sharedDatabase {
	t.Helper()
	d, err := stub.WithInstance(nil, &stub.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &sharedDatabase{Stub: d.(*stub.Stub), during: during}
}

func (d *sharedDatabase) Run(r io.Reader) error {
	d.mu.Lock()
	d.running++
	d.overlap = d.overlap || d.running > 1
	d.mu.Unlock()
	d.during()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running--
	return d.Stub.Run(r)
}

func (d *sharedDatabase) SetVersion(version int, dirty bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Stub.SetVersion(version, dirty)
}

func (d *sharedDatabase) Version() (int, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Stub.Version()
}

// newMigrate returns a Migrate for the database, with our lock.
func newMigrate(t *testing.T, d database.Driver, p *adapt.Plain) *migrate.Migrate {
	t.Helper()
	source, err := iofs.New(migrations, ".")
	if err != nil {
		t.Fatal(err)
	}
	m, err := migrate.NewWithInstance("iofs", source, "stub", driver{plainDriver{d}, p})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Of four processes that start at once one runs all migrations, and the others find
// that nothing is left to do.
func TestMigrate(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		d := newSharedDatabase(t, func() { time.Sleep(20 * time.Millisecond) })
		p := open()
		errs := make([]error, 4)
		var all sync.WaitGroup
		for i := range errs {
			m := newMigrate(t, d, &adapt.Plain{Locker: open(), Name: lockName(t), ErrLocked: database.ErrLocked})
			all.Go(func() { errs[i] = m.Up() })
		}
		all.Wait()
		done := 0
		for _, err := range errs {
			switch {
			case err == nil:
				done++
			case !errors.Is(err, migrate.ErrNoChange):
				t.Errorf("Up = %v, want nil or %v", err, migrate.ErrNoChange)
			}
		}
		if done != 1 || d.overlap || !d.EqualSequence([]string{"a", "b", "c"}) {
			t.Errorf("%d of 4 ran migrations, %q, two at once: %v; want one, a to c, false", done, d.MigrationSequence, d.overlap)
		}
		wantFree(t, p, lockName(t))
	})
}

// golang-migrate gives up after 15 s, and the driver before.
func TestMigrateLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		other, err := store.Open().Acquire(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		m := newMigrate(t, newSharedDatabase(t, func() {}), &adapt.Plain{Locker: store.Open(), Name: "x", ErrLocked: database.ErrLocked})
		if err := m.Up(); !errors.Is(err, database.ErrLocked) || !errors.Is(err, locker.ErrHeld) {
			t.Errorf("Up = %v, want one that is %v and %v", err, database.ErrLocked, locker.ErrHeld)
		}
		if err := other.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := m.Up(); err != nil {
			t.Errorf("Up when the lock is free = %v, want nil", err)
		}
	})
}

// A loss in the middle of the migrations is no success.
func TestMigrateLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		var lost error
		p := &adapt.Plain{Locker: store.Open(), Name: "x", OnLost: func(_ string, err error) { lost = err }}
		d := newSharedDatabase(t, func() {
			store.Steal("x")
			time.Sleep(locker.DefaultTTL)
		})
		if err := newMigrate(t, d, p).Up(); !errors.Is(err, locker.ErrLost) {
			t.Errorf("Up = %v, want one that is %v", err, locker.ErrLost)
		}
		synctest.Wait() // for OnLost
		if !errors.Is(lost, locker.ErrLost) {
			t.Errorf("OnLost(%v), want %v", lost, locker.ErrLost)
		}
	})
}
