package fencing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }

// fenced writes with one token after the other, and wants those refused, and to
// change nothing, that are below a token before them.
func fenced(t *testing.T, write func(value string, token locker.Token) error, read func() string) {
	t.Helper()
	kept := ""
	for i, step := range []struct {
		token locker.Token
		ok    bool
	}{{5, true}, {5, true}, {4, false}, {9, true}, {5, false}, {9, true}, {1 << 52, true}, {9, false}} {
		value := fmt.Sprint(100 + i)
		err := write(value, step.token)
		if step.ok {
			kept = value
		}
		if step.ok && err != nil || !step.ok && !errors.Is(err, locker.ErrStale) {
			t.Errorf("write %d, with token %v, = %v, want it accepted: %v", i, step.token, err, step.ok)
		}
		if got := read(); got != kept {
			t.Errorf("after write %d the value is %q, want %q", i, got, kept)
		}
	}
}

// granting is a store that grants every attempt, with one token.
type granting locker.Token

func (g granting) Acquire(_ context.Context, a locker.Attempt) (locker.Grant, error) {
	return locker.Grant{Name: a.Name, ID: a.ID, Token: locker.Token(g), TTL: a.TTL}, nil
}

func (granting) Renew(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) {
	return g, nil
}

func (granting) Release(context.Context, locker.Grant, time.Duration) error { return nil }

// leaseWith returns a lease with the token.
func leaseWith(t *testing.T, token locker.Token) *locker.Lease {
	t.Helper()
	lease, err := locker.New(granting(token)).Acquire(t.Context(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// bucket is an object as S3 keeps it, for HEAD and for PUT with If-Match.
type bucket struct {
	mu          sync.Mutex
	body, token string
	version     int
	meanwhile   func() // called between a HEAD and what follows
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	etag := fmt.Sprintf("%q", fmt.Sprint(b.version))
	switch {
	case r.Method == http.MethodHead:
		w.Header().Set("ETag", etag)
		if b.token != "" {
			w.Header().Set(tokenHeader, b.token)
		}
		if b.meanwhile != nil {
			b.meanwhile()
		}
	case r.Header.Get("If-Match") != etag:
		w.WriteHeader(http.StatusPreconditionFailed)
	default:
		body, _ := io.ReadAll(r.Body)
		b.body, b.token, b.version = string(body), r.Header.Get(tokenHeader), b.version+1
	}
}

func TestObject(t *testing.T) {
	t.Parallel()
	var b bucket
	server := httptest.NewServer(&b)
	defer server.Close()
	fenced(t, func(value string, token locker.Token) error {
		return PutObject(t.Context(), server.Client(), server.URL, []byte(value), token)
	}, func() string { return b.body })

	// A later holder comes between the look and the write of one that was paused.
	b.meanwhile = func() { b.body, b.token, b.version = "the later one's", locker.Token(1<<52+1).String(), b.version+1 }
	if err := PutObject(t.Context(), server.Client(), server.URL, []byte("late"), 1<<52); err == nil || b.body != "the later one's" {
		t.Errorf("PutObject = %v, and the object is %q, want it refused", err, b.body)
	}
}
