package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a lockctl on a terminal of its own.
type terminal struct {
	*process
	keys *os.File // what is written here is typed

	mu     sync.Mutex
	screen strings.Builder
}

// onTerminal starts a lockctl on a new terminal, in whose foreground it is.
func (s *setup) onTerminal(args ...string) *terminal {
	s.t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { keys.Close() })
	fd := int(keys.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer tty.Close()
	cmd := exec.Command(s.path, args...)
	cmd.Env = s.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p := &terminal{process: s.startCommand(cmd), keys: keys}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			p.mu.Lock()
			p.screen.Write(b[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return p
}

func (p *terminal) shows(text string) string {
	p.s.t.Helper()
	seen := func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.screen.String()
	}
	end := time.Now().Add(20 * time.Second)
	for !strings.Contains(seen(), text) {
		if time.Now().After(end) {
			p.s.t.Fatalf("no %q on the screen but\n%s", text, seen())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return seen()
}

func (p *terminal) types(keys string) {
	p.s.t.Helper()
	if _, err := p.keys.WriteString(keys); err != nil {
		p.s.t.Fatal(err)
	}
}

const ctrlC = "\x03"

// Ctrl-C reaches the command once, may be handled by it, and the lock is released.
// Standard input is the command's.
func TestCtrlC(t *testing.T) {
	s := ready(t)
	p := s.onTerminal("run", "job", "--", "sh", "-c", `trap "n=\$((n + 1))" INT; read line; echo "read $line"; while :; do sleep 0.2; [ "$n" ] && { sleep 0.5; echo "told $n times"; exit 5; }; done`)
	p.types("a line\n")
	p.shows("read a line")
	p.types(ctrlC)
	p.wantExit(5, 10*time.Second)
	p.shows("told 1 times")
	s.wantFree()
}

// Ctrl-C ends a command that does not handle it, and a wait.
func TestCtrlCEnds(t *testing.T) {
	s := ready(t)
	p := s.onTerminal("run", "job", "--", "sh", "-c", "echo ready; exec sleep 300")
	p.shows("ready")
	waits := s.onTerminal("run", "job", "--", "true")
	waits.shows("waiting")
	waits.types(ctrlC)
	waits.wantExit(128+2, 10*time.Second)
	p.types(ctrlC)
	p.wantExit(128+2, 10*time.Second)
	s.wantFree()
}

// On a terminal too a loss ends the command, here one that reads from it.
func TestLostOnTerminal(t *testing.T) {
	s := ready(t)
	p := s.onTerminal("run", "job", "--ttl", "2s", "--", "sh", "-c", "echo ready; exec cat")
	p.shows("ready")
	s.want(0, "break", "job", "--token", strconv.FormatInt(s.show("job").Token, 10))
	p.wantExit(121, 10*time.Second)
	p.shows("the command is told to end")
}

// On a terminal break asks, and does nothing but for yes.
func TestBreakAsks(t *testing.T) {
	s := ready(t)
	holder := s.start("run", "job", "--ttl", "2s", "--owner", "the holder", "--", "sleep", "300")
	eventually(t, 10*time.Second, "it holds", func() bool { return len(s.held()) == 1 })
	for answer, status := range map[string]int{"no": 1, "": 1} {
		p := s.onTerminal("break", "job")
		if got := p.shows("Type yes: "); !strings.Contains(got, `held by "the holder" with token `+strconv.FormatInt(s.show("job").Token, 10)) {
			t.Errorf("it asks %q", got)
		}
		p.types(answer + "\n")
		p.wantExit(status, 10*time.Second)
	}
	if s.show("job").Broken {
		t.Error("it broke the lock although it was not to")
	}
	p := s.onTerminal("break", "job")
	p.shows("Type yes: ")
	p.types("yes\n")
	p.wantExit(0, 10*time.Second)
	holder.wantExit(121, 10*time.Second)
}

// On a terminal watch rewrites its table in place.
func TestWatchOnTerminal(t *testing.T) {
	s := ready(t)
	p := s.onTerminal("watch", "--every", "0.1")
	p.shows("locks: 0")
	s.start("run", "job", "--owner", "the holder", "--", "sleep", "300")
	got := p.shows("the holder")
	if strings.Count(got, "\x1b[2J") != 1 || strings.Count(got, "\x1b[H") < 2 {
		t.Errorf("the screen is not rewritten in place: %q", got)
	}
	p.types(ctrlC)
	p.wantExit(0, 10*time.Second)
}
