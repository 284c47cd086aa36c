package dynamodblocal

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// fakeDynamoDB answers like DynamoDB does to a request without a signature.
func fakeDynamoDB(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Requestid", "1")
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestChoose(t *testing.T) {
	t.Parallel()
	fake := fakeDynamoDB(t)
	broken := errors.New("broken")
	for _, tt := range []struct {
		name                  string
		endpoint              string
		containerErr, javaErr error
		want                  string   // How of the server
		wantTried             []string // ways that were started
		wantErr               string
	}{
		{name: "environment first", endpoint: fake, want: endpointVariable},
		{name: "environment with a slash", endpoint: fake + "/", want: endpointVariable},
		{name: "environment is final", endpoint: "nonsense", wantErr: "want a URL"},
		{name: "never AWS", endpoint: "https://dynamodb.us-east-1.amazonaws.com", wantErr: "AWS itself"},
		{name: "container next", want: "container", wantTried: []string{"container"}},
		{name: "java last", containerErr: broken, want: "java", wantTried: []string{"container", "java"}},
		{name: "none", containerErr: broken, javaErr: broken, wantTried: []string{"container", "java"}, wantErr: "no DynamoDB to be had"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var tried []string
			fakeWay := func(name string, err error) way {
				return way{name: name, start: func(context.Context) (*Server, error) {
					tried = append(tried, name)
					if err != nil {
						return nil, err
					}
					return &Server{Endpoint: "http://x", How: name}, nil
				}}
			}
			server, err := choose(t.Context(), tt.endpoint, fakeWay("container", tt.containerErr), fakeWay("java", tt.javaErr))
			if !slices.Equal(tried, tt.wantTried) {
				t.Errorf("tried %q, want %q", tried, tt.wantTried)
			}
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("choose = %v, want an error with %q", err, tt.wantErr)
				}
				if got, want := errors.Is(err, errUnavailable), tt.endpoint == ""; got != want {
					t.Errorf("errors.Is(%v, errUnavailable) = %v, want %v", err, got, want)
				}
				return
			}
			if err != nil || server.How != tt.want {
				t.Fatalf("choose = %+v, %v, want %q", server, err, tt.want)
			}
			if err := server.Stop(); err != nil {
				t.Errorf("Stop of a server without a stop = %v, want nil", err)
			}
		})
	}
}

func TestChooseCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := choose(ctx, "",
		way{name: "cancelled", start: func(ctx context.Context) (*Server, error) { cancel(); return nil, ctx.Err() }},
		way{name: "next", start: func(context.Context) (*Server, error) {
			t.Error("went on after ctx ended")
			return nil, errUnavailable
		}})
	if !errors.Is(err, context.Canceled) || errors.Is(err, errUnavailable) {
		t.Errorf("choose = %v, want context.Canceled alone", err)
	}
}

func TestCheckEndpoint(t *testing.T) {
	t.Parallel()
	for endpoint, ok := range map[string]bool{
		"http://127.0.0.1:8000":     true,
		"https://localhost":         true,
		"http://dynamodb.test:8000": true,
		"http://[::1]:8000":         true,
		"":                          false,
		"127.0.0.1:8000":            false,
		"ftp://127.0.0.1":           false,
		"https://dynamodb.eu-west-1.amazonaws.com":        false,
		"https://DynamoDB.eu-west-1.AmazonAWS.com.:443":   false,
		"https://dynamodb.cn-north-1.amazonaws.com.cn":    false,
		"https://123456789012.ddb.us-east-1.api.aws":      false,
		"https://vpce-1.dynamodb.eu-west-1.amazonaws.com": false,
	} {
		if err := checkEndpoint(endpoint); (err == nil) != ok {
			t.Errorf("checkEndpoint(%q) = %v, want ok %v", endpoint, err, ok)
		}
	}
}

func TestWaitReady(t *testing.T) {
	t.Parallel()
	fake := fakeDynamoDB(t)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, endpoints := range [][]string{{fake}, {other.URL, fake}} {
		if got, err := waitReady(t.Context(), startTimeout, nil, endpoints...); got != fake || err != nil {
			t.Errorf("waitReady(%q) = %q, %v, want %q", endpoints, got, err, fake)
		}
	}

	exited := make(chan struct{})
	close(exited)
	_, err := waitReady(t.Context(), startTimeout, exited, other.URL)
	if err == nil || !strings.Contains(err.Error(), "exited") || !strings.Contains(err.Error(), "request ID") {
		t.Errorf("waitReady of an exited server = %v, want an error that says so, and what was answered", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := waitReady(ctx, startTimeout, nil, fake); !errors.Is(err, context.Canceled) {
		t.Errorf("waitReady with ctx ended = %v, want context.Canceled", err)
	}
}
