//go:build unix

package main

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	sigTerm = syscall.SIGTERM
	sigNone = syscall.Signal(0) // tells whether there is somebody
)

// signals are those that lockctl is sent.
type signals struct{ c chan os.Signal }

// catch catches signals, but for those that lockctl was started to ignore, as by
// nohup. SIGPIPE is caught so that a closed standard error does not end lockctl
// with the lock in its hands; the child has the default again.
func catch() *signals {
	s := &signals{make(chan os.Signal, 16)}
	for _, sig := range []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGALRM, syscall.SIGWINCH,
	} {
		if !signal.Ignored(sig) {
			signal.Notify(s.c, sig)
		}
	}
	return s
}

func (s *signals) stop() { signal.Stop(s.c) }

// endsWait reports whether the signal ends lockctl while it has no command to tell.
func endsWait(sig os.Signal) bool {
	switch sig {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT:
		return true
	}
	return false
}

// forwards reports whether a signal is passed on. Those of a terminal's keys have
// reached the child already if the two share a process group.
func forwards(sig os.Signal, shares bool) bool {
	switch sig {
	case syscall.SIGPIPE:
		return false
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH:
		return !shares
	}
	return true
}

// inForeground reports whether a terminal has lockctl's process group in its
// foreground: then the keys' signals reach the whole group, and a child in a group
// of its own could not read from the terminal.
func inForeground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == syscall.Getpgrp()
}

// prepare puts the child into a process group of its own, so that all that it starts
// can be ended with it.
func prepare(cmd *exec.Cmd, ownGroup bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: ownGroup}
	dieWithParent(cmd.SysProcAttr)
}

// signal sends a signal to the child, and to the rest of its process group where
// it has one of its own.
func (c *child) signal(sig os.Signal) error {
	pid := c.cmd.Process.Pid
	if c.shares {
		return c.cmd.Process.Signal(sig)
	}
	return syscall.Kill(-pid, sig.(syscall.Signal))
}

// statusOf returns the exit status as a shell has it.
func statusOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return statusBySignal + int(status.Signal())
	}
	return state.ExitCode()
}
