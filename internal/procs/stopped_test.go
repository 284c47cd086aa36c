//go:build unix

package procs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// fourNames are enough to meet renewals in all of their phases.
var fourNames = []string{"a", "b", "c", "d"}

// TestStopped stops a holder for 3 TTL. Others have its locks by then; its leases
// are over at the first look, and what it still sends changes nothing.
func TestStopped(t *testing.T) {
	t.Parallel()
	endpoint := dynamodblocal.Endpoint(t)
	l, table := newTable(t, endpoint)
	r := newReferee(t)
	c := newCrew(t, r)
	cfg := config{Endpoint: endpoint, Table: table, Names: fourNames, TTL: ttl, MinWork: time.Hour, MaxWork: time.Hour}
	old := make(map[string]locker.Token)
	c.start(cfg)
	for _, name := range fourNames {
		old[name] = r.awaitGrant(t, limit, name, 0).Token
	}
	cfg.Worker = 1
	c.start(cfg)
	for _, name := range fourNames {
		r.await(t, limit, "worker 1 wants "+name, func() bool { return r.wantsLocked(1, name) })
	}

	stopped := make(chan bool, 1)
	resumed := make(chan struct{})
	go func() {
		defer close(resumed)
		c.pause(0, 3*ttl, stopped)
	}()
	if !<-stopped {
		t.Fatal("worker 0 could not be stopped")
	}
	next := make(map[string]locker.Token)
	for _, name := range fourNames {
		next[name] = r.awaitGrant(t, limit, name, old[name]).Token
	}
	<-resumed
	calm := sharedClock() + int64(2*ttl)
	for _, name := range fourNames {
		r.await(t, 2*time.Second, "worker 0 finds that it has lost "+name, func() bool {
			l := r.leaseLocked(name, old[name])
			return l.ended != 0 && l.Lost
		})
		// By now worker 0 has tried to renew and to release, and wants the name again.
		info, err := l.Inspect(t.Context(), name)
		if err != nil || info.Token < next[name] || info.State != locker.StateHeld || !strings.HasPrefix(info.Owner, "worker 1,") {
			t.Errorf("Inspect(%q) = %+v, %v; want token %v or a later one of its acquisition, held by worker 1", name, info, err, next[name])
		}
	}
	for _, name := range fourNames {
		r.await(t, 3*ttl, fmt.Sprintf("worker 1 still holds %s 2 TTL later", name), func() bool {
			holder := r.holderLocked(name)
			return holder.Token == next[name] && holder.Believed > calm
		})
	}
	c.stop()
	r.judge(t, ttl)
	r.table(t)
	if got := r.counted().pausedLost; got != len(fourNames) {
		t.Errorf("%d leases were lost in the pause, want %d", got, len(fourNames))
	}
}
