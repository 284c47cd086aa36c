//go:build unix && !aix && !solaris

package filestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFlockDeleted deletes the file for which somebody waits: he does not get the flock
// of a file that newcomers can't meet.
func TestFlockDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "job.lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var unlockAgain func() // kept: a file that nobody has any more is closed, which unlocks it
	got := make(chan error)
	go func() {
		var err error
		unlockAgain, err = lock(t.Context(), path)
		got <- err
	}()
	bound, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(bound, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("lock of a file that is locked = %v, want %v", err, context.DeadlineExceeded)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	bound, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(bound, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("lock after the file was deleted and locked again = %v, want %v", err, context.DeadlineExceeded)
	}
	unlockAgain()
}
