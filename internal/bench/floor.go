package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/bench/worker"
)

// recorder is the HTTP client of both sides. It counts requests, and keeps their
// bodies while it is told to.
type recorder struct {
	next     aws.HTTPClient
	requests atomic.Int64
	record   bool
	bodies   [][]byte
}

// Do sends a request.
func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	r.requests.Add(1)
	if r.record && req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		r.bodies = append(r.bodies, body)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r.next.Do(req)
}

// keepConnections is the pool that docs/performance.md advises.
func keepConnections(t *http.Transport) {
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
}

// sides of the comparison.
type side struct{ micros, cpuMicros []float64 } // of each run, for each pair

// floor compares acquire and release with the same two requests sent by the bare
// SDK: the bodies that the library sent once, sent again by UpdateItem on the same
// client, on an item that is as new. Each run has a name of its own, of one length.
func (b *bench) floor(ctx context.Context, s *section) error {
	const table = "bench-floor"
	if err := b.createTable(ctx, table, holdfast.hash, holdfast.sort); err != nil {
		return err
	}
	rec := &recorder{next: awshttp.NewBuildableClient().WithTransportOptions(keepConnections)}
	api := b.client(func(o *dynamodb.Options) {
		o.HTTPClient = rec
		o.Retryer = aws.NopRetryer{}
		o.DisableValidateResponseChecksum = true
	})
	l, err := dynamo.New(api, table)
	if err != nil {
		return err
	}
	defer l.Close(ctx) // everything was released

	const recorded = "floor/0000"
	library := func(name string, n int) error { return acquireAndRelease(ctx, l, name, n) }
	if err := library("floor/warm", 20); err != nil { // the table is looked at, connections are open
		return err
	}
	rec.record = true
	if err := library(recorded, b.pairs); err != nil {
		return err
	}
	rec.record = false
	bodies := rec.bodies
	if len(bodies) != 2*b.pairs {
		return fmt.Errorf("%d acquires and releases sent %d requests, want two each", b.pairs, len(bodies))
	}
	if err := sameBodies(ctx, rec, api, bodies, recorded, "floor/same"); err != nil {
		return err
	}
	var ours, bare side
	for i := range b.runs {
		first := i%2 == 0 // who goes first changes
		for _, isOurs := range []bool{first, !first} {
			b.progress.say("run %d of %d", i+1, b.runs)
			name := fmt.Sprintf("floor/%04d", 2*i+2)
			if !isOurs {
				name = fmt.Sprintf("floor/%04d", 2*i+1)
			}
			inputs, err := replay(bodies, recorded, name)
			if err != nil {
				return err
			}
			if isOurs {
				err = ours.measure(b.pairs, func() error { return library(name, b.pairs) })
			} else {
				err = bare.measure(b.pairs, func() error { return send(ctx, api, inputs) })
			}
			if err != nil {
				return err
			}
		}
	}
	before := rec.requests.Load()
	if err := library("floor/last", 1); err != nil {
		return err
	}
	requests := float64(rec.requests.Load() - before)
	timeRatios, cpuRatios := ratios(ours.micros, bare.micros), ratios(ours.cpuMicros, bare.cpuMicros)
	s.add(figure{Name: "requests to acquire and release", Value: requests, Most: 2})
	s.add(figure{Name: "time, this library : bare SDK, median of the runs", Value: median(timeRatios), Unit: "x", Most: 1.05})
	s.add(figure{Name: "client CPU, this library : bare SDK, median of the runs", Value: median(cpuRatios), Unit: "x", Most: 1.15})
	s.add(figure{Name: "time of a pair", Value: median(ours.micros) / 1000, Unit: "ms"})
	s.add(figure{Name: "client CPU of a pair", Value: median(ours.cpuMicros) / 1000, Unit: "ms"})
	s.add(figure{Of: bareSDK, Name: "time of a pair", Value: median(bare.micros) / 1000, Unit: "ms"})
	s.add(figure{Of: bareSDK, Name: "client CPU of a pair", Value: median(bare.cpuMicros) / 1000, Unit: "ms"})
	s.keep("time of a pair, µs: X this library, Y bare SDK", curve{X: ours.micros, Y: bare.micros})
	s.keep("CPU of a pair, µs: X this library, Y bare SDK", curve{X: ours.cpuMicros, Y: bare.cpuMicros})
	return nil
}

const bareSDK = "bare SDK"

func acquireAndRelease(ctx context.Context, l *dynamo.Locker, name string, n int) error {
	for range n {
		lease, err := l.Acquire(ctx, name)
		if err != nil {
			return err
		}
		if err := lease.Release(ctx); err != nil {
			return err
		}
	}
	return nil
}

// send sends what a library once sent.
func send(ctx context.Context, api *dynamodb.Client, inputs []*dynamodb.UpdateItemInput) error {
	for _, in := range inputs {
		if _, err := api.UpdateItem(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// measure takes the time and the CPU of f, which does n pairs.
func (s *side) measure(n int, f func() error) error {
	runtime.GC() // each run pays for its own garbage
	cpu, start := worker.CPU(), time.Now()
	err := f()
	took, used := time.Since(start), worker.CPU()-cpu
	s.micros = append(s.micros, float64(took.Microseconds())/float64(n))
	s.cpuMicros = append(s.cpuMicros, float64(used.Microseconds())/float64(n))
	return err
}

// ratios are those of runs that were made one after the other.
func ratios(a, b []float64) []float64 {
	all := make([]float64, len(a))
	for i := range a {
		all[i] = a[i] / b[i]
	}
	return all
}
