package dynamodblocal

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// endpointVariable is the SDK's own variable for DynamoDB's endpoint.
const endpointVariable = "AWS_ENDPOINT_URL_DYNAMODB"

// errUnavailable says that this machine has none of the ways to a DynamoDB.
var errUnavailable = errors.New(`dynamodblocal: no DynamoDB to be had; to get one, start Docker (or another engine that testcontainers can use), ` +
	`or install Java 17 and Maven, or set ` + endpointVariable + ` to the URL of a running DynamoDB Local`)

// Server is a DynamoDB Local that tests can use.
type Server struct {
	Endpoint string // base URL, such as http://127.0.0.1:32768
	How      string // how it was had, such as "testcontainers: amazon/dynamodb-local:3.1.0"

	stop  func() error
	notes []string // why the ways before this one were not taken
}

// Stop ends a server that [Start] started, with all its tables; one that was
// found running is left alone. It blocks for as long as the server takes, a few
// seconds at most. It may be called once.
func (s *Server) Stop() error {
	if s.stop == nil {
		return nil
	}
	return s.stop()
}

// Start finds or starts a DynamoDB Local in the order of the package comment and
// returns when it answers. The caller stops it. Ctx bounds the call only. Tests
// use [Endpoint] instead; Start is for programs such as benchmarks.
func Start(ctx context.Context) (*Server, error) {
	return choose(ctx, os.Getenv(endpointVariable),
		way{name: "testcontainers", start: warmed(startContainer)},
		way{name: "java", start: warmed(startJava)},
	)
}

// way is one way to a DynamoDB of one's own. Its start may fail for any reason,
// and the next way is tried then.
type way struct {
	name  string
	start func(context.Context) (*Server, error)
}

// choose takes the endpoint if there is one, and else the first way that leads
// to a server. An endpoint that can't be used is an error and no reason to go
// on: whoever set it wants that server and no other.
func choose(ctx context.Context, endpoint string, ways ...way) (*Server, error) {
	if endpoint != "" {
		return fromEnvironment(ctx, endpoint)
	}
	var notes []string
	for _, w := range ways {
		server, err := w.start(ctx)
		if err == nil {
			server.notes = notes
			return server, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("dynamodblocal: %w", context.Cause(ctx))
		}
		notes = append(notes, fmt.Sprintf("%s: %v", w.name, err))
	}
	return nil, fmt.Errorf("%w\n\t%s", errUnavailable, strings.Join(notes, "\n\t"))
}

func fromEnvironment(ctx context.Context, endpoint string) (*Server, error) {
	endpoint = strings.TrimRight(endpoint, "/")
	if err := checkEndpoint(endpoint); err != nil {
		return nil, fmt.Errorf("dynamodblocal: %s=%q: %w", endpointVariable, endpoint, err)
	}
	if _, err := waitReady(ctx, connectTimeout, nil, endpoint); err != nil {
		return nil, fmt.Errorf("dynamodblocal: %s=%q: %w", endpointVariable, endpoint, err)
	}
	return &Server{Endpoint: endpoint, How: endpointVariable}, nil
}

// checkEndpoint refuses what is no URL, and AWS itself: tests create and delete
// tables.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("want a URL such as http://127.0.0.1:8000")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	for _, domain := range []string{"amazonaws.com", "amazonaws.com.cn", "aws", "amazonaws.eu"} {
		if strings.HasSuffix(host, "."+domain) {
			return errors.New("this is AWS itself, and tests are kept away from it")
		}
	}
	return nil
}
