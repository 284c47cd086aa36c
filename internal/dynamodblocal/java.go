package dynamodblocal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	mainClass    = "software.amazon.dynamodb.services.local.main.ServerRunner"
	minJava      = 17
	stopTimeout  = 10 * time.Second
	javaTries    = 3 // another process may take the free port first
	javaLogBytes = 4096
)

// startJava runs DynamoDB Local by the machine's own Java.
func startJava(ctx context.Context) (*Server, error) {
	if err := checkJava(ctx); err != nil {
		return nil, err
	}
	lib, err := library(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for range javaTries {
		server, err := runJava(ctx, lib)
		if err == nil {
			return server, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func checkJava(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("no Java: %w", err)
	}
	if got := javaVersion(string(out)); got < minJava {
		return fmt.Errorf("need Java %d or newer, have %d", minJava, got)
	}
	return nil
}

var javaVersionLine = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// javaVersion returns the major version in what java -version prints, 0 if there
// is none. Up to Java 8 the major version stood after "1.".
func javaVersion(out string) int {
	match := javaVersionLine.FindStringSubmatch(out)
	if match == nil {
		return 0
	}
	major, _ := strconv.Atoi(match[1])
	return major
}

func runJava(ctx context.Context, lib string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	output := &tail{limit: javaLogBytes}
	cmd := exec.Command("java",
		"-Djava.library.path="+lib, "-cp", filepath.Join(lib, "*"), mainClass,
		"-port", strconv.Itoa(port), "-inMemory", "-disableTelemetry")
	cmd.Dir = lib
	cmd.Stdout, cmd.Stderr = output, output
	ownGroup(cmd)
	exited, err := startProcess(cmd)
	if err != nil {
		return nil, err
	}
	stop := func() error { return stopProcess(cmd, exited) }
	endpoint := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if _, err := waitReady(ctx, startTimeout, exited, endpoint); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; it printed:\n%s", err, output), stop())
	}
	return &Server{
		Endpoint: endpoint,
		How:      "java: DynamoDBLocal " + version + " from Maven Central",
		stop:     stop,
	}, nil
}

// startProcess starts cmd and returns a channel that is closed when it has
// exited. Linux kills a child with the thread that started it (see ownGroup),
// not with the process: so one goroutine keeps that thread until the child is
// gone.
func startProcess(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	started := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // killed by stopProcess, or its output tells
		}
	}()
	return done, <-started
}

func stopProcess(cmd *exec.Cmd, exited <-chan struct{}) error {
	killGroup(cmd)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-exited:
		return nil
	case <-timer.C:
		return fmt.Errorf("java, process %d, does not end", cmd.Process.Pid)
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tail is a writer that keeps the last bytes written.
type tail struct {
	limit int

	mu    sync.Mutex
	bytes []byte
}

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, p...)
	if extra := len(t.bytes) - t.limit; extra > 0 {
		t.bytes = append(t.bytes[:0], t.bytes[extra:]...)
	}
	return len(p), nil
}

// String returns the last bytes written.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.bytes)
}
