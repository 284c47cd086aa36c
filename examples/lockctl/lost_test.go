package main

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
)

// A DynamoDB that is not to be reached any more costs the lease when its time is
// over, not before, and the command is told.
func TestLostByOutage(t *testing.T) {
	s := ready(t)
	target, err := url.Parse(dynamodblocal.Endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	way := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}})
	defer way.Close()
	const ttl = 2 * time.Second
	p := s.start("run", "job", "--ttl", ttl.String(), "--endpoint", way.URL, "--", "sh", "-c", "echo ready; exec sleep 300")
	p.prints("ready")
	way.CloseClientConnections()
	way.Config.Close()
	cut := time.Now()
	p.wantExit(121, ttl+5*time.Second)
	if d := time.Since(cut); d < ttl/2 {
		t.Errorf("the lease was given up %v after the way was cut, want at least %v", d, ttl/2)
	}
	if !strings.Contains(p.out.String(), "expired") {
		t.Errorf("it printed\n%s", p.out)
	}
}

// A lockctl that was stopped for longer than the TTL has lost its lease when it goes
// on, and another has had it meanwhile.
func TestLostWhileStopped(t *testing.T) {
	s := ready(t)
	const ttl = 2 * time.Second
	p := s.start("run", "job", "--ttl", ttl.String(), "--", "sh", "-c", "echo ready; exec sleep 300")
	p.prints("ready")
	p.cmd.Process.Signal(syscall.SIGSTOP)
	stopped := time.Now()
	s.want(0, "run", "job", "-q", "--", "true")
	if d := time.Since(stopped); d > ttl+3*time.Second {
		t.Errorf("the next one got in after %v, want at most %v", d, ttl+3*time.Second)
	}
	p.cmd.Process.Signal(syscall.SIGCONT)
	p.wantExit(121, 5*time.Second)
	s.wantFree()
}
