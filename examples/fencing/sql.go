// Package fencing shows how a resource refuses a holder that comes too late: a SQL
// database, a table of DynamoDB, an object in S3 and a service of one's own.
//
// All of them do the same. The resource keeps the highest token that it has seen,
// and compares in the very step that writes: a lower one is refused, an equal one
// passes, because one holder writes more than once.
package fencing

import (
	"context"
	"database/sql"
	"fmt"

	"example.com/holdfast/locker"
)

// WriteReport writes a report unless a later holder has written it. The table is
//
//	CREATE TABLE reports (id TEXT PRIMARY KEY, body TEXT NOT NULL, token BIGINT NOT NULL)
//
// and the row exists; it was inserted with token 0.
func WriteReport(ctx context.Context, db *sql.DB, id, body string, token locker.Token) error {
	res, err := db.ExecContext(ctx,
		"UPDATE reports SET body = $1, token = $2 WHERE id = $3 AND token <= $2", body, int64(token), id)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return fmt.Errorf("report %q: %w", id, locker.ErrStale)
	}
	return err
}

// Fenced carries out several writes as one transaction, unless a later holder of the
// lock was here before. It keeps the highest token of each lock in a row of its own:
//
//	CREATE TABLE fences (name TEXT PRIMARY KEY, token BIGINT NOT NULL)
//
// The row is written first, and so is locked until the end of the transaction: a later
// holder waits for that, and an earlier one finds a higher token. All who write under
// the lock have to come this way. The statement is PostgreSQL's and SQLite's.
func Fenced(ctx context.Context, db *sql.DB, name string, token locker.Token, write func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing, after the commit
	res, err := tx.ExecContext(ctx, `INSERT INTO fences (name, token) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET token = EXCLUDED.token WHERE fences.token <= EXCLUDED.token`, name, int64(token))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return fmt.Errorf("lock %q: %w", name, locker.ErrStale)
	}
	if err := write(tx); err != nil {
		return err
	}
	return tx.Commit()
}
