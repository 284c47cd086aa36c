package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Two terminals and one lock: the second waits and says for whom. When the first is
// killed its command goes too, and the second gets in soon after the TTL. Broken, it
// ends its command with the status for that. The record of it becomes a picture.
func TestStory(t *testing.T) {
	s := ready(t)
	const ttl = 2 * time.Second
	record := filepath.Join(t.TempDir(), "story.jsonl")
	run := func(owner string) *process {
		return s.start("run", "job", "--ttl", ttl.String(), "--owner", owner, "--record", record, "--", "sh", "-c", "echo pid $$; exec sleep 300")
	}
	first := run("the first")
	first.prints("pid ")
	_, text, _ := strings.Cut(first.out.String(), "pid ")
	child, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}

	second := run("the second")
	second.prints(`waiting for "job", held by "the first" with token`)
	if got := s.show("job"); got.Owner != "the first" || got.State != "held" || got.Remaining <= 0 || got.Remaining > ttl.Seconds() {
		t.Errorf("show = %+v, want it held by the first", got)
	}
	first.cmd.Process.Kill()
	killed := time.Now()
	eventually(t, 5*time.Second, "the command of the first has ended", func() bool { return !alive(child) })
	second.prints("pid ")
	if d := time.Since(killed); d > ttl+3*time.Second {
		t.Errorf("the second got in %v after the first was killed, want at most %v", d, ttl+3*time.Second)
	}

	now := s.show("job")
	s.want(2, "break", "job") // nobody can be asked
	s.want(1, "break", "job", "--token", "1")
	if got := s.want(0, "break", "job", "--token", strconv.FormatInt(now.Token, 10)); !strings.Contains(got.out, "broken") {
		t.Errorf("break printed %q", got.out)
	}
	second.wantExit(121, ttl+3*time.Second)
	eventually(t, ttl+3*time.Second, "the lock that was broken is free", func() bool { return s.show("job").State != "held" })
	s.want(0, "run", "job", "--owner", "the third", "--record", record, "--", "true")
	if got := s.want(0, "break", "job", "--token", "1"); !strings.Contains(got.out, "free") {
		t.Errorf("break of a free lock printed %q", got.out)
	}

	lines, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(lines, []byte(`"lock waiting"`)); got != 1 {
		t.Errorf("the record tells %d times that somebody waits, want once:\n%s", got, lines)
	}
	s.want(0, "timeline", record)
	page, err := os.ReadFile(strings.TrimSuffix(record, ".jsonl") + ".html")
	if err != nil {
		t.Fatal(err)
	}
	_, plots, _ := bytes.Cut(page, []byte(`<div class="plot">`)) // without the legend
	for part, want := range map[string]int{`class="held `: 3, `class="unsure `: 1, `class="wait"`: 1, `class="wait `: 0, `class="takeover"`: 1, `class="end"`: 1} {
		if got := bytes.Count(plots, []byte(part)); got != want {
			t.Errorf("the picture has %d of %s, want %d", got, part, want)
		}
	}
	for _, want := range []string{"the command ended with status 143", "lost: taken by another"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the picture does not say %q", want)
		}
	}
}
