//go:build unix && !aix && !solaris

package filestore_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.org/filestore"

	"example.com/holdfast/locker"
)

// workerVariable holds the orders, in JSON, of a process that this test starts: its
// own program again.
const workerVariable = "FILESTORE_WORKER"

// orders are what a worker is told to do.
type orders struct {
	Dir     string
	Counter string        // a file to count in, under the lock
	Rounds  int           // how often each of four goroutines does
	Hold    time.Duration // in place of that: hold the lock with this TTL
	Renew   bool          // and renew it
}

func TestMain(m *testing.M) {
	text, ok := os.LookupEnv(workerVariable)
	if !ok {
		os.Exit(m.Run())
	}
	var o orders
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = work(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func work(o orders) error {
	l, err := filestore.New(o.Dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if o.Hold > 0 {
		return hold(ctx, l, o)
	}
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for range o.Rounds {
				errs[i] = errors.Join(errs[i], locker.Do(ctx, l, "counter", func(_ context.Context, lease *locker.Lease) error {
					return count(o.Counter, lease.Token())
				}))
			}
		})
	}
	all.Wait()
	return errors.Join(append(errs, l.Close(ctx))...)
}

// count reads the file and writes it in two steps, which nothing but the lock makes
// one. The file has the count and the last token.
func count(path string, token locker.Token) error {
	var n int
	var last locker.Token
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(text), &n, &last); err != nil {
		return fmt.Errorf("the counter shows %q: %w", text, err)
	}
	if token <= last {
		return fmt.Errorf("token %v comes after token %v", token, last)
	}
	time.Sleep(time.Millisecond) // for others to come between
	return os.WriteFile(path, fmt.Appendln(nil, n+1, int64(token)), 0o600)
}

// hold holds the lock called job until the lease is lost, and tells on standard
// output. It ends with the process that started it.
func hold(ctx context.Context, l *filestore.Locker, o orders) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(2)
	}()
	opts := []locker.Option{locker.WithTTL(o.Hold), locker.WithoutRenewal()}
	if o.Renew {
		opts = opts[:1]
	}
	lease, err := l.Acquire(ctx, "job", opts...)
	if err != nil {
		return err
	}
	fmt.Println("holds", int64(lease.Token()))
	<-lease.Done()
	fmt.Println("over", errors.Is(lease.Err(), locker.ErrLost), errors.Is(lease.Release(ctx), locker.ErrLost))
	return nil
}

// worker is a process at work.
type worker struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, o orders) *worker {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), workerVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // is closed when this process ends
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill() // an error: it has ended
	})
	return &worker{cmd, bufio.NewScanner(stdout)}
}

// says reads the next line, which has to begin with a word.
func (w *worker) says(t *testing.T, word string) string {
	t.Helper()
	if !w.lines.Scan() {
		t.Fatalf("the worker has ended: %v, want it to say %q", w.Wait(), word)
	}
	rest, ok := strings.CutPrefix(w.lines.Text(), word+" ")
	if !ok {
		t.Fatalf("the worker says %q, want %q", w.lines.Text(), word)
	}
	return rest
}

// holds reads the token of a worker that holds the lock.
func (w *worker) holds(t *testing.T) locker.Token {
	t.Helper()
	token, err := locker.ParseToken(w.says(t, "holds"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestProcessesExclude lets four processes count in one file, four goroutines each.
func TestProcessesExclude(t *testing.T) {
	t.Parallel()
	const processes, rounds = 4, 25
	o := orders{Dir: t.TempDir(), Counter: filepath.Join(t.TempDir(), "counter"), Rounds: rounds}
	if err := os.WriteFile(o.Counter, []byte("0 0"), 0o600); err != nil {
		t.Fatal(err)
	}
	workers := make([]*worker, processes)
	for i := range workers {
		workers[i] = start(t, o)
	}
	for i, w := range workers {
		if err := w.Wait(); err != nil {
			t.Errorf("worker %d: %v", i, err)
		}
	}
	text, err := os.ReadFile(o.Counter)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _ := strings.Cut(string(text), " "); got != fmt.Sprint(processes*4*rounds) {
		t.Errorf("the counter shows %s, want %d: updates were lost", got, processes*4*rounds)
	}
}

// TestProcessKilled kills a holder. Its lease ends by time; one that waits gets the
// lock, and one that does not wait too, once the time is over.
func TestProcessKilled(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]locker.Option{"waiter": locker.WithWait(time.Minute), "newcomer": locker.NoWait()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := start(t, orders{Dir: dir, Hold: time.Second, Renew: true})
			token := w.holds(t)
			if err := w.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = w.Wait() // it was killed
			for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
				l := open(t, dir) // has not seen the lock before
				lease, err := l.Acquire(t.Context(), "job", opt)
				if err == nil {
					if lease.Token() <= token {
						t.Errorf("token %v after token %v, want a higher one", lease.Token(), token)
					}
					return
				}
				if !errors.Is(err, locker.ErrHeld) || time.Since(begin) > time.Minute {
					t.Fatalf("%v after the holder was killed: Acquire = %v, want a lease", time.Since(begin), err)
				}
				if clockless && name == "newcomer" {
					t.Skip("no clock that tells a newcomer when a lease has ended")
				}
			}
		})
	}
}

// TestProcessStopped stops a holder for longer than its lease lasts. When it goes on
// it knows, and does nothing to the lock of the next.
func TestProcessStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := start(t, orders{Dir: dir, Hold: time.Second})
	token := w.holds(t)
	if err := w.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir)
	lease, err := l.Acquire(t.Context(), "job", locker.WithWait(time.Minute))
	if err != nil || lease.Token() <= token {
		t.Fatalf("Acquire = %v, %v, want a lease with a token above %v", lease, err, token)
	}
	if err := w.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := w.says(t, "over"); got != "true true" {
		t.Errorf("lost by Err, by Release: %s, want true true", got)
	}
	info, err := l.Inspect(t.Context(), "job")
	if err != nil || info.AcquisitionID != lease.ID() || info.State != locker.StateHeld {
		t.Errorf("Inspect = %+v, %v, want it held by acquisition %q", info, err, lease.ID())
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("Release = %v, want nil", err)
	}
}

// open opens a Locker for the test.
func open(t *testing.T, dir string) *filestore.Locker {
	t.Helper()
	l, err := filestore.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return l
}
