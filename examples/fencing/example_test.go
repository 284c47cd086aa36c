package fencing

import (
	"context"
	"database/sql"
	"log"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

// A report is written under a lock, by one statement, and then together with what it
// is listed in.
func Example_sql() {
	ctx := context.Background()
	l, err := dynamo.Open(ctx, "locks")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close(ctx)
	db, err := sql.Open("pgx", "postgres://127.0.0.1/reports") // the driver is that of github.com/jackc/pgx/v5/stdlib
	if err != nil {
		log.Print(err)
		return
	}
	defer db.Close()
	err = locker.Do(ctx, l, "reports/daily", func(ctx context.Context, lease *locker.Lease) error {
		if err := WriteReport(ctx, db, "daily", "all is well", lease.Token()); err != nil {
			return err // ErrStale: a later holder was here
		}
		return Fenced(ctx, db, lease.Name(), lease.Token(), func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "UPDATE reports SET body = $1 WHERE id = $2", "all is well, really", "daily"); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "UPDATE contents SET pages = pages + 1")
			return err
		})
	}, locker.RequireFencing())
	if err != nil {
		log.Print(err)
	}
}

// It is compiled but not run, because it wants a table and a database. What it calls
// is tested on one in internal/postgres.
var _ = []any{Example_sql}
