package dynamodblocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"
)

// Image is the container image of DynamoDB Local. It is run with its default
// command.
const Image = "amazon/dynamodb-local:" + version

const (
	version       = "3.1.0"
	containerPort = "8000/tcp"

	engineTimeout = 5 * time.Second // for an engine to say that it is there
	pullTimeout   = 4 * time.Minute // for a container to start, image included
)

// quiet is what testcontainers logs to.
var quiet = log.New(io.Discard, "", 0)

// startContainer runs [Image] by testcontainers. The variable
// HOLDFAST_CONTAINER_RUN, if set, becomes the label holdfast.run of the
// container, so that whoever set it can find what a killed test left behind.
func startContainer(ctx context.Context) (server *Server, err error) {
	// testcontainers panics where it finds an engine's settings but no engine.
	defer func() {
		if p := recover(); p != nil {
			server, err = nil, fmt.Errorf("testcontainers panicked: %v", p)
		}
	}()
	if err := findEngine(ctx); err != nil {
		return nil, err
	}
	runCtx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	options := []testcontainers.ContainerCustomizer{
		testcontainers.WithExposedPorts(containerPort),
		testcontainers.WithLogger(quiet),
	}
	if run := os.Getenv("HOLDFAST_CONTAINER_RUN"); run != "" {
		options = append(options, testcontainers.WithLabels(map[string]string{"holdfast.run": run}))
	}
	c, err := testcontainers.Run(runCtx, Image, options...)
	if err != nil {
		if strings.Contains(err.Error(), "reaper") {
			err = fmt.Errorf("%w (where its helper image can't be had, set TESTCONTAINERS_RYUK_DISABLED=true)", err)
		}
		return nil, errors.Join(err, terminate(c))
	}
	endpoint, err := containerReady(runCtx, c)
	if err != nil {
		return nil, errors.Join(err, terminate(c))
	}
	return &Server{
		Endpoint: endpoint,
		How:      "testcontainers: " + Image,
		stop:     func() error { return terminate(c) },
	}, nil
}

// findEngine returns nil when an engine answers. It runs in a goroutine of its
// own since testcontainers looks for one without any time limit.
func findEngine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	found := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				found <- fmt.Errorf("no engine: %v", p)
			}
		}()
		found <- askEngine(ctx)
	}()
	select {
	case err := <-found:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no engine answers in %v", engineTimeout)
	}
}

func askEngine(ctx context.Context) error {
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(quiet))
	if err != nil {
		return fmt.Errorf("no engine: %w", err)
	}
	defer provider.Close()
	// Where DOCKER_HOST does not answer, testcontainers goes on to the default
	// socket. Whoever set DOCKER_HOST meant that engine.
	if want, got := os.Getenv("DOCKER_HOST"), provider.Client().DaemonHost(); want != "" && got != want {
		return fmt.Errorf("no engine: DOCKER_HOST=%q does not answer", want)
	}
	return provider.Health(ctx)
}

// containerReady waits for the server in c and returns its URL. It asks at this
// machine's own address first, then at the engine's: inside a container
// testcontainers takes the gateway for the engine, which it is not always.
func containerReady(ctx context.Context, c *testcontainers.DockerContainer) (string, error) {
	host, err := c.Host(ctx)
	if err != nil {
		return "", err
	}
	port, err := c.MappedPort(ctx, containerPort)
	if err != nil {
		return "", err
	}
	// Not localhost: an engine may map the IPv6 port to another number.
	own := "http://" + net.JoinHostPort("127.0.0.1", port.Port())
	if host == "localhost" {
		return waitReady(ctx, startTimeout, nil, own)
	}
	return waitReady(ctx, startTimeout, nil, own, "http://"+net.JoinHostPort(host, port.Port()))
}

// terminate removes the container, if there is one. DynamoDB Local keeps nothing
// worth a graceful end.
func terminate(c *testcontainers.DockerContainer) error {
	if c == nil {
		return nil
	}
	return testcontainers.TerminateContainer(c, testcontainers.StopTimeout(0))
}
