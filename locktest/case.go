package locktest

import (
	"fmt"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// testCase checks one rule of the contract.
type testCase struct {
	name  string
	rule  string // in words that a failure quotes
	needs need
	f     func(*env)
}

// need is what a case can't do without.
type need int

const (
	nothing need = iota
	fencing
	inspect
	closing  // Locker with Close; decided when it is open
	listing  // Lister; decided when it is open
	breaking // Breaker; decided when it is open
)

// cases returns all cases, those of the most basic rules first.
func cases() []testCase {
	return slices.Concat(
		acquireCases(), waitCases(), limitCases(), allCases(),
		releaseCases(), holdCases(), queueCases(),
		leaseCases(), renewCases(), lossCases(),
		infoCases(), listCases(), breakCases(), tokenCases(), doCases(), composeCases(), closeCases(),
		attemptCases(), renewalCases(),
		faultCases(), outageCases(),
	)
}

// skip returns why the case makes no sense for b; "" if it does.
func (c *testCase) skip(b Backend) string {
	why, skipped := b.Skip[c.name]
	switch {
	case skipped && why == "":
		return "left out by Backend.Skip"
	case skipped:
		return why
	case c.needs == fencing && b.NoFencing:
		return "no fencing tokens"
	case c.needs == inspect && b.NoInspect:
		return "no Inspect"
	}
	return ""
}

// run runs the case, in a goroutine of its own so that one that hangs does not
// take the others with it, and returns what became of it.
func (c *testCase) run(tb testing.TB, b Backend) *recorder {
	r := newRecorder(tb, fmt.Sprintf("rule: %s\nseed: %d", c.rule, b.Seed))
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.protect(func() {
			e := newEnv(r, b)
			defer e.end()
			c.f(e)
		})
	}()
	if !ended(done, b.Limit) {
		r.Errorf("hangs: not done within %v\n%s", b.Limit, stacks())
		r.cancel()
		if !ended(done, b.Limit) {
			r.Errorf("hangs even after its context was cancelled: goroutines are left behind")
		}
	}
	r.finish()
	return r
}

// ended waits for done, for at most d of package time.
func ended(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// protect calls f and makes a failure of a panic.
func (r *recorder) protect(f func()) {
	defer func() {
		if p := recover(); p != nil {
			r.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	f()
}
