package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/memory"
)

// The first use says what to do, and doing it helps.
func TestFirstUse(t *testing.T) {
	s := missing(t)
	got := s.want(125, "run", "job", "--", "true")
	_, advice, ok := strings.Cut(got.err, "create the table with: lockctl ")
	if !ok {
		t.Fatalf("no advice in\n%s", got.err)
	}
	s.want(0, strings.Fields(advice)...)
	got = s.want(7, "run", "job", "--", "sh", "-c", `echo "$HOLDFAST_NAME $HOLDFAST_TOKEN"; exit 7`)
	name, token, _ := strings.Cut(strings.TrimSpace(got.out), " ")
	if n, err := strconv.ParseInt(token, 10, 64); name != "job" || err != nil || n <= 0 || got.err != "" {
		t.Errorf("the command was told %q, %q; want the lock's name and a token, and nothing printed but %q", name, token, got.err)
	}
	s.wantFree()
}

func TestStatuses(t *testing.T) {
	s := ready(t)
	notExecutable := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notExecutable, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status int
		args   []string
	}{
		{0, []string{"run", "job", "--", "true"}},
		{1, []string{"run", "job", "--", "false"}},
		{120, []string{"run", "job", "--", "sh", "-c", "exit 120"}},
		{128 + 15, []string{"run", "job", "--", "sh", "-c", "kill -TERM $$"}},
		{128 + 9, []string{"run", "job", "--", "sh", "-c", "kill -KILL $$"}},
		{126, []string{"run", "job", "--", notExecutable}},
		{127, []string{"run", "job", "--", "there-is-no-such-command"}},
		{125, []string{"run", "job"}},
		{125, []string{"run", "job", "true"}},
		{125, []string{"run", "--frob", "job", "--", "true"}},
		{125, []string{"run", "--wait", "1", "-n", "job", "--", "true"}},
		{125, []string{"run", "--ttl", "1ms", "job", "--", "true"}},
		{125, []string{"run", "", "--", "true"}},
		{125, []string{"run", "--endpoint", "nowhere", "job", "--", "true"}},
		{2, []string{"frob"}},
		{2, []string{"show"}},
		{2, []string{"table"}},
		{2, []string{"ls", "--output", "xml"}},
		{2, []string{"break", "job", "--token", "x"}},
		{2, []string{"table", "delete"}},
		{1, []string{"table", "show", "--table", "there-is-none"}},
	} {
		s.want(tt.status, tt.args...)
	}
	s.wantFree()

	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("true\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := s.want(126, "run", "job", "--", script); !strings.Contains(got.err, "next: a script has to begin with") {
		t.Errorf("of a script without a first line it printed %q", got.err)
	}
	s.env = append(s.env, "AWS_PROFILE=there-is-none", "AWS_CONFIG_FILE=/dev/null")
	if got := s.want(125, "run", "job", "--", "true"); !strings.Contains(got.err, "next: set AWS_PROFILE") {
		t.Errorf("of a profile that is not there it printed %q", got.err)
	}
}

// An endpoint at which nobody answers ends a run soon.
func TestUnreachable(t *testing.T) {
	s := missing(t)
	start := time.Now()
	got := s.want(125, "run", "job", "--endpoint", "http://127.0.0.1:1", "--", "true")
	if d := time.Since(start); d > 30*time.Second || !strings.Contains(got.err, "http://127.0.0.1:1") {
		t.Errorf("it took %v and printed\n%s", d, got.err)
	}
}

func TestRefused(t *testing.T) {
	s := ready(t)
	first := s.start("run", "job", "--owner", "the first", "--", "sleep", "60")
	eventually(t, 10*time.Second, "the first holds", func() bool { return len(s.held()) == 1 })
	start := time.Now()
	got := s.want(120, "run", "--no-wait", "job", "--", "echo", "ran")
	if d := time.Since(start); d > 5*time.Second || got.out != "" || !strings.Contains(got.err, `held by "the first"`) {
		t.Errorf("--no-wait took %v and printed %q, %q", d, got.out, got.err)
	}
	s.want(1, "run", "-n", "-E", "1", "job", "--", "true")
	if got := s.want(120, "run", "-n", "--quiet", "job", "--", "true"); got.err != "" {
		t.Errorf("--quiet printed %q", got.err)
	}
	start = time.Now()
	s.want(120, "run", "-w", "0.5", "job", "--", "true")
	if d := time.Since(start); d < 500*time.Millisecond || d > 10*time.Second {
		t.Errorf("-w 0.5 took %v", d)
	}
	s.want(0, "run", "-n", "another", "--", "true")
	first.cmd.Process.Signal(syscall.SIGTERM)
	first.wantExit(128+15, 10*time.Second)
	s.wantFree()
}

// A signal reaches the command, whose status counts, and the lock is released.
func TestSignals(t *testing.T) {
	s := ready(t)
	p := s.start("run", "job", "--", "sh", "-c", `trap "echo told; exit 5" INT; echo ready; while :; do sleep 0.1; done`)
	p.prints("ready")
	p.cmd.Process.Signal(syscall.SIGINT)
	p.wantExit(5, 10*time.Second)
	if !strings.Contains(p.out.String(), "told") {
		t.Errorf("the command was not told: %s", p.out)
	}
	s.wantFree()
}

