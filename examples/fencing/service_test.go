package fencing

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// serve serves the register in the file until the test's end.
func serve(t *testing.T, path string) *httptest.Server {
	t.Helper()
	s, err := OpenRegister(path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server
}

// value returns what a register answers.
func value(t *testing.T, server *httptest.Server) string {
	t.Helper()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestService(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "register")
	server := serve(t, path)
	fenced(t, func(v string, token locker.Token) error {
		err := PutValue(t.Context(), server.Client(), server.URL, v, token)
		server.Close()
		server = serve(t, path)
		return err
	}, func() string { return value(t, server) })
	for _, token := range []string{"", "0", "-1", strings.Repeat("9", 30)} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Fencing-Token", token)
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || value(t, server) == "x" {
			t.Errorf("a write with token %q is answered with %s, want %d", token, resp.Status, http.StatusBadRequest)
		}
	}
}

// A holder is paused before its write until another has the lock, and the service
func TestServiceLate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "register")
	locks := memory.New()
	server := serve(t, path)
	late, err := locks.Acquire(t.Context(), "register")
	if err != nil {
		t.Fatal(err)
	}
	locks.Store().Expire("register")
	later, err := locks.Store().Open().Acquire(t.Context(), "register")
	if err != nil {
		t.Fatal(err)
	}
	if err := PutValue(t.Context(), server.Client(), server.URL, "later", later.Token()); err != nil {
		t.Errorf("PutValue of the holder = %v, want nil", err)
	}
	for _, when := range []string{"before", "after"} {
		err := PutValue(t.Context(), server.Client(), server.URL, "late", late.Token())
		if got := value(t, server); !errors.Is(err, locker.ErrStale) || got != "later" {
			t.Errorf("%s a restart: PutValue of a late holder = %v, the value is %q; want ErrStale, and what the later one wrote", when, err, got)
		}
		server.Close()
		server = serve(t, path)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRegister(path); err == nil {
		t.Error("OpenRegister of a damaged file = nil, want an error: nobody knows its highest token")
	}
}
