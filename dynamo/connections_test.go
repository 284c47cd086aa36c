package dynamo

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
)

// TestOpenConnections shows that many requests at once find connections that are
// kept from the time before.
func TestOpenConnections(t *testing.T) {
	t.Parallel()
	const n = 200
	var dialled atomic.Int64
	var all sync.WaitGroup // requests of a round that have not arrived
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		all.Done()
		all.Wait()
		w.Write([]byte("{}"))
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			dialled.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	l, err := Open(t.Context(), "locks", func(o *Options) {
		o.Endpoint, o.Region = srv.URL, "us-east-1"
		o.Credentials = credentials.NewStaticCredentialsProvider("id", "secret", "")
	})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	for round := range 2 {
		before := dialled.Load()
		all.Add(n)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if _, err := l.Inspect(t.Context(), t.Name()); err != nil {
					t.Errorf("Inspect(%q) = %v, want nil", t.Name(), err)
				}
			})
		}
		wg.Wait()
		if got := dialled.Load() - before; round > 0 && got > n/20 {
			t.Errorf("%d requests at once dialled %d times, want hardly ever", n, got)
		}
	}
}
