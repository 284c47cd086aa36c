package main

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/internal/ddbmodel"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" { // a worker of TestScenarios
		os.Exit(workerMain())
	}
	os.Exit(m.Run())
}

// model is a DynamoDB in this process, behind HTTP, with tables by these names.
func model(t *testing.T, tables ...string) string {
	t.Helper()
	store := ddbmodel.NewStore(time.Now, nil)
	for _, table := range tables {
		store.AddTable(table, "name")
	}
	next := ddbmodel.NewRoundTripper(ddbmodel.Direct(store, time.Now))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".CreateTable") {
			w.Write([]byte("{}")) // the table is there
			return
		}
		resp, err := next.RoundTrip(r)
		if err != nil {
			t.Error(err)
			http.Error(w, err.Error(), http.StatusNotImplemented)
			return
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil {
			t.Error(err)
		}
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		w.Write(body.Bytes()) // a worker that has gone away
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestScenarios runs the scenarios with tiny numbers, real processes and proxies,
// on a model of DynamoDB: they end, and what they say adds up.
func TestScenarios(t *testing.T) {
	s, flags := newSettings()
	for name, value := range map[string]string{
		"runs": "2", "pairs": "5", "names": "2", "handovers": "2", "work-min": "20ms", "work-max": "30ms", "long": "700ms", "settled": "300ms",
		"goroutines": "4", "processes": "2", "crowd-for": "300ms", "processes-for": "300ms", "waiters": "20", "waiters-for": "600ms",
		"leases": "40", "leases-for": "300ms", "leases-ttl": "1s", "rate": "0", "peers": "", "peer-pairs": "5", "peer-ttl": "1s", "dead-after": "2s",
	} {
		if err := flags.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	endpoint := model(t, "bench-floor", "bench-handover", "bench-crowd", "bench-waiters", "bench-leases", "bench-peer-", "bench-peer-bare")
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
			defer cancel()
			b := benchAt(s, endpoint)
			var out bytes.Buffer
			b.out = &out
			r := &results{Sections: make(map[string]*section)}
			if _, err := b.measure(ctx, []scenario{sc}, r, "go run ."); err != nil {
				t.Fatalf("measure = %v, want nil\n%s", err, &out)
			}
			for _, name := range wantFigures[sc.name] {
				f, ok := r.Sections[sc.name].find("", name)
				if !ok {
					t.Errorf("no figure %q in:\n%s", name, &out)
				}
				if f <= 0 && !mayBeZero[name] {
					t.Errorf("%s = %v, want more than 0", name, f)
				}
			}
		})
	}
}

// wantFigures are some of each scenario's.
var wantFigures = map[string][]string{
	"floor":    {"requests to acquire and release", "time, this library : bare SDK, median of the runs"},
	"handover": {"inside a process: p50", "inside a process: requests on the way of a hand-over", "between processes: p50", "between processes: read units a second of waiting", "between processes: read units a second, after 300ms"},
	"crowd":    {"one process: grants a second", "one process: fairness (Jain)", "several processes: grants a second", "several processes: least share of a process"},
	"waiters":  {"reads a second, at first", "leases lost by the holder"},
	"leases":   {"heap of a lease", "leases lost in 300ms", "after a kill, the first by a new process"},
	"peers":    {requestsToAcquire, pairDirect, pairCPU, pairNetwork, handOverP50, deadHolder},
}

var mayBeZero = map[string]bool{
	"inside a process: requests on the way of a hand-over": true,
	"between processes: read units a second, after 300ms":  true,
	"several processes: least share of a process":          true,
	"inside a process: p50":                                true,
	"leases lost in 300ms":                                 true,
	"leases lost by the holder":                            true,
	"reads a second, at first":                             true,
	"heap of a lease":                                      true,
	pairCPU:                                                true,
	deadHolder:                                             true,
}
