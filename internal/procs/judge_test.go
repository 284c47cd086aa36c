//go:build unix

package procs

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// pause is a time in which every thread of a process was certainly stopped.
type pause struct {
	worker, pid int
	from, to    int64
}

// kill is the death of a process.
type kill struct {
	worker, pid int
	at          int64
	held        map[string]locker.Token // the names under which it held a lease
}

// judge ends the recording: it judges what takes the whole of it, and fails the
// test with a timeline if anything was wrong.
func (r *referee) judge(t *testing.T, ttl time.Duration) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judgeBeliefLocked()
	r.judgePausesLocked(ttl)
	for name, n := range r.names {
		if n.fenced.lost > 0 || n.fenced.value != n.fenced.writes {
			r.wrongLocked("the fenced register of %s shows %d after %d writes, %d of them lost updates", name, n.fenced.value, n.fenced.writes, n.fenced.lost)
		}
	}
	if len(r.wrong) == 0 {
		return
	}
	path := filepath.Join(artifacts(t), fmt.Sprintf("procs-%s-%d.txt", t.Name(), os.Getpid()))
	var b strings.Builder
	for _, e := range r.log {
		fmt.Fprintf(&b, "%12v  %s\n", at(e.at-r.figures.begin), e.text)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Error(err)
	}
	t.Errorf("%d violations, timeline in %s:\n%s", len(r.wrong), path, strings.Join(r.wrong, "\n"))
}

// judgeBeliefLocked is the promise: of the leases on one name no two were believed
// in at one instant. Each was believed in from From to Believed at least.
func (r *referee) judgeBeliefLocked() {
	type key struct {
		name string
		era  int
	}
	byName := make(map[key][]*lease)
	for _, l := range r.leases {
		if l.era >= 0 && l.Believed >= l.From {
			k := key{l.Name, l.era}
			byName[k] = append(byName[k], l)
		}
	}
	for k, leases := range byName {
		slices.SortFunc(leases, func(a, b *lease) int { return cmp.Compare(a.From, b.From) })
		var last *lease // of those so far the one that was believed in longest
		for _, l := range leases {
			if last != nil && l.From <= last.Believed {
				r.wrongLocked("two believed in %s at once: worker %d with token %v until %v, worker %d with token %v from %v",
					k.name, last.Worker, last.Token, at(last.Believed-r.figures.begin), l.Worker, l.Token, at(l.From-r.figures.begin))
			}
			if last == nil || l.Believed > last.Believed {
				last = l
			}
		}
	}
}

// judgePausesLocked checks that no lease was believed in after a pause longer than
// its TTL: not even at the first look.
func (r *referee) judgePausesLocked(ttl time.Duration) {
	for _, p := range r.pauses {
		if p.to-p.from <= int64(ttl) {
			continue
		}
		for _, l := range r.leases {
			switch {
			case l.PID != p.pid || l.From > p.from:
			case l.Believed >= p.to:
				r.wrongLocked("worker %d believed in token %v of %s at %v, after a pause of %v until %v",
					l.Worker, l.Token, l.Name, at(l.Believed-r.figures.begin), at(p.to-p.from), at(p.to-r.figures.begin))
			case l.Lost && l.ended > p.to:
				r.figures.pausedLost++
			}
		}
	}
}

// judgeKills checks that the names of those killed were had by others in time,
// unless one of the others was stopped or killed meanwhile: it may have had the
// lock without ever telling. It counts what it judged.
func (r *referee) judgeKills(t *testing.T, end int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.kills {
		for name, token := range k.held {
			took := int64(-1)
			for _, l := range r.leases {
				if l.Name == name && l.reported > k.at && l.Token > token {
					took = l.reported - k.at
					break
				}
			}
			switch {
			case took >= 0 && took <= int64(limit):
				r.figures.takeOvers++
				r.figures.slowest = max(r.figures.slowest, time.Duration(took))
			case k.at+int64(limit) > end || r.disturbedLocked(k):
				r.figures.excused++
			default:
				t.Errorf("worker %d was killed at %v holding %s with token %v; nobody had it within %v (but after %v)",
					k.worker, at(k.at-r.figures.begin), name, token, limit, at(took))
			}
		}
	}
}

// disturbedLocked reports whether any worker was stopped or killed in the time
// after a kill.
func (r *referee) disturbedLocked(k kill) bool {
	until := k.at + int64(limit)
	return slices.ContainsFunc(r.pauses, func(p pause) bool { return p.from < until && p.to > k.at }) ||
		slices.ContainsFunc(r.kills, func(o kill) bool { return o.at > k.at && o.at < until })
}

// at is a time since the beginning, for people to read.
func at(ns int64) time.Duration { return time.Duration(ns).Round(time.Millisecond) }
