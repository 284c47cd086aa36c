package ddbmodel

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// NewRoundTripper returns an HTTP transport for the real AWS SDK that sends
// requests by send, in the process: no network, and no goroutine that outlives a
// call.
func NewRoundTripper(send Transport) http.RoundTripper { return roundTripper{send} }

type roundTripper struct{ send Transport }

// targetPrefix begins the X-Amz-Target of every request to DynamoDB.
const targetPrefix = "DynamoDB_20120810."

// RoundTrip carries out a request of the SDK.
func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	defer req.Body.Close()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	operation, ok := strings.CutPrefix(req.Header.Get("X-Amz-Target"), targetPrefix)
	if !ok {
		return nil, &UnmodelledError{"a request without X-Amz-Target"}
	}
	request, err := decodeRequest(operation, body)
	if err != nil {
		return nil, err
	}
	ans, err := r.send(req.Context(), request)
	if err != nil {
		return nil, err
	}
	content, err := encodeAnswer(ans)
	if err != nil {
		return nil, err
	}
	header := ans.header()
	header.Set("Content-Type", "application/x-amz-json-1.0")
	header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(content)), 10))
	status := ans.status()
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(content)), ContentLength: int64(len(content)), Request: req,
	}, nil
}
