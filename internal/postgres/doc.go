// Package postgres tests the recipe for SQL databases, examples/fencing/sql.go, on a
// PostgreSQL that it starts: on a data directory of its own and a Unix socket in it.
//
// PostgreSQL's programs are looked for in PATH and where Debian has them; run as root,
// it becomes the user postgres. Without them the tests are skipped, unless
// LOCKER_REQUIRE_POSTGRES is 1.
package postgres
