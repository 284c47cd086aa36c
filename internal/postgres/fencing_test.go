package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/examples/fencing"
	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// reports makes the table of the recipe, with n rows.
func reports(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	execute(t, db, "CREATE TABLE reports (id TEXT PRIMARY KEY, body TEXT NOT NULL, token BIGINT NOT NULL)")
	execute(t, db, "CREATE TABLE fences (name TEXT PRIMARY KEY, token BIGINT NOT NULL)")
	execute(t, db, "INSERT INTO reports SELECT 'report ' || i, '', 0 FROM generate_series(0, $1 - 1) i", n)
}

// read returns what a report says.
func read(t *testing.T, db *sql.DB, id string) (body string, token locker.Token) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT body, token FROM reports WHERE id = $1", id).Scan(&body, &token); err != nil {
		t.Errorf("report %q: %v", id, err)
	}
	return body, token
}

// writers are the two recipes, each as a write of one report.
func writers(db *sql.DB) map[string]func(ctx context.Context, id, body string, token locker.Token) error {
	return map[string]func(ctx context.Context, id, body string, token locker.Token) error{
		"WriteReport": func(ctx context.Context, id, body string, token locker.Token) error {
			return fencing.WriteReport(ctx, db, id, body, token)
		},
		"Fenced": func(ctx context.Context, id, body string, token locker.Token) error {
			return fencing.Fenced(ctx, db, "lock of "+id, token, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, "UPDATE reports SET body = $1, token = $2 WHERE id = $3", body, int64(token), id)
				return err
			})
		},
	}
}

// TestTokens writes with one token after the other: those below one before them are
// refused, and change nothing.
func TestTokens(t *testing.T) {
	db := open(t)
	reports(t, db, 2)
	i := 0
	for name, write := range writers(db) {
		id := fmt.Sprintf("report %d", i)
		i++
		kept := ""
		for i, step := range []struct {
			token locker.Token
			ok    bool
		}{{5, true}, {5, true}, {4, false}, {9, true}, {5, false}, {9, true}, {1 << 52, true}, {9, false}} {
			body := fmt.Sprint(i)
			err := write(t.Context(), id, body, step.token)
			if step.ok {
				kept = body
			}
			if step.ok && err != nil || !step.ok && !errors.Is(err, locker.ErrStale) {
				t.Errorf("%s %d, with token %v, = %v, want it accepted: %v", name, i, step.token, err, step.ok)
			}
			if got, _ := read(t, db, id); got != kept {
				t.Errorf("after %s %d the report says %q, want %q", name, i, got, kept)
			}
		}
	}
}

// TestPaused has a holder of a thousand locks paused until another has taken all of
// them over and written. It then writes what it was about to: the database refuses
// each of the thousand writes, and what the later holder has written stays.
func TestPaused(t *testing.T) {
	const n = 1000
	db := open(t)
	for name, write := range writers(db) {
		execute(t, db, "DROP TABLE IF EXISTS reports, fences")
		reports(t, db, n)
		clock := memory.NewClock(time.Now())
		paused := memory.New(func(o *memory.Options) { o.Clock = clock })
		next := paused.Store().Open()
		tokens := make([]locker.Token, n)
		for i := range n {
			lease, err := paused.Acquire(t.Context(), fmt.Sprintf("report %d", i), locker.WithoutRenewal())
			if err != nil {
				t.Fatal(err)
			}
			tokens[i] = lease.Token()
		}
		clock.Advance(time.Minute)
		refused := 0
		for i := range n {
			id := fmt.Sprintf("report %d", i)
			lease, err := next.Acquire(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if err := write(t.Context(), id, "later", lease.Token()); err != nil {
				t.Fatalf("%s of the holder = %v, want nil", name, err)
			}
			if err := write(t.Context(), id, "late", tokens[i]); errors.Is(err, locker.ErrStale) {
				refused++
			} else {
				t.Errorf("late %s = %v, want ErrStale", name, err)
			}
		}
		var changed int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM reports WHERE body <> 'later'").Scan(&changed); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d of %d late writes refused by PostgreSQL, %d rows changed by one", name, refused, n, changed)
		if refused != n || changed != 0 {
			t.Errorf("%s: %d of %d late writes refused, %d rows changed by one", name, refused, n, changed)
		}
	}
}

// TestAtOnce has many write one report at once, each with a token of its own: at no
// time does it go back, and the highest stays.
func TestAtOnce(t *testing.T) {
	const n = 200
	db := open(t)
	db.SetMaxOpenConns(16)
	reports(t, db, 2)
	execute(t, db, `CREATE FUNCTION rises() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.token < OLD.token THEN RAISE 'token % after %', NEW.token, OLD.token; END IF;
			RETURN NEW;
		END $$`)
	execute(t, db, "CREATE TRIGGER rises BEFORE UPDATE ON reports FOR EACH ROW EXECUTE FUNCTION rises()")
	i := 0
	for name, write := range writers(db) {
		id := fmt.Sprintf("report %d", i)
		i++
		var wg sync.WaitGroup
		for _, token := range rand.Perm(n) {
			wg.Go(func() {
				token := locker.Token(token + 1)
				if err := write(t.Context(), id, token.String(), token); err != nil && !errors.Is(err, locker.ErrStale) {
					t.Errorf("%s with token %v = %v, want nil or ErrStale", name, token, err)
				}
			})
		}
		wg.Wait()
		if body, token := read(t, db, id); token != n || body != fmt.Sprint(n) {
			t.Errorf("after %s by %d at once the report says %q of token %v, want that of the highest", name, n, body, token)
		}
	}
}

// TestFencedTogether shows that all writes of Fenced are undone where one fails, the
// mark with them.
func TestFencedTogether(t *testing.T) {
	db := open(t)
	reports(t, db, 1)
	failed := errors.New("test: failed")
	err := fencing.Fenced(t.Context(), db, "x", 9, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), "UPDATE reports SET body = 'half'"); err != nil {
			t.Error(err)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("Fenced = %v, want the write's error", err)
	}
	if body, _ := read(t, db, "report 0"); body != "" {
		t.Errorf("the report says %q, want nothing", body)
	}
	if err := fencing.Fenced(t.Context(), db, "x", 8, func(*sql.Tx) error { return nil }); err != nil {
		t.Errorf("Fenced with a lower token after one that was undone = %v, want nil", err)
	}
}
