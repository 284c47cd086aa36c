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
