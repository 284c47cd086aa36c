//go:build unix

package procs

import (
	"context"
	"os"
	"testing"
	"time"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// restartTTL is long enough for a lease to outlive the restart of DynamoDB: its
// holder has to hear of it from the store, not from the clock.
const restartTTL = 15 * time.Second

// TestRestart restarts DynamoDB, which has everything in memory and loses it.
//
// The promise rests on the store keeping its data: for as long as a lease from
// before still lasts, its holder and a new one may both believe. So this checks
// what remains: holders notice at their next renewal, tokens rise all the same,
// and a register that checks them loses no update. Two leases of one era, before
// or after, never overlap here either.
func TestRestart(t *testing.T) {
	t.Parallel()
	const table = "procs"
	server := ownServer(t)
	p := newProxy(t, server.Endpoint)
	r := newReferee(t)
	c := newCrew(t, r)
	makeTable(t, server.Endpoint, table)

	cfg := config{Endpoint: p.url, Table: table, TTL: restartTTL}
	workers := []clockKind{rightClock, aheadClock, behindClock, rightClock, rightClock}
	for n, clock := range workers {
		busy := cfg
		busy.Worker, busy.Clock, busy.Names, busy.MaxWork = n, clock, []string{"a", "b"}, time.Second
		c.start(busy)
	}
	keeper := cfg
	keeper.Worker, keeper.Names, keeper.MinWork, keeper.MaxWork = len(workers), []string{"wanted", "alone"}, time.Hour, time.Hour
	c.start(keeper)
	last := make(map[string]locker.Token)
	for _, name := range keeper.Names {
		last[name] = r.awaitGrant(t, limit, name, 0).Token
	}
	keeper.Worker, keeper.Names = len(workers)+1, []string{"wanted"}
	c.start(keeper)
	r.await(t, limit, "somebody waits for the keeper", func() bool { return r.wantsLocked(keeper.Worker, "wanted") })
	for _, name := range []string{"a", "b"} {
		first := r.awaitGrant(t, 2*limit, name, 0).Token
		last[name] = r.awaitGrant(t, 2*limit, name, first).Token
	}

	r.nextEra()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	server = ownServer(t)
	p.to(server.Endpoint)
	r.nextEra()
	makeTable(t, server.Endpoint, table)
	ready := sharedClock()

	const soon = restartTTL/3 + restartTTL/6 + 2*time.Second // a renewal is due, makes a try in vain, and the next
	for _, name := range []string{"wanted", "alone"} {
		r.await(t, soon, "the keeper notices that it has lost "+name, func() bool {
			l := r.leaseLocked(name, last[name])
			return l.ended != 0 && l.Lost
		})
		l := r.lease(name, last[name])
		t.Logf("the keeper noticed %v after the table was back: %s", at(l.ended-ready), l.Error)
	}
	for _, name := range []string{"a", "b", "wanted", "alone"} {
		r.awaitGrant(t, 2*restartTTL, name, last[name])
	}
	time.Sleep(3 * time.Second)
	c.stop()
	r.judge(t, restartTTL)
	r.table(t)
}

// nextEra is called when the store loses what it knows, and when it is back.
func (r *referee) nextEra() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.era++
	r.figures.restarts = r.era / 2
	r.noteLocked("era %d of the store", r.era)
}

// ownServer starts a DynamoDB that the test may stop, which the one that the
// environment names is not. t is skipped where none can be started, unless one is
// required.
func ownServer(t *testing.T) *dynamodblocal.Server {
	t.Helper()
	const variable = "AWS_ENDPOINT_URL_DYNAMODB"
	dynamodblocal.Endpoint(t) // after this nobody else reads the variable
	if endpoint, ok := os.LookupEnv(variable); ok {
		os.Unsetenv(variable)
		defer os.Setenv(variable, endpoint)
	}
	server, err := dynamodblocal.Start(t.Context())
	switch {
	case err == nil:
	case os.Getenv("LOCKER_REQUIRE_DYNAMODB") == "1":
		t.Fatal(err)
	default:
		t.Skip("a DynamoDB that can be restarted: ", err)
	}
	t.Cleanup(func() { _ = server.Stop() }) // an error: it was stopped
	return server
}

func makeTable(t *testing.T, endpoint, table string) {
	t.Helper()
	l, err := dynamo.New(client(endpoint), table)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(context.Background())
	if err := l.EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
}
