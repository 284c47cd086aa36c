package adapttest

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/pressly/goose/v3/lock/locktesting"
	_ "modernc.org/sqlite"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

var gooseMigrations = fstest.MapFS{
	"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (id INTEGER);\n")},
	"00002_b.sql": {Data: []byte("-- +goose Up\nCREATE TABLE b (id INTEGER);\n")},
	"00003_c.sql": {Data: []byte("-- +goose Up\nCREATE TABLE c (id INTEGER);\n")},
}

// openSQLite opens the database in a file, which many may have open.
func openSQLite(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// goose's own suite: five providers, of which one applies all migrations.
func TestGooseProviders(t *testing.T) {
	for name, with := range map[string]func(*adapt.SQL) goose.ProviderOption{
		"Locker":        func(s *adapt.SQL) goose.ProviderOption { return goose.WithLocker(s) },
		"SessionLocker": func(s *adapt.SQL) goose.ProviderOption { return goose.WithSessionLocker(s) },
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, open func() process) {
				path := filepath.Join(t.TempDir(), "db")
				p := open()
				locktesting.TestProviderLocking(t, func(t *testing.T) *goose.Provider {
					t.Helper()
					provider, err := goose.NewProvider(goose.DialectSQLite3, openSQLite(t, path), gooseMigrations,
						with(&adapt.SQL{Locker: open(), Name: lockName(t)}))
					if err != nil {
						t.Fatal(err)
					}
					return provider
				})
				wantFree(t, p, lockName(t))
			})
		})
	}
}

// The same with one adapter for all providers, on one database handle.
func TestGooseShared(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		p := open()
		db := openSQLite(t, filepath.Join(t.TempDir(), "db"))
		shared := &adapt.SQL{Locker: p, Name: lockName(t)}
		locktesting.TestProviderLocking(t, func(t *testing.T) *goose.Provider {
			t.Helper()
			provider, err := goose.NewProvider(goose.DialectSQLite3, db, gooseMigrations, goose.WithLocker(shared))
			if err != nil {
				t.Fatal(err)
			}
			return provider
		})
		wantFree(t, p, lockName(t))
	})
}

// goose's own suite: of five lockers one gets the lock, the others give up.
func TestGooseLockers(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		p := open()
		locktesting.TestConcurrentLocking(t, openSQLite(t, filepath.Join(t.TempDir(), "db")),
			func(*testing.T) lock.Locker { return &adapt.SQL{Locker: open(), Name: lockName(t)} }, 2*time.Second)
		wantFree(t, p, lockName(t))
	})
}

// A loss in the middle of the migrations is no success.
func TestGooseLost(t *testing.T) {
	store := memory.NewStore()
	told := make(chan error, 1)
	steal := goose.NewGoMigration(4, &goose.GoFunc{
		RunDB: func(context.Context, *sql.DB) error { store.Steal("x"); return nil },
	}, nil)
	provider, err := goose.NewProvider(goose.DialectSQLite3, openSQLite(t, filepath.Join(t.TempDir(), "db")), gooseMigrations,
		goose.WithGoMigrations(steal),
		goose.WithLocker(&adapt.SQL{Locker: store.Open(), Name: "x", OnLost: func(_ string, err error) { told <- err }}))
	if err != nil {
		t.Fatal(err)
	}
	results, err := provider.Up(t.Context())
	if len(results) != 4 || !errors.Is(err, locker.ErrLost) {
		t.Errorf("Up = %d migrations, %v; want 4, one that is %v", len(results), err, locker.ErrLost)
	}
	if err := <-told; !errors.Is(err, locker.ErrLost) {
		t.Errorf("OnLost(%v), want %v", err, locker.ErrLost)
	}
}
