package adapttest

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log"
	"time"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"github.com/caddyserver/certmagic"
	"github.com/go-co-op/gocron/v2"
	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/golang-migrate/migrate/v4/source"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/pressly/goose/v3"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
)

// What docs/adapters.md shows.

// newScheduler returns a scheduler whose jobs run on one of all machines.
func newScheduler(l locker.Locker) (gocron.Scheduler, error) {
	return gocron.NewScheduler(gocron.WithDistributedLocker(adapt.Keyed[gocron.Lock]{
		Locker: locker.Prefix(l, "gocron/"),
		Options: []locker.Option{
			locker.WithTTL(time.Minute),
			locker.WithMinHold(30 * time.Second), // for jobs that are due every minute
		},
		OnLost: func(name string, err error) { log.Printf("%s runs without its lock: %v", name, err) },
	}))
}

// newElected returns a scheduler whose jobs run as long as this machine leads.
func newElected(ctx context.Context, l locker.Locker) (gocron.Scheduler, error) {
	elector := locker.NewElector(l, "gocron/leader")
	go elector.Run(ctx, func(ctx context.Context, _ *locker.Lease) error {
		<-ctx.Done() // lead until ctx is done or the lease is lost
		return nil
	})
	return gocron.NewScheduler(gocron.WithDistributedElector(elector))
}

// serve manages certificates whose locks are not in certmagic's storage.
func serve(ctx context.Context, l locker.Locker, certificates certmagic.Storage, domains []string) error {
	certmagic.Default.Storage = storage{
		plainStorage{certificates},
		&adapt.Named{Locker: locker.Prefix(l, "certmagic/")},
	}
	return certmagic.ManageSync(ctx, domains)
}

// gooseUp migrates a database with goose.
func gooseUp(ctx context.Context, l locker.Locker, db *sql.DB, files fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithLocker(&adapt.SQL{
			Locker:  l,
			Name:    "goose/billing",
			Options: []locker.Option{locker.WithWait(5 * time.Minute)},
		}))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// migrateUp migrates a database with golang-migrate.
func migrateUp(l locker.Locker, files source.Driver, db database.Driver) error {
	var m *migrate.Migrate
	locked := driver{plainDriver{db}, &adapt.Plain{
		Locker:    l,
		Name:      "migrate/billing",
		ErrLocked: database.ErrLocked,
		OnLost: func(string, error) {
			select {
			case m.GracefulStop <- true: // after the migration that runs
			default:
			}
		},
	}}
	m, err := migrate.NewWithInstance("files", files, "billing", locked)
	if err != nil {
		return err
	}
	return m.Up()
}

// applyUnderLock changes a schema with atlas.
func applyUnderLock(ctx context.Context, l locker.Locker, db atlas.Driver, changes []schema.Change) (err error) {
	d := lockedDriver{atlasDriver{db}, adapt.Timed[schema.UnlockFunc]{
		Locker:    locker.Prefix(l, "atlas/"),
		ErrLocked: schema.ErrLocked,
	}}
	unlock, err := d.Lock(ctx, "billing", 10*time.Second)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return d.ApplyChanges(ctx, changes)
}

// highlyAvailable adds our locks to a storage of Vault's data.
func highlyAvailable(l locker.Locker, data physical.Backend) physical.Backend {
	return haStorage{data, adapt.HA[physical.Lock]{
		Locker:  l, // of dynamo or memory, as it is
		Prefix:  "vault/",
		Options: []locker.Option{locker.WithTTL(15 * time.Second)},
	}}
}

var _ = []any{newScheduler, newElected, serve, gooseUp, migrateUp, applyUnderLock, highlyAvailable}
