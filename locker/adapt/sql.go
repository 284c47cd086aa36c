package adapt

import (
	"context"
	"database/sql"
	"fmt"

	"example.com/holdfast/locker"
)

// SQL has a Lock and an Unlock that are given the database, or a connection to it.
// It is a lock.Locker and a lock.SessionLocker of goose, for databases that have no
// advisory locks, and for migrations that need more than one database:
//
//	goose.WithLocker(&adapt.SQL{Locker: l, Name: "billing/migrations"})
//
// The lock is in the Locker's store and nothing is sent to the database: it depends
// neither on the connection nor on which database that is, but on Name alone.
//
// Set the fields before the first use. Without a Locker, or with a Name that can't
// be one, locking returns a [*locker.InvalidError]. An SQL must not be copied, and is
// safe for use by several goroutines at once; providers may share it.
type SQL struct {
	Locker  locker.Locker   // takes the lock; must not be nil
	Name    string          // of the lock
	Options []locker.Option // of each acquisition
	OnLost  func(name string, err error)

	locks keep[any]
}

// Lock takes the lock for a user of db, and waits while another holds it, until ctx
// is done or for as long as Options say. Errors are those of [locker.Locker].
func (s *SQL) Lock(ctx context.Context, db *sql.DB) error { return s.lock(ctx, db) }

// Unlock releases what Lock took with the same db; ctx lends its values only. A
// loss is not swallowed: it returns the [*locker.LostError], or one that is
// [locker.ErrClosed] when Close released the lock, so that goose reports it beside
// the outcome of the migrations. After a [*locker.ReleaseError] it may be called
// again. Without a lock it returns [ErrNotLocked].
func (s *SQL) Unlock(ctx context.Context, db *sql.DB) error { return s.unlock(ctx, db) }

// SessionLock is Lock for the user of one connection.
func (s *SQL) SessionLock(ctx context.Context, conn *sql.Conn) error { return s.lock(ctx, conn) }

// SessionUnlock is Unlock of what SessionLock took with the same connection.
func (s *SQL) SessionUnlock(ctx context.Context, conn *sql.Conn) error { return s.unlock(ctx, conn) }

func (s *SQL) lock(ctx context.Context, key any) error {
	h, err := acquire(ctx, s.Locker, s.Name, s.OnLost, s.Options...)
	if err != nil {
		return err
	}
	s.locks.add(key, h)
	return nil
}

func (s *SQL) unlock(ctx context.Context, key any) error {
	return unlocked(s.Name, s.locks.unlock(ctx, key))
}

// unlocked adds the name to an [ErrNotLocked].
func unlocked(name string, err error) error {
	if err == ErrNotLocked {
		return fmt.Errorf("adapt: unlock %q: %w", name, err)
	}
	return err
}
