package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"

	"example.com/holdfast/locker"
)

// child is the command under way.
type child struct {
	cmd    *exec.Cmd
	shares bool          // it is in lockctl's own process group, which a terminal has in the foreground
	early  int           // how many signals came before it was started
	exited chan struct{} // closed when it has ended
}

// command runs the command until it has ended, and returns its status. It must be
// called in the main goroutine. Err is for a command that did not start.
func (r *running) command(path string, lease *locker.Lease, signals *signals) (status int, err error) {
	cmd := exec.Command(path, r.argv[1:]...)
	cmd.Args[0] = r.argv[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "HOLDFAST_NAME="+r.name, "HOLDFAST_TOKEN="+lease.Token().String())
	c := &child{cmd: cmd, shares: inForeground(), exited: make(chan struct{})}
	prepare(cmd, !c.shares)
	c.early = len(signals.c) // of a terminal's key, which reached lockctl alone
	if err := cmd.Start(); err != nil {
		return 0, cannotRun(err)
	}
	go func() {
		cmd.Wait() // its error is in cmd.ProcessState
		close(c.exited)
	}()
	r.attend(c, lease, signals)
	status = statusOf(cmd.ProcessState)
	r.record.note(r.name, fmt.Sprintf("the command ended with status %d", status))
	return status, nil
}

// attend forwards signals until the child has ended, and ends it when the lease is
// lost.
func (r *running) attend(c *child, lease *locker.Lease, signals *signals) {
	over := lease.Done()
	var kill <-chan time.Time // when the grace is over
	lost := false
	for {
		select {
		case <-c.exited:
			if lost {
				c.endRest(kill)
			}
			return
		case sig := <-signals.c:
			if forwards(sig, c.shares) || c.early > 0 && endsWait(sig) {
				c.signal(sig)
			}
			c.early--
		case <-over:
			over, lost = nil, true
			r.note("lost", fmt.Sprintf("%v: the command is told to end", lease.Err()), map[string]any{"name": r.name, "token": int64(lease.Token())})
			c.signal(sigTerm)
			kill = time.After(time.Duration(r.grace))
		case <-kill:
			r.note("killed", fmt.Sprintf("the command has not ended within %v and is killed", time.Duration(r.grace)), map[string]any{"name": r.name})
			c.signal(os.Kill)
			kill = nil
		}
	}
}

// endRest ends what the child has left running in its process group, when the rest
// of the grace is over. A nil kill: it is over, and all of them were killed.
func (c *child) endRest(kill <-chan time.Time) {
	for kill != nil && !c.shares && c.signal(sigNone) == nil {
		select {
		case <-kill:
			c.signal(os.Kill)
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
