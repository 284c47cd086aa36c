package main

import (
	"flag"
	"time"
)

// settings are the flags: how long and how much.
type settings struct {
	short  bool
	server string

	runs, pairs int // floor

	names, handovers int // handover
	workMin, workMax time.Duration
	long, settled    time.Duration

	goroutines, processes int // crowd
	work                  time.Duration
	crowdFor, processFor  time.Duration

	waiters    int // waiters
	waitersFor time.Duration

	leases    int // leases
	leasesFor time.Duration
	leasesTTL time.Duration
	rate      int
	shared    bool

	wanted      string // peers
	peerPairs   int
	peerTTL     time.Duration
	deadAfter   time.Duration
	network     time.Duration
	cirelloFrom string
}

// shortened are the values that -short sets where the flag is not given.
var shortened = map[string]string{
	"runs": "4", "pairs": "60",
	"names": "4", "handovers": "3", "work-min": "200ms", "work-max": "400ms", "long": "12s",
	"crowd-for": "4s", "processes-for": "6s",
	"waiters": "200", "waiters-for": "14s",
	"leases": "300", "leases-for": "8s", "leases-ttl": "4s", "rate": "100",
	"peer-pairs": "30", "peer-ttl": "4s", "dead-after": "6s",
}

func newSettings() (*settings, *flag.FlagSet) {
	s := &settings{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.BoolVar(&s.short, "short", false, "smaller numbers everywhere: a look, no measurement")
	f.StringVar(&s.server, "server", "", "what AWS_ENDPOINT_URL_DYNAMODB names, such as \"DynamoDB Local 3.1.0\": a server does not tell")
	f.IntVar(&s.runs, "runs", 40, "floor: interleaved runs of each side")
	f.IntVar(&s.pairs, "pairs", 300, "floor: acquire and release, so many a run")
	f.IntVar(&s.names, "names", 8, "handover: names at once")
	f.IntVar(&s.handovers, "handovers", 25, "handover: how many on each name")
	f.DurationVar(&s.workMin, "work-min", 500*time.Millisecond, "handover: shortest time that a name is held")
	f.DurationVar(&s.workMax, "work-max", 1500*time.Millisecond, "handover: longest time")
	f.DurationVar(&s.long, "long", 25*time.Second, "handover: time held while the cost of a long wait is counted")
	f.DurationVar(&s.settled, "settled", 10*time.Second, "handover, waiters: from when on a wait is a long one")
	f.IntVar(&s.goroutines, "goroutines", 32, "crowd: goroutines in all")
	f.IntVar(&s.processes, "processes", 4, "crowd: processes that share them")
	f.DurationVar(&s.work, "work", time.Millisecond, "crowd: time that a grant is held")
	f.DurationVar(&s.crowdFor, "crowd-for", 20*time.Second, "crowd: how long with one process")
	f.DurationVar(&s.processFor, "processes-for", time.Minute, "crowd: how long with several")
	f.IntVar(&s.waiters, "waiters", 1000, "waiters: how many")
	f.DurationVar(&s.waitersFor, "waiters-for", 30*time.Second, "waiters: how long")
	f.IntVar(&s.leases, "leases", 10000, "leases: how many")
	f.DurationVar(&s.leasesFor, "leases-for", time.Minute, "leases: how long they are watched")
	f.DurationVar(&s.leasesTTL, "leases-ttl", 10*time.Second, "leases: their TTL")
	f.IntVar(&s.rate, "rate", 250, "leases: acquired so many a second")
	f.BoolVar(&s.shared, "shared-heartbeat", true, "leases: renew them all by one request, where this build can")
	f.StringVar(&s.wanted, "peers", "java,node,python,cirello", "peers: which")
	f.IntVar(&s.peerPairs, "peer-pairs", 100, "peers: acquire and release, so many")
	f.DurationVar(&s.peerTTL, "peer-ttl", 20*time.Second, "peers: TTL of the holder that dies")
	f.DurationVar(&s.deadAfter, "dead-after", 30*time.Second, "peers: from its death to the newcomer")
	f.DurationVar(&s.network, "network", 5*time.Millisecond, "peers: added to each request in the comparison with a network")
	f.StringVar(&s.cirelloFrom, "cirello", "", "peers: directory with the source of cirello.io/dynamolock/v5, if the module proxy has none")
	return s, f
}

// shorten makes of -short what it stands for.
func (s *settings) shorten(f *flag.FlagSet) {
	if !s.short {
		return
	}
	set := make(map[string]bool)
	f.Visit(func(f *flag.Flag) { set[f.Name] = true })
	for name, value := range shortened {
		if !set[name] {
			if err := f.Lookup(name).Value.Set(value); err != nil { // not f.Set: it is not what the user gave
				panic(err)
			}
		}
	}
}
