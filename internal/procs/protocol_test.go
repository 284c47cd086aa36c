//go:build unix

package procs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"example.com/holdfast/locker"
)

// workerVariable holds the config, in JSON, of a process that is a worker.
const workerVariable = "HOLDFAST_PROCS_WORKER"

// config is what a worker is told when it starts.
type config struct {
	Worker   int    // its number, which it keeps when it is restarted
	Referee  string // URL of the referee
	Endpoint string // of DynamoDB
	Table    string
	Names    []string // it works under each of them at once, one goroutine a name
	TTL      time.Duration
	MinWork  time.Duration
	MaxWork  time.Duration
	Clock    clockKind
	Delay    time.Duration // up to which requests are delayed; 0: none
	Seed     uint64
}

// stage is where a worker is.
type stage string

const (
	wants   stage = "wants"   // calls Acquire next
	refused stage = "refused" // Acquire returned an error
	holds   stage = "holds"   // Acquire returned a lease
	reads   stage = "reads"   // reads both registers
	works   stage = "works"   // goes on working
	checked stage = "checked" // found its lease good, and writes next
	writes  stage = "writes"  // writes both registers, whatever happened since
	over    stage = "over"    // the lease was lost or released
	broken  stage = "broken"  // something happened that must not
)

// report is what a worker tells the referee. All moments are by sharedClock.
type report struct {
	Worker int
	PID    int
	Name   string
	Stage  stage
	Token  locker.Token // of the lease

	// From is when Acquire had returned; Believed the last moment after which
	// Err returned nil. The worker held the lock, as far as it knew, from From to
	// Believed.
	From, Believed int64

	Lost            bool // over: not released
	Fenced, Control int  // writes: the new values
	Error           string
}

// verdict is the referee's answer.
type verdict struct {
	Fenced, Control int  // reads: the values
	Stale           bool // reads, writes: the fenced register has refused
}

// tell sends a report and returns the referee's answer.
func tell(url string, r report) (verdict, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return verdict{}, err
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(b))
	if err != nil {
		return verdict{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return verdict{}, fmt.Errorf("the referee answers %s", resp.Status)
	}
	var v verdict
	return v, json.NewDecoder(resp.Body).Decode(&v)
}
