package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
)

// The client's own overhead: the server is in this process and costs as little as
// it can, so compare BenchmarkAcquireRelease with BenchmarkBareSDK, which sends the
// same requests. For benchstat:
//
//	go -C internal/bench test -run '^$' -bench . -count 10

// echo is an HTTP client that applies every write without looking at conditions,
// and keeps nothing: a store in this process would cost more than the client.
type echo struct {
	record   bool
	requests [][]byte
}

// Do answers a request.
func (c *echo) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	answer := []byte("{}")
	switch _, op, _ := strings.Cut(req.Header.Get("X-Amz-Target"), "."); op {
	case "DescribeTable":
		answer = []byte(`{"Table":{"TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"name","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"name","AttributeType":"S"}]}}`)
	case "UpdateItem":
		if c.record {
			c.requests = append(c.requests, body)
		}
		answer, err = written(body)
	}
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {"application/x-amz-json-1.0"}},
		Body:   io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)),
	}, err
}

// written is the answer to an UpdateItem: the attributes that it sets.
func written(request []byte) ([]byte, error) {
	var in body
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	attrs := in.Key
	set, _, _ := strings.Cut(strings.TrimPrefix(aws.ToString(in.UpdateExpression), "SET "), " REMOVE ")
	for assignment := range strings.SplitSeq(set, ", ") {
		if name, v, ok := strings.Cut(assignment, " = "); ok {
			attrs[in.ExpressionAttributeNames[name]] = in.ExpressionAttributeValues[v]
		}
	}
	return json.Marshal(map[string]any{"Attributes": attrs})
}

// newEcho is the SDK's client on it.
func newEcho() (*echo, *dynamodb.Client) {
	c := &echo{}
	s, _ := newSettings()
	return c, benchAt(s, "http://127.0.0.1:1").client(func(o *dynamodb.Options) {
		o.HTTPClient = c
		o.Retryer = aws.NopRetryer{}
		o.DisableValidateResponseChecksum = true
	})
}

const benchTable = "locks"

func newLocker(b *testing.B, api dynamo.API) *dynamo.Locker {
	b.Helper()
	l, err := dynamo.New(api, benchTable)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close(context.Background()) }) // the store ends with the benchmark
	return l
}

// BenchmarkAcquireRelease is this library's: an operation is one pair.
func BenchmarkAcquireRelease(b *testing.B) {
	_, api := newEcho()
	l := newLocker(b, api)
	if err := acquireAndRelease(b.Context(), l, "name", 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := acquireAndRelease(b.Context(), l, "name", 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareSDK sends what the library sends for a pair, without the library.
func BenchmarkBareSDK(b *testing.B) {
	const pairs = 100
	c, api := newEcho()
	l := newLocker(b, api)
	if err := acquireAndRelease(b.Context(), l, "name", 1); err != nil {
		b.Fatal(err)
	}
	c.record = true
	if err := acquireAndRelease(b.Context(), l, "name", pairs); err != nil {
		b.Fatal(err)
	}
	c.record = false
	if len(c.requests) != 2*pairs {
		b.Fatalf("%d pairs sent %d requests, want two each", pairs, len(c.requests))
	}
	inputs, err := replay(c.requests, "name", "name")
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if err := send(b.Context(), api, inputs[i:i+2]); err != nil {
			b.Fatal(err)
		}
		i = (i + 2) % len(inputs)
	}
}

// BenchmarkHandOver passes a name to and fro between two goroutines of a process;
// an operation is one grant.
func BenchmarkHandOver(b *testing.B) {
	_, api := newEcho()
	l := newLocker(b, api)
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if lease, err := l.Acquire(ctx, "name"); err == nil {
				lease.Release(ctx) // the other goroutine's grant tells
			}
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		if err := acquireAndRelease(ctx, l, "name", 1); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
}

// BenchmarkIdleLease acquires leases and keeps them; bytes/lease is the heap that
// each holds on to.
func BenchmarkIdleLease(b *testing.B) {
	_, api := newEcho()
	l := newLocker(b, api)
	if err := acquireAndRelease(b.Context(), l, "warm", 1); err != nil {
		b.Fatal(err)
	}
	const most = 1 << 20
	leases := make([]any, 0, most)
	before := heapInUse()
	for b.Loop() {
		lease, err := l.Acquire(b.Context(), "lease/"+strconv.Itoa(len(leases)))
		if err != nil {
			b.Fatal(err)
		}
		if len(leases) < most {
			leases = append(leases, lease)
		}
	}
	b.ReportMetric(float64(heapInUse()-before)/float64(len(leases)), "bytes/lease")
	runtime.KeepAlive(leases)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
