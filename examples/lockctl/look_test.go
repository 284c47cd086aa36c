package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What people and programs are shown.
func TestLook(t *testing.T) {
	s := ready(t)
	if got := s.want(0, "ls", "-o", "json"); strings.TrimSpace(got.out) != "[]" {
		t.Errorf("ls of nothing printed %q, want []", got.out)
	}
	s.start("run", "a/1", "--owner", "the \x1b[31mholder", "--ttl", "5s", "--", "sleep", "300")
	eventually(t, 10*time.Second, "it holds", func() bool { return len(s.held()) == 1 })
	s.want(0, "run", "a/2", "--", "true")

	text := s.want(0, "ls").out
	if !strings.Contains(text, `a/1   held   the \x1b[31mholder`) || strings.Contains(text, "a/2") || strings.Contains(text, "\x1b") {
		t.Errorf("ls printed\n%s", text)
	}
	if text := s.want(0, "ls", "-a", "a/").out; !strings.Contains(text, "a/2") {
		t.Errorf("ls -a printed\n%s", text)
	}
	if text := s.want(0, "ls", "b").out; strings.Contains(text, "a/1") {
		t.Errorf("ls b printed\n%s", text)
	}
	l := s.show("a/1")
	if l.State != "held" || l.TTL != 5 || l.Token == 0 || l.ID == "" || l.Acquired == nil || time.Since(*l.Acquired) > time.Minute {
		t.Errorf("show printed %+v", l)
	}
	if text := s.want(0, "show", "a/1").out; !strings.Contains(text, "state:     held") {
		t.Errorf("show printed\n%s", text)
	}
	if l := s.show("none"); l.State != "free" {
		t.Errorf("show of a name that never was printed %+v", l)
	}

	watch := s.start("watch", "a/", "--every", "0.1", "-o", "json")
	watch.prints("\n")
	line, _, _ := strings.Cut(watch.out.String(), "\n")
	var frame struct {
		Time  time.Time
		Locks []lock
	}
	if err := json.Unmarshal([]byte(line), &frame); err != nil || len(frame.Locks) != 1 || frame.Time.IsZero() {
		t.Errorf("watch printed %q: %v", line, err)
	}
}

// With --output json, what run tells is JSON too.
func TestRunJSON(t *testing.T) {
	s := ready(t)
	s.start("run", "job", "--owner", "the first", "--", "sleep", "300")
	eventually(t, 10*time.Second, "it holds", func() bool { return len(s.held()) == 1 })
	got := s.want(120, "run", "job", "-w", "0.2", "-o", "json", "--", "true")
	lines := strings.Split(strings.TrimSpace(got.err), "\n")
	if len(lines) != 2 {
		t.Fatalf("printed %q, want two lines", got.err)
	}
	var waiting struct {
		Event string
		Lock  lock
	}
	var failure struct {
		Error  string
		Status int
	}
	if err := json.Unmarshal([]byte(lines[0]), &waiting); err != nil || waiting.Event != "waiting" || waiting.Lock.Owner != "the first" {
		t.Errorf("printed %q first: %v", lines[0], err)
	}
	if err := json.Unmarshal([]byte(lines[1]), &failure); err != nil || failure.Status != 120 || failure.Error == "" {
		t.Errorf("printed %q last: %v", lines[1], err)
	}
	var b broken
	s.json(&b, "break", "job", "--token", strconv.FormatInt(waiting.Lock.Token, 10))
	if !b.Broken || b.Lock.Owner != "the first" {
		t.Errorf("break printed %+v", b)
	}
	if !s.show("job").Broken {
		t.Error("show does not say that the lock was broken")
	}
}

func TestTable(t *testing.T) {
	s := missing(t)
	s.want(1, "table", "show")
	if got := s.want(1, "table", "delete", "--yes"); !strings.Contains(got.err, "no table") || strings.Contains(got.err, "create") {
		t.Errorf("delete of a table that is not there printed %q", got.err)
	}
	var d done
	s.json(&d, "table", "create", "--read-units", "2")
	if got := s.want(1, "table", "create"); d.Done != "ordered" || !strings.Contains(got.err, "lockctl table show") {
		t.Errorf("create printed %+v, then %q", d, got.err)
	}
	var shown shownTable
	s.json(&shown, "table", "show")
	if shown.Billing != "PROVISIONED" || len(shown.Wrong) != 1 || !strings.Contains(shown.Wrong[0], "ensure") {
		t.Errorf("show printed %+v, want that time to live is off", shown)
	}
	s.json(&d, "table", "ensure")
	s.json(&shown, "table", "show")
	if d.Done != "ready" || len(shown.Wrong) != 0 || shown.Key != "HASH name (S)" || shown.Status != "ACTIVE" || shown.Table != s.table {
		t.Errorf("ensure printed %+v, show %+v", d, shown)
	}
	if got := s.want(0, "table", "show").out; !strings.Contains(got, "purgeAt, ENABLED") {
		t.Errorf("show printed\n%s", got)
	}
	s.json(&d, "table", "delete", "--yes")
	s.want(1, "table", "show")
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if status, got := call(t, "completion", shell); status != 0 || !strings.Contains(got.out, "lockctl") {
			t.Errorf("completion %s = %d, printed %q", shell, status, got.out)
		}
	}
	s := ready(t)
	s.want(0, "run", "nightly/a", "--", "true")
	s.want(0, "run", "other", "--", "true")
	if got := s.want(0, "__complete", "show", "night").out; !strings.HasPrefix(got, "nightly/a\n") || strings.Contains(got, "other") {
		t.Errorf("completing night gives %q", got)
	}
	if got := s.want(0, "__complete", "ls", "--output", "j").out; !strings.Contains(got, "json") {
		t.Errorf("completing --output j gives %q", got)
	}
}

func TestTimeline(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record.jsonl")
	const record = `{"time":"2030-01-01T03:00:00Z","msg":"lock acquired","lock":"job","owner":"ann","id":"1","token":5}` + "\n"
	if err := os.WriteFile(path, []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, got := call(t, "timeline", path, "-o", "json"); status != 0 || !strings.Contains(got.out, `"events":1`) {
		t.Errorf("timeline = %d, printed %q", status, got)
	}
	if page, err := os.ReadFile(filepath.Join(dir, "record.html")); err != nil || !strings.Contains(string(page), "ann") {
		t.Errorf("the page is %q, %v", page, err)
	}
	for status, args := range map[int][]string{0: {"timeline", path, "--to", "-"}, 1: {"timeline", filepath.Join(dir, "none")}, 2: {"timeline", path, "--to", path}} {
		if got, printed := call(t, args...); got != status {
			t.Errorf("lockctl %q = %d, want %d; it printed %q", args, got, status, printed)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != record {
		t.Errorf("the record has become %q, %v", got, err)
	}
}
