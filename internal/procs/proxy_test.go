//go:build unix

package procs

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy gives servers that come and go one address.
type proxy struct {
	url string

	mu     sync.Mutex
	target string            // host and port
	conns  map[net.Conn]bool // open ones
}

func newProxy(t *testing.T, endpoint string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: "http://" + l.Addr().String(), conns: make(map[net.Conn]bool)}
	p.to(endpoint)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			wg.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.to("http://gone.invalid")
		wg.Wait()
	})
	return p
}

// to passes connections to a server from now on, and ends those to the one before.
func (p *proxy) to(endpoint string) {
	u, err := url.Parse(endpoint)
	if err != nil {
		panic(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u.Host
	for conn := range p.conns {
		conn.Close()
	}
}

// serve copies bytes both ways until one side ends.
func (p *proxy) serve(conn net.Conn) {
	defer conn.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return // the client sees its connection end
	}
	defer server.Close()
	p.mu.Lock()
	if p.target != target {
		p.mu.Unlock()
		return
	}
	p.conns[conn] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
	}()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(server, conn); done <- struct{}{} }()
	go func() { _, _ = io.Copy(conn, server); done <- struct{}{} }()
	<-done
}