// A signal during the wait ends it, and nothing is acquired afterwards.
func TestSignalWhileWaiting(t *testing.T) {
	s := ready(t)
	first := s.start("run", "job", "--", "sleep", "60")
	eventually(t, 10*time.Second, "the first holds", func() bool { return len(s.held()) == 1 })
	second := s.start("run", "job", "--", "true")
	second.prints("waiting")
	second.cmd.Process.Signal(syscall.SIGINT)
	second.wantExit(128+2, 10*time.Second)
	first.cmd.Process.Signal(syscall.SIGTERM)
	first.wantExit(128+15, 10*time.Second)
	s.wantFree()
}

// When the lease is lost, a command that does not heed SIGTERM is killed, with what
// it has started.
func TestLostGrace(t *testing.T) {
	s := ready(t)
	p := s.start("run", "job", "--ttl", "2s", "--grace", "500ms", "--", "sh", "-c", `trap "echo told" TERM; sh -c 'trap "" TERM; echo pid $$; exec sleep 300' & while :; do sleep 0.1; done`)
	p.prints("pid ")
	_, rest, _ := strings.Cut(p.out.String(), "pid ")
	pid, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	s.want(0, "break", "job", "--token", strconv.FormatInt(s.show("job").Token, 10))
	p.wantExit(121, 10*time.Second)
	for _, want := range []string{"told", "lost", "is killed"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("no %q in\n%s", want, p.out)
		}
	}
	eventually(t, 5*time.Second, "what the command had started is killed", func() bool { return !alive(pid) })
}

// A loss counts even if the command ends well, and what it leaves behind has the
// grace and no more.
func TestLostHeeded(t *testing.T) {
	s := ready(t)
	p := s.start("run", "job", "--ttl", "2s", "--grace", "500ms", "--", "sh", "-c", `trap "exit 0" TERM; sh -c 'trap "" TERM; echo pid $$; exec sleep 300' & while :; do sleep 0.1; done`)
	p.prints("pid ")
	_, rest, _ := strings.Cut(p.out.String(), "pid ")
	pid, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	s.want(0, "break", "job", "--token", strconv.FormatInt(s.show("job").Token, 10))
	p.wantExit(121, 10*time.Second)
	eventually(t, 5*time.Second, "what the command has left behind is killed", func() bool { return !alive(pid) })
}

// As cron starts it: hardly any environment, no terminal, and nothing to mail.
func TestCron(t *testing.T) {
	s := ready(t)
	cmd := exec.Command(s.path, "run", "job", "--", "true")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "SHELL=/bin/sh", "LOGNAME=nobody"}
	for _, v := range s.env {
		if strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "HOLDFAST_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("under cron: %v, printed %q; want nil, nothing", err, out)
	}
	s.wantFree()
}

// COMMAND has lockctl's environment, with the lock's name and token, and nothing else:
// what lockctl needs for itself stays with it.
func TestEnvironment(t *testing.T) {
	s := ready(t)
	s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "AWS_EC2_METADATA_DISABLED=") })
	got := s.want(0, "run", "job", "--endpoint", dynamodblocal.Endpoint(t), "--", "env")
	want := make(map[string]bool)
	for _, v := range s.env {
		name, _, _ := strings.Cut(v, "=")
		want[name] = true
	}
	own := 0
	for line := range strings.Lines(got.out) {
		name, _, ok := strings.Cut(line, "=")
		switch {
		case !ok || want[name]: // or a line of a value
		case name == "HOLDFAST_NAME", name == "HOLDFAST_TOKEN":
			own++
		default:
			t.Errorf("the command has %s", strings.TrimSpace(line))
		}
	}
	if own != 2 {
		t.Errorf("the command has %d of HOLDFAST_NAME and HOLDFAST_TOKEN, want both:\n%s", own, got.out)
	}
}

// A machine whose role is asked for in an old way has nothing in cron's mail for it:
// one message says that there are no credentials.
func TestNoCredentials(t *testing.T) {
	binary, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer metadata.Close()
	cmd := exec.Command(binary, "ls")
	cmd.Env = []string{"AWS_REGION=us-east-1", "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + metadata.URL}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("ls without credentials succeeded")
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "lockctl: ") {
			t.Errorf("printed %s", line)
		}
	}
	if !strings.Contains(string(out), "next: check the network, AWS_REGION and the credentials") {
		t.Errorf("printed\n%s", out)
	}
}

// A signal that came before the command was started is not lost, even if the terminal
// tells the command of later ones.
func TestEarlySignal(t *testing.T) {
	cmd := exec.Command("sleep", "300")
	prepare(cmd, false)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, shares: true, early: 2, exited: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(c.exited)
	}()
	lease, err := memory.New().Acquire(t.Context(), "job")
	if err != nil {
		t.Fatal(err)
	}
	signals := &signals{make(chan os.Signal, 16)}
	signals.c <- syscall.SIGPIPE // lockctl's own
	signals.c <- syscall.SIGINT
	end := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer end.Stop()
	(&running{app: &app{}}).attend(c, lease, signals)
	if got := statusOf(cmd.ProcessState); got != 128+2 {
		t.Errorf("the command ended with status %d, want %d", got, 128+2)
	}
}

// A closed standard error does not leave the lock behind.
func TestClosedStandardError(t *testing.T) {
	s := ready(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	first := s.start("run", "job", "--", "sleep", "1")
	eventually(t, 10*time.Second, "the first holds", func() bool { return len(s.held()) == 1 })
	cmd := s.command("run", "job", "--", "true")
	cmd.Stdout, cmd.Stderr = w, w
	r.Close()
	second := s.startCommand(cmd)
	w.Close()
	first.wantExit(0, 10*time.Second)
	second.wantExit(0, 20*time.Second)
	s.wantFree()
}
