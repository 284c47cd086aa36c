// Package faulthttp stands between a DynamoDB client and its server, as the
// network does: it counts requests by operation, and lets go wrong what a test
// orders.
//
//	faults := faulthttp.New(nil)
//	client := dynamodblocal.Client(t, faults.Use)
//	faults.Inject("UpdateItem", 1, faulthttp.Lose())
//
// Orders for one operation are carried out one after the other, each for the
// number of requests that it was given for; a nil [Fault] lets requests pass.
//
// Reading order: transport.go, call.go, fault.go, edit.go, replay.go.
package faulthttp

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Any is the operation that stands for all of them in [Transport.Inject].
const Any = ""

// Transport is an [http.RoundTripper] with faults. Its methods are safe for use by
// several goroutines at once; apart from RoundTrip none of them blocks.
type Transport struct {
	next http.RoundTripper

	mu      sync.Mutex
	orders  map[string][]order
	always  Fault
	records []*Record
	sent    map[string]int
}

// order is a fault and for how many requests it still is; below 0: all.
type order struct {
	n     int
	fault Fault
}

// Record is a request that a client has made.
type Record struct {
	Operation string      // such as "UpdateItem"
	Header    http.Header // of the request
	Body      []byte      // of the request
	Made      time.Time   // by the client
	Answered  time.Time   // when the client got its answer or error; zero while it waits
}

// New returns a Transport before next, without any faults yet. A nil next is an
// [http.Transport] of its own that keeps 64 idle connections.
func New(next http.RoundTripper) *Transport {
	if next == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConnsPerHost = 64
		next = own
	}
	return &Transport{next: next, orders: make(map[string][]order), sent: make(map[string]int)}
}

// Use makes a client send its requests through t. It is an option of
// dynamodb.New and the like.
func (t *Transport) Use(o *dynamodb.Options) { o.HTTPClient = &http.Client{Transport: t} }

// CloseIdleConnections closes what the transport behind t keeps open.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Inject orders fault for the next n requests of an operation, or for all of them
// if n is below 0. An order for [Any] is for requests of all operations that have
// none of their own. A nil fault lets requests pass.
func (t *Transport) Inject(operation string, n int, fault Fault) {
	if n == 0 {
		return
	}
	if fault == nil {
		fault = (*Call).Send
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.orders[operation] = append(t.orders[operation], order{n, fault})
}

// Always makes every request pass through fault besides what is ordered for it:
// fault's sends are subject to the orders. A nil fault ends that.
func (t *Transport) Always(fault Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.always = fault
}

// Clear forgets all orders. Requests that a fault has in its hands already are
// left to it.
func (t *Transport) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.orders)
	t.always = nil
}

// Counts returns how many requests of each operation the client has made, faulty
// or not, since the beginning or the last [Transport.Reset].
func (t *Transport) Counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := make(map[string]int)
	for _, r := range t.records {
		counts[r.Operation]++
	}
	return counts
}

// Sent returns how many requests of each operation the server has answered. It
// differs from [Transport.Counts] by those that were dropped or repeated, or are
// on their way.
func (t *Transport) Sent() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.sent)
}

// Records returns the requests that the client has made, in their order, since
// the beginning or the last [Transport.Reset].
func (t *Transport) Records() []Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	records := make([]Record, len(t.records))
	for i, r := range t.records {
		records[i] = *r
	}
	return records
}

// Reset begins to count anew. Orders stay.
func (t *Transport) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records = nil
	clear(t.sent)
}

// RoundTrip counts the request and passes it through the fault that is due.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := readAll(req.Body)
	if err != nil {
		return nil, err
	}
	c := &Call{Operation: operation(req), Body: body, t: t, req: req}
	r := &Record{Operation: c.Operation, Header: req.Header.Clone(), Body: body, Made: time.Now()}
	t.mu.Lock()
	t.records = append(t.records, r)
	fault, always := t.nextLocked(c.Operation), t.always
	t.mu.Unlock()
	if always != nil {
		c.inner = fault
		fault = always
	}
	resp, err := fault(c)
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Answered = time.Now()
	return resp, err
}

// nextLocked returns the fault for the next request of an operation.
func (t *Transport) nextLocked(operation string) Fault {
	for _, key := range []string{operation, Any} {
		orders := t.orders[key]
		if len(orders) == 0 {
			continue
		}
		fault := orders[0].fault
		if orders[0].n > 0 {
			orders[0].n--
		}
		if orders[0].n == 0 {
			t.orders[key] = orders[1:]
		}
		return fault
	}
	return (*Call).Send
}

// operation returns the DynamoDB operation of a request, "" for one without.
func operation(req *http.Request) string {
	_, op, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	return op
}

// answered counts an answer of the server.
func (t *Transport) answered(operation string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent[operation]++
}

// reader makes a body of b.
func reader(b []byte) *bytes.Reader { return bytes.NewReader(b) }
