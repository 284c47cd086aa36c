package dynamo

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// relay passes connections on to DynamoDB, byte by byte.
type relay struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	conns []*relayed
	cut   int // of the next answer: bytes that come through before a reset; 0: all
}

// relayed is a connection from a client.
type relayed struct {
	client, server net.Conn
	frozen         chan struct{} // closed: bytes are swallowed, in both directions
	freeze         func()
}

// openRelayed opens a process whose connections go through a relay.
func openRelayed(t *testing.T) (*process, *relay) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, to: strings.TrimPrefix(dynamodblocal.Endpoint(t), "http://")}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.serve(&serving, conn)
		}
	})
	faults := faulthttp.New(nil)
	l, err := New(dynamodblocal.Client(t, faults.Use, func(o *dynamodb.Options) { o.BaseEndpoint = aws.String("http://" + listener.Addr().String()) }), theTable.use(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close(context.WithoutCancel(t.Context()))
		faults.CloseIdleConnections()
		listener.Close()
		r.mu.Lock()
		for _, c := range r.conns {
			c.client.Close()
			c.server.Close()
		}
		r.mu.Unlock()
		serving.Wait()
	})
	p := &process{l, faults}
	p.warm(t)
	return p, r
}

func (r *relay) serve(serving *sync.WaitGroup, client net.Conn) {
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		client.Close()
		return
	}
	frozen := make(chan struct{})
	c := &relayed{client, server, frozen, sync.OnceFunc(func() { close(frozen) })}
	r.mu.Lock()
	r.conns = append(r.conns, c)
	r.mu.Unlock()
	serving.Go(func() { c.copy(server, client, nil) })
	serving.Go(func() { c.copy(client, server, r.passes) })
}

// copy passes on what it reads, as much of it as passes says, and resets the
// connection if that is not all.
func (c *relayed) copy(to, from net.Conn, passes func(n int) int) {
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-c.frozen:
			io.Copy(io.Discard, from)
			return
		default:
		}
		through := n
		if passes != nil {
			through = passes(n)
		}
		to.Write(buf[:through])
		if through < n {
			to.(*net.TCPConn).SetLinger(0)
			from.Close()
			return
		}
		if err != nil {
			return
		}
	}
}

func (r *relay) passes(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut > 0 && n > 0 {
		n, r.cut = min(n, r.cut), 0
	}
	return n
}

// dialled returns how many connections there were.
func (r *relay) dialled() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// TestResetMidAnswer resets the connection in the middle of an answer: one try is
// lost, and the next one, on a connection of its own, finds what it has done.
func TestResetMidAnswer(t *testing.T) {
	t.Parallel()
	p, r := openRelayed(t)
	before := r.dialled()
	r.mu.Lock()
	r.cut = 40 // in the header
	r.mu.Unlock()
	lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second), locker.WithoutRenewal())
	wantSoonRepeated(t, p)
	p.wantCounts(t, "TryAcquire", counts{"UpdateItem": 2})
	if n := r.dialled() - before; n != 1 {
		t.Errorf("%d connections were made, want 1 for the second try", n)
	}
	wantHolder(t, lease)
}

// TestHalfOpenConnection lets the idle connections of a process go dead without a
// word, as a firewall does: one try is lost to its timeout, and the next one dials.
func TestHalfOpenConnection(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second
	p, r := openRelayed(t)
	lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second), locker.WithoutRenewal())
	p.faults.Reset()
	before := r.dialled()
	r.mu.Lock()
	for _, c := range r.conns {
		c.freeze()
	}
	r.mu.Unlock()
	second := acquire(t, p, t.Name()+"/2", locker.WithTTL(ttl), locker.WithoutRenewal())
	records := p.faults.Records()
	if len(records) != 2 || r.dialled() == before {
		t.Fatalf("%d tries and %d new connections, want 2 tries of which the second dials", len(records), r.dialled()-before)
	}
	if d := records[0].Answered.Sub(records[0].Made); d < attemptTimeout(ttl)*9/10 || d > attemptTimeout(ttl)+prompt {
		t.Errorf("the first try took %v, want its timeout of %v", d, attemptTimeout(ttl))
	}
	wantHolder(t, second)
	wantHolder(t, lease)
}
