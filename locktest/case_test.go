package locktest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// TestCases checks the table itself.
func TestCases(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, c := range cases() {
		if seen[c.name] {
			t.Errorf("two cases have the name %s", c.name)
		}
		seen[c.name] = true
		if c.f == nil || !strings.HasSuffix(c.rule, ".") {
			t.Errorf("case %s has no function, or its rule is no sentence: %q", c.name, c.rule)
		}
	}
}

// TestRun checks that a case that goes wrong in some way is reported, and ends.
func TestRun(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		f    func(*env)
		want string // in the first error; "" for none
	}{
		{"passes", func(e *env) { e.free(e.open(), e.name) }, ""},
		{"reports", func(e *env) { e.Errorf("the message") }, "the message"},
		{"ends", func(e *env) { e.Fatal("the message"); e.Errorf("not reached") }, "the message"},
		{"ends without a word", func(e *env) { e.FailNow() }, "failed"},
		{"panics", func(*env) { panic("the panic") }, "the panic"},
		{"panics in a goroutine", func(e *env) { e.call("f", func() { panic("the panic") }) }, "the panic"},
		{"skips", func(e *env) { e.Skip("the reason"); e.Errorf("not reached") }, ""},
		{"blocks", func(e *env) { e.call("the call", func() { <-e.ctx.Done() }) }, "the call has not returned"},
		{"hangs", func(e *env) { <-e.ctx.Done() }, "hangs"},
		{"never ends", func(e *env) { time.Sleep(10 * time.Minute) }, "hangs"},
		{"leaves a goroutine", func(e *env) { e.spawn(func() { time.Sleep(10 * time.Minute) }) }, "at the end of the case"},
	} {
		c := testCase{name: test.name, rule: "The rule.", f: test.f}
		found := broken{}.check(t, c)
		switch {
		case test.want == "" && len(found) > 0, test.want != "" && len(found) == 0:
			t.Errorf("a case that %s: reported %q, want %q", test.name, found, test.want)
		case test.want != "" && !strings.Contains(found[0], test.want):
			t.Errorf("a case that %s: reported %q first, want %q", test.name, found[0], test.want)
		case slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, "not reached") }):
			t.Errorf("a case that %s went on: %q", test.name, found)
		}
	}
}

// TestRecorder checks what a case that fails tells, and that its cleanups run in
// the order that testing prescribes.
func TestRecorder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		b := Backend{Seed: 42, Around: synctest.Test, Open: func(tb testing.TB) Store {
			tb.Cleanup(func() { order = append(order, "opened first") })
			tb.Cleanup(func() {
				order = append(order, "opened last")
				tb.Fatal("in a cleanup")
			})
			return Store{Connect: func() locker.Backend { return newNaiveStore(flaws{}) }}
		}}
		b.defaults()
		c := testCase{name: "Name", rule: "The rule.", f: func(e *env) {
			e.Logf("a %s", "log")
			e.Error("first")
			e.Error("second")
		}}
		r := c.run(t, b)
		r.Errorf("too late")
		var got []string
		for _, e := range r.entries {
			got = append(got, e.text)
		}
		want := []string{"a log", "first", "rule: The rule.\nseed: 42", "second", "in a cleanup"}
		if !slices.Equal(got, want) {
			t.Errorf("recorded %q, want %q", got, want)
		}
		if want := []string{"opened last", "opened first"}; !slices.Equal(order, want) {
			t.Errorf("cleanups ran as %q, want %q", order, want)
		}
		if !r.Failed() || r.Skipped() {
			t.Errorf("failed %t, skipped %t, want true, false", r.Failed(), r.Skipped())
		}
	})
}

// TestRunAtOnce runs, on real time, some cases that need not wait for anything.
func TestRunAtOnce(t *testing.T) {
	t.Parallel()
	b := Backend{Parallel: 3, Open: broken{}.store, Skip: make(map[string]string)}
	for _, c := range cases() {
		if !slices.Contains([]string{"AcquireFree", "NamesApart", "Released", "ReleaseEnds", "DoPanic", "Close", "RawIdempotent"}, c.name) {
			b.Skip[c.name] = "it takes time"
		}
	}
	Run(t, b)
}

// TestSkip checks what is left out where a backend can't do something.
func TestSkip(t *testing.T) {
	t.Parallel()
	b := Backend{NoFencing: true, NoInspect: true, Skip: map[string]string{"FIFO": "no queue", "NoWait": ""}}
	var skipped []string
	for _, c := range cases() {
		why := c.skip(b)
		if (c.needs == fencing || c.needs == inspect) != (why != "") && c.name != "FIFO" && c.name != "NoWait" {
			t.Errorf("case %s: %q, but it needs %v", c.name, why, c.needs)
		}
		if why != "" && c.needs == nothing {
			skipped = append(skipped, c.name+": "+why)
		}
	}
	if want := []string{"NoWait: left out by Backend.Skip", "FIFO: no queue"}; !slices.Equal(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
}

// TestWithout runs the suite on a Locker that has none of what is optional.
func TestWithout(t *testing.T) {
	t.Parallel()
	b := Backend{NoFencing: true, NoInspect: true, Around: synctest.Test, Open: func(tb testing.TB) Store {
		s := newNaiveStore(flaws{oneToken: true})
		return Store{
			Connect: func() locker.Backend { return struct{ locker.Backend }{s} },
			New: func(b locker.Backend, optFns ...func(*locker.ClientOptions)) locker.Locker {
				c := locker.New(b, optFns...)
				tb.Cleanup(func() { c.Close(context.Background()) })
				return locker.LockerFunc(c.Acquire)
			},
		}
	}}
	b.defaults()
	for _, c := range cases() {
		if c.skip(b) != "" {
			continue
		}
		b.Around(t, func(t *testing.T) {
			r := c.run(t, b)
			for _, text := range r.errors() {
				t.Errorf("%s: %s", c.name, text)
			}
			if r.Skipped() != (c.needs >= closing) {
				t.Errorf("%s: skipped %t, but it needs %v", c.name, r.Skipped(), c.needs)
			}
		})
	}
}
