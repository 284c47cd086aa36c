//go:build unix

package procs

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// crew is the workers' processes of one test. All of them are killed, by their
// PID, when the test ends; and by the kernel, where it can, when the test process
// does.
type crew struct {
	t *testing.T
	r *referee

	mu      sync.Mutex
	workers map[int]*process
}

// process is one worker's process.
type process struct {
	config  config
	cmd     *exec.Cmd
	output  bytes.Buffer
	exited  chan struct{}
	signals sync.Mutex // held from SIGSTOP to SIGCONT

	mu     sync.Mutex
	killed bool
}

func newCrew(t *testing.T, r *referee) *crew {
	c := &crew{t: t, r: r, workers: make(map[int]*process)}
	t.Cleanup(c.stop)
	return c
}

// start starts a worker.
func (c *crew) start(config config) {
	c.t.Helper()
	config.Referee = c.r.url
	encoded, err := json.Marshal(config)
	if err != nil {
		c.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	p := &process{config: config, cmd: exec.Command(exe), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), workerVariable+"="+string(encoded))
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = new(syscall.SysProcAttr)
	dieWithParent(p.cmd.SysProcAttr)
	started := make(chan error, 1)
	go func() {
		// The kernel kills a child with the thread that started it: keep that.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.exited)
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = p.cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.killed {
			c.t.Errorf("worker %d ended by itself: %v; it printed:\n%s", config.Worker, err, &p.output)
		}
	}()
	if err := <-started; err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.workers[config.Worker] = p
}

// worker returns a worker's process.
func (c *crew) worker(n int) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.workers[n]
}

// pause stops a worker for d and returns when it goes on. One that is stopped or
// dead already is left alone. stopped, if it is not nil, is told whether the
// worker was stopped, as soon as it is; it has room for that.
func (c *crew) pause(n int, d time.Duration, stopped chan<- bool) {
	p := c.worker(n)
	if !p.stop() {
		if stopped != nil {
			stopped <- false
		}
		return
	}
	defer p.signals.Unlock()
	if stopped != nil {
		stopped <- true
	}
	pid, from := p.cmd.Process.Pid, sharedClock()
	c.r.mu.Lock()
	c.r.figures.pauses++
	c.r.noteLocked("worker %d (PID %d) stopped for %v", n, pid, d)
	c.r.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.exited:
		return
	}
	to := sharedClock()
	c.r.mu.Lock()
	c.r.pauses = append(c.r.pauses, pause{n, pid, from, to})
	c.r.noteLocked("worker %d (PID %d) goes on", n, pid)
	c.r.mu.Unlock()
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // an error: it was killed
}

// stop stops the process, and reports whether that was done; then the caller has
// the signals.
func (p *process) stop() bool {
	if !p.signals.TryLock() {
		return false
	}
	if p.cmd.Process.Signal(syscall.SIGSTOP) == nil && awaitStopped(p.cmd.Process.Pid) == nil {
		return true
	}
	p.signals.Unlock() // it is gone
	return false
}

// stopped returns how many workers are stopped.
func (c *crew) stopped() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range c.workers {
		if p.signals.TryLock() {
			p.signals.Unlock()
		} else {
			n++
		}
	}
	return n
}

// kill kills a worker and returns when it is gone.
func (c *crew) kill(n int) {
	p := c.worker(n)
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	pid, now := p.cmd.Process.Pid, sharedClock()
	_ = p.cmd.Process.Kill() // an error: it is gone
	<-p.exited
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	k := kill{n, pid, now, make(map[string]locker.Token)}
	for _, l := range c.r.leases {
		if l.PID == pid && l.active {
			l.active = false
			k.held[l.Name] = l.Token
		}
	}
	delete(c.r.workers, n)
	c.r.kills = append(c.r.kills, k)
	c.r.figures.kills++
	c.r.noteLocked("worker %d (PID %d) killed, holding %v", n, pid, k.held)
}

// stop kills all workers.
func (c *crew) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.workers {
		p.mu.Lock()
		p.killed = true
		p.mu.Unlock()
		_ = p.cmd.Process.Kill()
	}
	for _, p := range c.workers {
		<-p.exited
	}
}

// artifacts returns a directory that outlives the test: without -artifacts, that
// of package testing does not.
func artifacts(t *testing.T) string {
	if keep := flag.Lookup("test.artifacts"); keep != nil && keep.Value.String() == "true" {
		return t.ArtifactDir()
	}
	return os.TempDir()
}
