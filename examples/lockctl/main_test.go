package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
)

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "lockctl"); err != nil {
		panic(err)
	}
	status := dynamodblocal.Main(m)
	os.RemoveAll(built)
	os.Exit(status)
}

// built is the directory of the program.
var built string

// binary is the program, built once.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "lockctl")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, err
})

// setup is one table for a test.
type setup struct {
	t     *testing.T
	path  string
	table string
	env   []string
}

// missing names a table that is not there.
func missing(t *testing.T) *setup {
	t.Helper()
	t.Parallel()
	endpoint := dynamodblocal.Endpoint(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{t: t, path: path, table: fmt.Sprintf("lockctl-%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), time.Now().UnixNano())}
	s.env = append(os.Environ(), "AWS_ENDPOINT_URL_DYNAMODB="+endpoint, "HOLDFAST_TABLE="+s.table)
	t.Cleanup(func() { s.command("table", "delete", "--yes").Run() })
	return s
}

var creating sync.Mutex

// ready names a table that is ready.
func ready(t *testing.T) *setup {
	t.Helper()
	s := missing(t)
	creating.Lock() // DynamoDB Local is slow to make many at once
	defer creating.Unlock()
	s.want(0, "table", "ensure")
	return s
}

// command returns a lockctl, without a terminal and not yet started.
func (s *setup) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.path, args...)
	cmd.Env = s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// result is what a lockctl printed.
type result struct{ out, err string }

// want runs a lockctl to its end and wants an exit status.
func (s *setup) want(status int, args ...string) result {
	s.t.Helper()
	var out, errOut bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != status {
		s.t.Fatalf("lockctl %q = %d, %v, want %d; it printed\n%s%s", args, got, err, status, &out, &errOut)
	}
	return result{out.String(), errOut.String()}
}

// json runs a lockctl with --output json and decodes what it prints.
func (s *setup) json(v any, args ...string) {
	s.t.Helper()
	got := s.want(0, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(got.out), v); err != nil {
		s.t.Fatalf("lockctl %q: %v\n%s", args, err, got.out)
	}
}

// process is a lockctl under way.
type process struct {
	s      *setup
	cmd    *exec.Cmd
	out    file // standard output and error
	exited chan struct{}
}

// file is a file that a process writes to: unlike a pipe it does not keep Wait
// waiting for those who have inherited it.
type file struct{ *os.File }

func (f file) String() string {
	b, _ := os.ReadFile(f.Name())
	return string(b)
}

// start starts a lockctl, which is killed when the test has ended.
func (s *setup) start(args ...string) *process {
	s.t.Helper()
	return s.startCommand(s.command(args...))
}

func (s *setup) startCommand(cmd *exec.Cmd) *process {
	s.t.Helper()
	f, err := os.CreateTemp(s.t.TempDir(), "out")
	if err != nil {
		s.t.Fatal(err)
	}
	p := &process{s: s, cmd: cmd, out: file{f}, exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = f, f
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(p.exited)
	}()
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.exited
		f.Close()
	})
	return p
}

// wantExit waits for the end of the process and wants its status.
func (p *process) wantExit(status int, within time.Duration) {
	p.s.t.Helper()
	select {
	case <-p.exited:
		if got := p.cmd.ProcessState.ExitCode(); got != status {
			p.s.t.Fatalf("lockctl %q = %d, want %d; it printed\n%s", p.cmd.Args[1:], got, status, p.out)
		}
	case <-time.After(within):
		p.s.t.Fatalf("lockctl %q has not ended within %v; it printed\n%s", p.cmd.Args[1:], within, p.out)
	}
}

// eventually waits until ok.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// prints waits until the process has printed text.
func (p *process) prints(text string) {
	p.s.t.Helper()
	eventually(p.s.t, 20*time.Second, fmt.Sprintf("lockctl %q prints %q", p.cmd.Args[1:], text), func() bool { return strings.Contains(p.out.String(), text) })
}

// held returns the locks that are not free.
func (s *setup) held() []lock {
	s.t.Helper()
	var locks []lock
	s.json(&locks, "ls")
	return locks
}

func (s *setup) wantFree() {
	s.t.Helper()
	if locks := s.held(); len(locks) > 0 {
		s.t.Errorf("left behind: %+v", locks)
	}
}

func (s *setup) show(name string) (l lock) {
	s.t.Helper()
	s.json(&l, "show", name)
	return l
}

// alive reports whether there is a process of this ID that has not ended.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !bytes.Contains(stat, []byte(") Z "))
}

// call runs a command line in this process.
func call(t *testing.T, args ...string) (int, result) {
	t.Helper()
	var out, errOut bytes.Buffer
	status := execute(context.Background(), args, strings.NewReader(""), &out, &errOut)
	return status, result{out.String(), errOut.String()}
}
