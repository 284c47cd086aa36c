package main

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// call is a request that passed the proxy.
type call struct {
	at      time.Time // of its arrival
	op      string    // such as "UpdateItem"
	key     string    // of the item, where the request names one by a string
	refused bool      // its condition failed
	read    float64   // read units
	write   float64   // write units
}

// proxy stands in front of a DynamoDB and keeps account of what passes. Each
// worker has one of its own, so that its requests are told from others'.
type proxy struct {
	url    string
	target string
	delay  time.Duration // added to every request, as a network would
	next   *http.Transport
	server *http.Server

	mu    sync.Mutex // guards calls
	calls []call
}

// newProxy listens on a port of this machine.
func newProxy(target string, delay time.Duration) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{
		url: "http://" + listener.Addr().String(), target: target, delay: delay,
		next: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true},
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go p.server.Serve(listener) // it ends with close
	return p, nil
}

func (p *proxy) close() {
	p.server.Close() // nothing is left to lose
	p.next.CloseIdleConnections()
}

// ServeHTTP passes a request on and its answer back.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	time.Sleep(p.delay)
	req, err := http.NewRequestWithContext(r.Context(), r.Method, p.target+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding") // the answer is read here
	resp, err := p.next.RoundTrip(req)
	if err != nil {
		p.add(newCall(at, r.Header, body, 0, nil))
		panic(http.ErrAbortHandler) // the connection breaks, as it did there
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	p.add(newCall(at, r.Header, body, resp.StatusCode, answer))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	w.Write(answer) // a client that has gone away
}

func (p *proxy) add(c call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, c)
}

// between returns the calls that arrived in a span of time. The zero time leaves
// that end open.
func (p *proxy) between(from, to time.Time) []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var some []call
	for _, c := range p.calls {
		if !c.at.Before(from) && (to.IsZero() || c.at.Before(to)) {
			some = append(some, c)
		}
	}
	return some
}

// counts sums up calls.
type counts struct {
	requests, reads, writes, refused int
	readUnits, writeUnits            float64
}

func sum(calls []call) counts {
	var n counts
	for _, c := range calls {
		n.requests++
		n.readUnits += c.read
		n.writeUnits += c.write
		if c.read > 0 {
			n.reads++
		}
		if c.write > 0 {
			n.writes++
		}
		if c.refused {
			n.refused++
		}
	}
	return n
}

// only returns the calls of one key.
func only(calls []call, key string) []call {
	var some []call
	for _, c := range calls {
		if c.key == key {
			some = append(some, c)
		}
	}
	return some
}

const conditionFailed = "ConditionalCheckFailedException"

// newCall reads off a request and its answer what it costs. Status 0: none came.
func newCall(at time.Time, header http.Header, body []byte, status int, answer []byte) call {
	_, op, _ := strings.Cut(header.Get("X-Amz-Target"), ".")
	c := call{at: at, op: cmp.Or(op, "?")}
	c.refused = status == http.StatusBadRequest && bytes.Contains(answer, []byte(conditionFailed))
	req, ans := parse(body), parse(answer)
	c.key = req.key()
	if status == http.StatusOK || c.refused || status == 0 {
		c.read, c.write = units(op, req, ans)
	}
	return c
}
