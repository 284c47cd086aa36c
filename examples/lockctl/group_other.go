//go:build !unix

package main

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

const (
	sigTerm = syscall.SIGKILL // there is no gentler one
	sigNone = syscall.Signal(0)
)

type signals struct{ c chan os.Signal }

func catch() *signals {
	s := &signals{make(chan os.Signal, 16)}
	signal.Notify(s.c, os.Interrupt)
	return s
}

func (s *signals) stop() { signal.Stop(s.c) }

func endsWait(os.Signal) bool { return true }

// The console has told the child as well.
func forwards(os.Signal, bool) bool { return false }

func inForeground() bool { return true }

func prepare(*exec.Cmd, bool) {}

func (c *child) signal(sig os.Signal) error { return c.cmd.Process.Signal(sig) }

func statusOf(state *os.ProcessState) int { return state.ExitCode() }
