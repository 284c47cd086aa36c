package faulthttp

import (
	"context"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
)

// Fault is what happens to one request on its way to the server and back. What it
// returns is what the client sees. It may call [Call.Send] any number of times,
// and may block, but not for longer than [Call.Context] lasts. It may be used for
// several requests at once.
//
// The functions of this package that return a Fault cover what a network does;
// write another for what they don't cover.
type Fault func(*Call) (*http.Response, error)

// Call is a request in the hands of a [Fault].
type Call struct {
	Operation string // such as "UpdateItem"
	Body      []byte // of the request; not to be changed

	t     *Transport
	req   *http.Request
	inner Fault // of a Call that Transport.Always handles: what was ordered
}

// Context is the client's. A client that has given up no longer waits for what
// the Fault returns.
func (c *Call) Context() context.Context { return c.req.Context() }

// Send sends the request and returns the answer, read to its end. Within
// [Transport.Always] it passes through what was ordered.
func (c *Call) Send() (*http.Response, error) {
	if c.inner != nil {
		fault := c.inner
		return fault(&Call{Operation: c.Operation, Body: c.Body, t: c.t, req: c.req})
	}
	return c.SendWith(c.Context())
}

// SendWith is Send with a context of its own, for a request that outlives its
// caller, and past [Transport.Always].
func (c *Call) SendWith(ctx context.Context) (*http.Response, error) {
	req := c.req.Clone(ctx)
	req.Body = io.NopCloser(reader(c.Body))
	req.ContentLength = int64(len(c.Body))
	resp, err := c.t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	b, err := readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	c.t.answered(c.Operation)
	resp.Body = io.NopCloser(reader(b))
	return resp, nil
}

// Answer makes a response to the call without sending it. Its checksum is right.
func (c *Call) Answer(status int, body []byte) *http.Response {
	resp := &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Requestid": {"faulthttp"}},
		Request: c.req,
	}
	setBody(resp, body)
	return resp
}

// setBody replaces the body of a response, with its length and checksum.
func setBody(resp *http.Response, body []byte) {
	resp.Body = io.NopCloser(reader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	resp.Header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
}

// readAll reads a body to its end and closes it.
func readAll(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	defer body.Close()
	return io.ReadAll(body)
}
