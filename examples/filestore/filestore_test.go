//go:build unix && !aix && !solaris

package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.org/filestore"

	"example.com/holdfast/locker"
)

// clockless says that no clock is known here that all processes share.
const clockless = runtime.GOOS != "linux"

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "locks")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	l, err := filestore.New(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close(ctx)
	err = locker.Do(ctx, l, "reports/daily", func(context.Context, *locker.Lease) error {
		fmt.Println("no other process of this machine writes the report now")
		return nil
	})
	fmt.Println(err)
	// Output:
	// no other process of this machine writes the report now
	// <nil>
}

// records returns the paths of all files in dir that are records.
func records(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestDamaged has a record that can't be read: a typed, final error for its name,
// beside its file in a list, and nothing for other names.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for what, text := range map[string]string{
		"empty":      "",
		"cut":        `{"name":"job","id":"0`,
		"no fields":  `{}`,
		"other name": `{"name":"other","id":"x","seq":1,"first":1,"last":1,"ttl":1}`,
		"absurd TTL": `{"name":"job","id":"x","seq":1,"first":1,"last":1,"ttl":9000000000000000000}`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l := open(t, dir)
			lease, err := l.Acquire(t.Context(), "job")
			if err != nil {
				t.Fatal(err)
			}
			path := records(t, dir)[0]
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, dir).Acquire(t.Context(), "job"); err == nil || errors.Is(err, locker.ErrUnavailable) || !strings.Contains(err.Error(), path) {
				t.Errorf("Acquire = %v, want a final error that names the file %s", err, path)
			}
			if err := locker.Do(t.Context(), l, "another", func(context.Context, *locker.Lease) error { return nil }); err != nil {
				t.Errorf("Do of another name = %v, want nil", err)
			}
			names, failures := 0, 0
			for info, err := range l.List(t.Context(), "") {
				if err != nil && info.Name == filepath.Base(path) {
					failures++
				} else if err == nil {
					names++
				}
			}
			if names < 1 || failures > 1 || what != "other name" && failures != 1 {
				t.Errorf("List yields %d names and %d failures, want the other name, and the damaged record by its file", names, failures)
			}
			var failed *locker.ReleaseError
			if err := lease.Release(t.Context()); !errors.As(err, &failed) {
				t.Errorf("Release = %v, want a *ReleaseError", err)
			}
		})
	}
}

// TestDeleted deletes all files under a holder: the lease is lost at the next renewal,
// which does not create them again, and tokens go on rising.
func TestDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	old, err := l.Acquire(t.Context(), "job")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	var lost *locker.LostError
	if err := old.Renew(t.Context()); !errors.As(err, &lost) || lost.Reason != locker.LossGone {
		t.Errorf("Renew = %v, want a *LostError, %v", err, locker.LossGone)
	}
	if got := records(t, dir); len(got) != 0 {
		t.Errorf("the renewal has created %v", got)
	}
	next, err := open(t, dir).Acquire(t.Context(), "job")
	if err != nil || next.Token() <= old.Token() {
		t.Errorf("Acquire = %v, %v, want a lease with a token above %v", next, err, old.Token())
	}
}

// TestDirectory has one that can't be had: a final error, at once.
func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "locks")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := filestore.New(dir); err == nil {
		t.Errorf("New of a file = %v, want an error", l)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Acquire(t.Context(), "job", locker.NoWait()); !errors.Is(err, os.ErrNotExist) || errors.Is(err, locker.ErrUnavailable) {
		t.Errorf("Acquire without the directory = %v, want %v, which is final", err, os.ErrNotExist)
	}
}
