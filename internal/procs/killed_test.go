//go:build unix

package procs

import (
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// TestKilled kills a holder again and again. Whoever waits has its locks within
// two TTL and the margin, with higher tokens.
func TestKilled(t *testing.T) {
	t.Parallel()
	endpoint := dynamodblocal.Endpoint(t)
	_, table := newTable(t, endpoint)
	r := newReferee(t)
	c := newCrew(t, r)
	launch := func(worker int) {
		c.start(config{
			Worker: worker, Endpoint: endpoint, Table: table, Names: fourNames, TTL: ttl,
			MinWork: time.Hour, MaxWork: time.Hour, Clock: []clockKind{aheadClock, behindClock}[worker],
		})
	}
	launch(0)
	last := make(map[string]locker.Token)
	for _, name := range fourNames {
		last[name] = r.awaitGrant(t, limit, name, 0).Token
	}
	for holder := range 3 {
		holder %= 2
		waiter := 1 - holder
		launch(waiter)
		for _, name := range fourNames {
			r.await(t, limit, "the waiter wants "+name, func() bool { return r.wantsLocked(waiter, name) })
		}
		time.Sleep(ttl / 4) // renewals and polls go on
		c.kill(holder)
		for _, name := range fourNames {
			got := r.awaitGrant(t, limit, name, last[name])
			if got.Worker != waiter {
				t.Errorf("worker %d has %s, want %d", got.Worker, name, waiter)
			}
			last[name] = got.Token
		}
	}
	c.stop()
	r.judgeKills(t, sharedClock())
	r.judge(t, ttl)
	r.table(t)
	if got, want := r.counted().takeOvers, 3*len(fourNames); got != want {
		t.Errorf("%d take-overs in time, want %d", got, want)
	}
}
