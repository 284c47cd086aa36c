//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// environment is one of the function: a process that runs the function's real loop,
// with the test in the place of Lambda's runtime API, and of Lambda itself, which
// freezes it.
type environment struct {
	t       *testing.T
	cmd     *exec.Cmd
	idle    chan struct{} // told of each request for the next event
	events  chan []byte
	answers chan answer
}

// answer is what became of an event.
type answer struct {
	body   string
	failed bool
}

// The variables that tell the process of an environment its handler and its TTL.
const (
	handlerVariable = "HOLDFAST_LAMBDA_HANDLER"
	ttlVariable     = "HOLDFAST_LAMBDA_TTL"
)

func TestMain(m *testing.M) {
	handler, ok := os.LookupEnv(handlerVariable)
	if !ok {
		os.Exit(dynamodblocal.Main(m))
	}
	f, err := newFunction(context.Background())
	if err == nil {
		f.ttl, err = time.ParseDuration(os.Getenv(ttlVariable))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if handler == "keeps" {
		lambda.Start((&keeper{locks: f.locks, ttl: f.ttl}).handle)
	}
	lambda.Start(f.handle)
}

// newEnvironment starts one whose leases have this TTL. Its handler is the function's,
// or the one of a keeper.
func newEnvironment(t *testing.T, tables tables, handler string, ttl time.Duration) *environment {
	t.Helper()
	e := &environment{t: t, idle: make(chan struct{}, 1), events: make(chan []byte), answers: make(chan answer, 1)}
	api := httptest.NewServer(e.runtimeAPI())
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e.cmd = exec.Command(exe)
	e.cmd.Env = append(os.Environ(),
		handlerVariable+"="+handler, ttlVariable+"="+ttl.String(),
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"),
		"AWS_ENDPOINT_URL_DYNAMODB="+tables.endpoint,
		"LOCK_TABLE="+tables.locks, "REPORT_TABLE="+tables.reports,
	)
	e.cmd.Stderr = os.Stderr
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also while it is frozen
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // the signal comes with the end of the thread that started it
		defer runtime.UnlockOSThread()
		err := e.cmd.Start()
		started <- err
		if err == nil {
			_ = e.cmd.Wait() // it is killed
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.cmd.Process.Kill() // an error: it has ended
		<-ended
		api.Close()
	})
	return e
}

// runtimeAPI is what the function's loop talks to: AWS Lambda developer guide, "Using
// the Lambda runtime API for custom runtimes".
func (e *environment) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	n := 0 // one loop asks for one event after the other
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		e.idle <- struct{}{}
		select {
		case event := <-e.events:
			n++
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprint(n))
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(limit).UnixMilli()))
			_, _ = w.Write(event)
		case <-r.Context().Done():
		}
	})
	take := func(failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				body, failed = []byte(err.Error()), true
			}
			w.WriteHeader(http.StatusAccepted)
			e.answers <- answer{string(body), failed}
		}
	}
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", take(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", take(true))
	return mux
}

// send hands an event to the function, as soon as it asks for one.
func (e *environment) send(event any) {
	e.t.Helper()
	text, err := json.Marshal(event)
	if err != nil {
		e.t.Fatal(err)
	}
	await(e.t, e.idle, "the function asks for an event")
	select {
	case e.events <- text:
	case <-time.After(limit):
		e.t.Fatal("the function does not take the event")
	}
}

// answer waits for the answer to the event that was sent.
func (e *environment) answer() answer {
	e.t.Helper()
	return await(e.t, e.answers, "the function answers")
}

// freeze stops the process, as Lambda does when the function asks for an event and
// there is none, or when it likes to.
func (e *environment) freeze() {
	e.t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		e.t.Fatal(err)
	}
	for begin := time.Now(); !e.isFrozen(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begin) > limit {
			e.t.Fatal("the process does not stop")
		}
	}
}

// isFrozen reports whether all threads have stopped: proc(5), the state after "(comm)".
func (e *environment) isFrozen() bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", e.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		e.t.Fatal("the process is gone")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if _, state, _ := strings.Cut(string(text), ") "); err != nil || !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// thaw lets the process go on.
func (e *environment) thaw() {
	e.t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		e.t.Fatal(err)
	}
}

// await receives from c.
func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(limit):
		t.Fatalf("not within %v: %s", limit, what)
		panic("unreachable")
	}
}

// keeper is a function that makes the mistake of keeping a lease over the end of a
// call.
type keeper struct {
	locks locker.Locker
	ttl   time.Duration
	lease *locker.Lease
}

// findings are what the keeper's next call finds.
type findings struct {
	Token                locker.Token
	Err, Ensure, Release bool // a *LostError
}

func (k *keeper) handle(ctx context.Context, e event) (findings, error) {
	var err error
	if k.lease == nil {
		k.lease, err = k.locks.Acquire(ctx, "report/"+e.Report, locker.WithoutRenewal(), locker.WithTTL(k.ttl))
		if err != nil {
			return findings{}, err
		}
		return findings{Token: k.lease.Token()}, nil
	}
	return findings{
		Token:   k.lease.Token(),
		Err:     isLost(k.lease.Err()),
		Ensure:  isLost(k.lease.Ensure(ctx, writeTime)),
		Release: isLost(k.lease.Release(ctx)),
	}, nil
}
