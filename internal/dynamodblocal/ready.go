package dynamodblocal

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	connectTimeout = 10 * time.Second // for a server that should be running
	startTimeout   = time.Minute      // for one that was just started
	pollInterval   = 50 * time.Millisecond
)

// waitReady returns the first of the endpoints at which a DynamoDB answers, and
// an error after the timeout, when ctx ends, or when exited is closed; a nil
// exited never is.
func waitReady(ctx context.Context, timeout time.Duration, exited <-chan struct{}, endpoints ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var last error // but for one that only says that ctx ended
	for {
		for _, endpoint := range endpoints {
			err := probe(ctx, endpoint)
			if err == nil {
				return endpoint, nil
			}
			if last == nil || ctx.Err() == nil {
				last = err
			}
		}
		select {
		case <-exited:
			return "", fmt.Errorf("the server exited: %w", last)
		case <-ctx.Done():
			return "", fmt.Errorf("no answer in %v: %w", timeout, last)
		case <-ticker.C:
		}
	}
}

// probe asks for nothing in particular: DynamoDB refuses a request without a
// signature, but with its request ID.
func probe(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)); err != nil {
		return err
	}
	if resp.Header.Get("X-Amzn-Requestid") == "" {
		return fmt.Errorf("HTTP status %s without a DynamoDB request ID", resp.Status)
	}
	return nil
}
