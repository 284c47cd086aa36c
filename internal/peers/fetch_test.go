//go:build linux

package peers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is one in testdata, and what it takes to have it.
type program struct {
	dir   string     // in testdata
	needs []string   // commands without which the test is skipped
	build [][]string // commands that fetch the library and build the program
}

// prepare returns the directory, in the user's cache, where the program is ready to
// run. What was built before is used again, without the network. It skips the test
// where the program can't be had, or fails it if LOCKER_REQUIRE_PEERS=1.
func prepare(t *testing.T, p program) string {
	t.Helper()
	for _, command := range p.needs {
		if _, err := exec.LookPath(command); err != nil {
			unavailable(t, fmt.Sprintf("%s is not on this machine", command))
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		unavailable(t, err.Error())
	}
	source := filepath.Join("testdata", p.dir)
	files, err := os.ReadDir(source)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	fmt.Fprintln(sum, p.build)
	texts := make(map[string][]byte)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(source, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", file.Name(), len(text), text)
		texts[strings.TrimSuffix(file.Name(), ".txt")] = text
	}
	dir := filepath.Join(cache, "holdfast", "peers", p.dir+"-"+hex.EncodeToString(sum.Sum(nil))[:16])
	defer lockFile(t, dir+".lock")() // another test process may want the same
	if _, err := os.Stat(filepath.Join(dir, ".ready")); err == nil {
		return dir
	}
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range texts {
		write(name, text)
	}
	for _, command := range p.build {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			unavailable(t, fmt.Sprintf("%s: %v\n%s", strings.Join(command, " "), err, out))
		}
	}
	write(".ready", nil)
	return dir
}

// unavailable ends a test without the other library.
func unavailable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("LOCKER_REQUIRE_PEERS") == "1" {
		t.Fatalf("%s\n(LOCKER_REQUIRE_PEERS=1 makes this a failure)", why)
	}
	t.Skip(why)
}

// lockFile keeps other processes out until unlock is called; flock(2).
func lockFile(t *testing.T, path string) (unlock func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { _ = f.Close() }
}
