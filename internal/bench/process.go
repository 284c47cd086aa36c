package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// line is what a worker says.
type line struct {
	word, name string
	values     []string
}

// at is the time that is a line's first value.
func (l line) at() time.Time {
	if len(l.values) == 0 {
		return time.Time{}
	}
	ns, err := strconv.ParseInt(l.values[0], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// numbers are those of a line's value i, which are joined by commas.
func (l line) numbers(i int) []float64 {
	if i >= len(l.values) {
		return nil
	}
	var all []float64
	for field := range strings.SplitSeq(l.values[i], ",") {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

// process is a worker: see package worker for what it is told and says.
type process struct {
	proxy *proxy
	cmd   *exec.Cmd
	in    io.WriteCloser

	exited chan struct{} // closed when the process has ended and all was read

	mu     sync.Mutex // guards what follows
	said   map[string][]line
	change chan struct{} // closed at the next line
	failed error
	stderr tail
}

// start runs a worker; its requests pass a proxy of its own. It ends with ctx at
// the latest.
func start(ctx context.Context, target string, delay time.Duration, cmd *exec.Cmd, env []string) (*process, error) {
	px, err := newProxy(target, delay)
	if err != nil {
		return nil, err
	}
	p := &process{
		proxy: px, cmd: cmd, exited: make(chan struct{}),
		said: make(map[string][]line), change: make(chan struct{}),
	}
	cmd.Env = append(os.Environ(), env...)
	endpoint := px.url
	if delay < 0 { // direct
		endpoint = target
	}
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_DYNAMODB="+endpoint)
	cmd.Stderr = &p.stderr
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		px.close()
		return nil, err
	}
	go p.read(out)
	if _, err := p.await(ctx, "ready", "-"); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

func (p *process) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 {
			p.hear(line{fields[0], fields[1], fields[2:]})
		}
	}
	err := p.cmd.Wait()
	p.mu.Lock()
	if p.failed == nil {
		p.failed = fmt.Errorf("the worker has ended (%v): %s", err, p.stderr.String())
	}
	close(p.change)
	p.change = make(chan struct{})
	p.mu.Unlock()
	close(p.exited)
}

func (p *process) hear(l line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.word == "error" && p.failed == nil {
		p.failed = fmt.Errorf("worker: %s", strings.Join(l.values, " "))
	}
	key := l.word + " " + l.name
	p.said[key] = append(p.said[key], l)
	close(p.change)
	p.change = make(chan struct{})
}

// tell gives a command.
func (p *process) tell(command ...any) error {
	_, err := fmt.Fprintln(p.in, command...)
	return err
}

// await returns the next line with this word and name that nobody has had yet.
func (p *process) await(ctx context.Context, word, name string) (line, error) {
	return p.next(ctx, word, name, true)
}

// peek is await that leaves the line for another call.
func (p *process) peek(ctx context.Context, word, name string) (line, error) {
	return p.next(ctx, word, name, false)
}

func (p *process) next(ctx context.Context, word, name string, take bool) (line, error) {
	key := word + " " + name
	for {
		p.mu.Lock()
		if lines := p.said[key]; len(lines) > 0 {
			if take {
				p.said[key] = lines[1:]
			}
			p.mu.Unlock()
			return lines[0], nil
		}
		failed, change := p.failed, p.change
		p.mu.Unlock()
		if failed != nil {
			return line{}, failed
		}
		select {
		case <-ctx.Done():
			return line{}, fmt.Errorf("waiting for %q: %w", key, ctx.Err())
		case <-change:
		}
	}
}

// has reports whether a line with this word and name is waiting to be had.
func (p *process) has(word, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.said[word+" "+name]) > 0
}

// kill ends the process as a crash would.
func (p *process) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-p.exited
	p.proxy.close()
}

// quit asks the process to end, and kills it if it does not.
func (p *process) quit() {
	p.in.Close() // it may have ended
	select {
	case <-p.exited:
	case <-time.After(3 * time.Second):
	}
	p.kill()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-2000):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
