package dynamodblocal

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestJavaVersion(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]int{
		"openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment": 17,
		"openjdk version \"21\" 2023-09-19":                                   21,
		"java version \"1.8.0_392\"":                                          8,
		"Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"25-ea\"":      25,
		"": 0,
	} {
		if got := javaVersion(out); got != want {
			t.Errorf("javaVersion(%q) = %d, want %d", out, got, want)
		}
	}
}

// TestCached has many fill the same directory at once: one does, all see all of it.
func TestCached(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	var fills atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := cached(t.Context(), dir, "jars", func(_ context.Context, lib string) error {
				fills.Add(1)
				if err := os.Mkdir(lib, 0o777); err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(lib, "x.jar"), nil, 0o666)
			})
			if err != nil {
				t.Errorf("cached = %v, want nil", err)
			}
			if _, err := os.Stat(filepath.Join(got, "x.jar")); err != nil {
				t.Errorf("incomplete: %v", err)
			}
		})
	}
	wg.Wait()
	if got := fills.Load(); got != 1 {
		t.Errorf("filled %d times, want 1", got)
	}
}

// TestCachedFailure shows that a failed fill leaves nothing that looks complete.
func TestCachedFailure(t *testing.T) {
	t.Parallel()
	dir, failed := t.TempDir(), errors.New("failed")
	_, err := cached(t.Context(), dir, "jars", func(_ context.Context, lib string) error {
		return errors.Join(os.Mkdir(lib, 0o777), failed)
	})
	if !errors.Is(err, failed) {
		t.Errorf("cached = %v, want %v", err, failed)
	}
	left, err := filepath.Glob(filepath.Join(dir, "jars*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if isDir(path) {
			t.Errorf("%s is left", path)
		}
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	out := &tail{limit: 5}
	for _, s := range []string{"abc", "defg", "h"} {
		if _, err := io.WriteString(out, s); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := out.String(), "defgh"; got != want {
		t.Errorf("tail = %q, want %q", got, want)
	}
}
