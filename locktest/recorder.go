package locktest

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder is the testing.TB of one case. It keeps what the case reports, so
// that cases may run at once and in any goroutine, and a case may fail without
// the test that runs it: that is how the suite is tested. Fatal ends the
// goroutine that calls it, as usual. What is not overridden here is the parent's.
type recorder struct {
	testing.TB
	footer string // logged below the first failure
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	entries  []entry
	failed   bool
	skipped  bool
	over     bool // whatever is reported now comes too late
	cleanups []func()
}

type entry struct {
	text  string
	error bool
}

func newRecorder(parent testing.TB, footer string) *recorder {
	r := &recorder{TB: parent, footer: footer}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// replay reports to t what was recorded.
func (r *recorder) replay(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	entries, failed, skipped := r.entries, r.failed, r.skipped
	r.mu.Unlock()
	for _, e := range entries {
		if e.error {
			t.Error(e.text)
		} else {
			t.Log(e.text)
		}
	}
	switch {
	case failed:
		t.FailNow()
	case skipped:
		t.SkipNow()
	}
}

// finish runs the cleanups, the last first, and ends the recording.
func (r *recorder) finish() {
	r.cancel()
	for {
		r.mu.Lock()
		n := len(r.cleanups)
		if n == 0 {
			r.over = true
			r.mu.Unlock()
			return
		}
		f := r.cleanups[n-1]
		r.cleanups = r.cleanups[:n-1]
		r.mu.Unlock()
		done := make(chan struct{})
		go func() { // it may call Fatal
			defer close(done)
			r.protect(f)
		}()
		<-done
	}
}

func (r *recorder) record(text string, isError bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	r.entries = append(r.entries, entry{text, isError})
	if isError && !r.failed {
		r.failed = true
		r.entries = append(r.entries, entry{text: r.footer})
	}
}

// where names the line of a case that led here. The other frames of the
// package are helpers.
func where() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if file := filepath.Base(f.File); strings.HasPrefix(file, "cases_") {
			return fmt.Sprintf("%s:%d: ", file, f.Line)
		}
	}
	return ""
}

func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Cleanup(f func())         { r.mu.Lock(); r.cleanups = append(r.cleanups, f); r.mu.Unlock() }
func (r *recorder) Helper()                  {}

func (r *recorder) Log(args ...any) { r.record(where()+sprint(args), false) }
func (r *recorder) Logf(format string, args ...any) {
	r.record(where()+fmt.Sprintf(format, args...), false)
}
func (r *recorder) Error(args ...any) { r.record(where()+sprint(args), true) }
func (r *recorder) Errorf(format string, args ...any) {
	r.record(where()+fmt.Sprintf(format, args...), true)
}
func (r *recorder) Fail() { r.record(where()+"failed", true) }

func (r *recorder) FailNow() {
	r.record(where()+"failed", true)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) {
	r.record(where()+sprint(args), true)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.record(where()+fmt.Sprintf(format, args...), true)
	runtime.Goexit()
}

func (r *recorder) Skip(args ...any) {
	r.record(where()+sprint(args), false)
	r.SkipNow()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.record(where()+fmt.Sprintf(format, args...), false)
	r.SkipNow()
}

func (r *recorder) SkipNow() {
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.skipped
}

// sprint is fmt.Sprintln without the newline, as testing.TB's methods print.
func sprint(args []any) string { return strings.TrimSuffix(fmt.Sprintln(args...), "\n") }

// errors returns what was reported as an error.
func (r *recorder) errors() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, e := range slices.Clone(r.entries) {
		if e.error {
			texts = append(texts, e.text)
		}
	}
	return texts
}
