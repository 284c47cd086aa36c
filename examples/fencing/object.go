package fencing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"

	"example.com/holdfast/locker"
)

// tokenHeader is the object's metadata that keeps the token of its last writer.
const tokenHeader = "X-Amz-Meta-Fencing-Token"

// PutObject replaces an object unless a later holder has. S3 can't compare tokens,
// but it replaces an object on condition that it is still the one that was read:
// so read the token, compare it here, and make the write depend on the ETag.
// client signs the requests; the object exists.
func PutObject(ctx context.Context, client *http.Client, url string, body []byte, token locker.Token) error {
	seen, err := send(ctx, client, http.MethodHead, url, nil, nil)
	if err != nil {
		return err
	}
	if s := seen.Header.Get(tokenHeader); s != "" {
		last, err := locker.ParseToken(s)
		if err != nil {
			return err
		}
		if token < last {
			return fmt.Errorf("%s: %w", url, locker.ErrStale)
		}
	}
	put, err := send(ctx, client, http.MethodPut, url, body, http.Header{
		"If-Match":  {seen.Header.Get("ETag")},
		tokenHeader: {token.String()},
	})
	if err == nil && put.StatusCode >= 300 {
		return fmt.Errorf("%s: written meanwhile: look again", url)
	}
	return err
}

// send makes one request. Of the errors it leaves to the caller those by which a
// server says that another came first.
func send(ctx context.Context, client *http.Client, method, url string, body []byte, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode < 300, resp.StatusCode == http.StatusConflict, resp.StatusCode == http.StatusPreconditionFailed:
		return resp, nil
	}
	return nil, fmt.Errorf("%s %s: %s", method, url, resp.Status)
}
