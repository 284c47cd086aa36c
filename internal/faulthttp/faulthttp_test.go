package faulthttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// server answers every request like DynamoDB, with the number of the request as
// the guid of an item.
type server struct {
	*httptest.Server
	requests atomic.Int64
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := fmt.Appendf(nil, `{"Attributes":{"guid":{"S":"%d"},"token":{"N":"1790000000000001"}}}`, s.requests.Add(1))
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(b)), 10))
		w.Header().Set("Date", "Sun, 22 Nov 2026 00:53:57 GMT")
		w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s
}

// post makes a request of an operation, and reads the answer to its end.
func post(ctx context.Context, t *testing.T, faults *Transport, url, operation string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	resp, err := (&http.Client{Transport: faults}).Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

// TestFaults shows for each fault what the client sees, and whether the server
// was asked.
func TestFaults(t *testing.T) {
	t.Parallel()
	until := make(chan struct{})
	close(until)
	for _, tt := range []struct {
		name    string
		fault   Fault
		sent    int64
		err     error  // that the client sees
		status  int    // 0: 200
		body    string // a part of it
		header  string // with the value want
		want    string
		cut     time.Duration // after which the client gives up
		atLeast time.Duration // that it takes
		badSum  bool
	}{
		{name: "none", sent: 1, body: `"guid":{"S":"1"}`},
		{name: "drop", fault: Drop(), err: syscall.ECONNRESET},
		{name: "refuse", fault: Refuse(), err: syscall.ECONNREFUSED},
		{name: "fail", fault: Fail(errors.ErrUnsupported), err: errors.ErrUnsupported},
		{name: "lose", fault: Lose(), sent: 1, err: syscall.ECONNRESET},
		{name: "hang", fault: Hang(), cut: 10 * time.Millisecond, err: context.DeadlineExceeded},
		{name: "hang after", fault: HangAfter(), sent: 1, cut: time.Second, err: context.DeadlineExceeded},
		{name: "stall", fault: Stall(until), sent: 1, body: `"S":"1"`},
		{name: "stall for ever", fault: Stall(nil), cut: 10 * time.Millisecond, err: context.DeadlineExceeded},
		{name: "delay", fault: Delay(30 * time.Millisecond), sent: 1, body: `"S":"1"`, atLeast: 30 * time.Millisecond},
		{name: "delay too long", fault: Delay(time.Hour), sent: 1, cut: time.Second, err: context.DeadlineExceeded},
		{name: "error", fault: Error(400, "ThrottlingException", "slow"), status: 400, body: `#ThrottlingException"`},
		{name: "error with members", fault: ErrorWith(400, "T", "", map[string]any{"A": []string{"b"}}), status: 400, body: `"A":["b"]`},
		{name: "fail after", fault: FailAfter(500, "InternalServerError", "x"), sent: 1, status: 500, body: "InternalServerError", header: "Date", want: "Sun, 22 Nov 2026 00:53:57 GMT"},
		{name: "answer", fault: Answer(200, `{"Table":{}}`), body: `{"Table":{}}`},
		{name: "header", fault: Header("Age", "7"), sent: 1, header: "Age", want: "7"},
		{name: "header removed", fault: Header("Date", ""), sent: 1, header: "Date"},
		{name: "shift", fault: ShiftDate(-time.Hour), sent: 1, header: "Date", want: "Sat, 21 Nov 2026 23:53:57 GMT"},
		{name: "checksum", fault: WrongChecksum(), sent: 1, badSum: true},
		{name: "truncate", fault: Truncate(5), sent: 1, body: `{"Att`, err: io.ErrUnexpectedEOF},
		{name: "not JSON", fault: NotJSON(), sent: 1, body: "<html>"},
		{name: "echo", fault: Echo("guid", map[string]any{"S": "other"}), sent: 1, body: `"guid":{"S":"other"},"token":{"N":"1790000000000001"}`},
		{name: "echo without", fault: Echo("guid", nil), sent: 1, body: `{"Attributes":{"token"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			faults := New(nil)
			faults.Inject("UpdateItem", 1, tt.fault)
			ctx := t.Context()
			if tt.cut > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.cut)
				defer cancel()
			}
			begin := time.Now()
			resp, body, err := post(ctx, t, faults, s.URL, "UpdateItem")
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("error = %v, want %v", err, tt.err)
			}
			if d := time.Since(begin); d < tt.atLeast {
				t.Errorf("answered after %v, want %v", d, tt.atLeast)
			}
			if got := s.requests.Load(); got != tt.sent {
				t.Errorf("%d requests reached the server, want %d", got, tt.sent)
			}
			if got := faults.Counts()["UpdateItem"]; got != 1 {
				t.Errorf("Counts = %d, want 1", got)
			}
			if got := faults.Sent()["UpdateItem"]; int64(got) != tt.sent {
				t.Errorf("Sent = %d, want %d", got, tt.sent)
			}
			if !strings.Contains(body, tt.body) {
				t.Errorf("body = %q, want %q in it", body, tt.body)
			}
			if resp == nil {
				return
			}
			if want := max(200, tt.status); resp.StatusCode != want {
				t.Errorf("status = %d, want %d", resp.StatusCode, want)
			}
			if tt.header != "" && resp.Header.Get(tt.header) != tt.want {
				t.Errorf("%s = %q, want %q", tt.header, resp.Header.Get(tt.header), tt.want)
			}
			sum := strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10)
			if bad := sum != resp.Header.Get("X-Amz-Crc32"); bad != tt.badSum && tt.err == nil {
				t.Errorf("checksum is wrong: %v, want %v", bad, tt.badSum)
			}
		})
	}
}

// TestInject shows in which order faults are used, and for which operations.
func TestInject(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	faults := New(nil)
	faults.Inject("UpdateItem", 1, nil)
	faults.Inject("UpdateItem", 0, Error(418, "Never", ""))
	faults.Inject("UpdateItem", 2, Error(500, "A", ""))
	faults.Inject("UpdateItem", 1, Error(400, "B", ""))
	faults.Inject(Any, -1, Error(404, "C", ""))
	got := func(operation string) int {
		resp, _, err := post(t.Context(), t, faults, s.URL, operation)
		if err != nil {
			t.Fatalf("%s = %v, want nil", operation, err)
		}
		return resp.StatusCode
	}
	var statuses []int
	for _, op := range []string{"UpdateItem", "GetItem", "UpdateItem", "UpdateItem", "UpdateItem", "UpdateItem", "UpdateItem"} {
		statuses = append(statuses, got(op))
	}
	faults.Clear()
	statuses = append(statuses, got("UpdateItem"))
	if want := []int{200, 404, 500, 500, 400, 404, 404, 200}; !slices.Equal(statuses, want) {
		t.Errorf("statuses = %v, want %v", statuses, want)
	}
	if got, want := faults.Counts(), (map[string]int{"UpdateItem": 7, "GetItem": 1}); !maps.Equal(got, want) {
		t.Errorf("Counts = %v, want %v", got, want)
	}
	if records := faults.Records(); len(records) != 8 || records[1].Operation != "GetItem" || string(records[1].Body) != "{}" || records[1].Answered.Before(records[1].Made) {
		t.Errorf("Records = %v, want 8, the second of GetItem with its body", records)
	}
	faults.Reset()
	if got := faults.Counts(); len(got) != 0 {
		t.Errorf("Counts after Reset = %v, want none", got)
	}
}

// TestAlways shows that a fault for every request goes together with ordered ones.
func TestAlways(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	faults := New(nil)
	faults.Always(ShiftDate(time.Hour))
	faults.Inject("GetItem", 1, NotJSON())
	for i, want := range []string{"<html>", "Attributes"} {
		resp, body, err := post(t.Context(), t, faults, s.URL, "GetItem")
		if err != nil || !strings.Contains(body, want) || resp.Header.Get("Date") != "Sun, 22 Nov 2026 01:53:57 GMT" {
			t.Errorf("answer %d = %v, %q, %v, want %q an hour later", i, resp, body, err, want)
		}
	}
}

// TestCopies shows requests that arrive again, or late.
func TestCopies(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	faults := New(nil)
	copies := make(chan *Copy, 2)
	faults.Inject("UpdateItem", 1, Keep(copies))
	faults.Inject("UpdateItem", 1, Late(copies))
	ctx, cancel := context.WithCancel(t.Context())
	if _, _, err := post(ctx, t, faults, s.URL, "UpdateItem"); err != nil {
		t.Errorf("the request of which a copy is kept = %v, want nil", err)
	}
	if _, _, err := post(ctx, t, faults, s.URL, "UpdateItem"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the late request = %v, want ECONNRESET", err)
	}
	cancel() // copies do not depend on the client
	if got := s.requests.Load(); got != 1 {
		t.Errorf("%d requests before the copies, want 1", got)
	}
	for i := range 2 {
		resp, err := (<-copies).Deliver(t.Context())
		if err != nil {
			t.Fatalf("Deliver = %v, want nil", err)
		}
		var answer struct {
			Attributes struct{ GUID struct{ S string } }
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Attributes.GUID.S != strconv.Itoa(i+2) {
			t.Errorf("Deliver answers %+v, %v, want guid %d", answer, err, i+2)
		}
	}
}
