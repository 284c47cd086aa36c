package dynamodblocal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
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
	pullTries     = 3
)

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
	log := &pullLog{giveUp: cancel}
	options := []testcontainers.ContainerCustomizer{
		testcontainers.WithExposedPorts(containerPort),
		testcontainers.WithLogger(log),
	}
	if run := os.Getenv("HOLDFAST_CONTAINER_RUN"); run != "" {
		options = append(options, testcontainers.WithLabels(map[string]string{"holdfast.run": run}))
	}
	c, err := testcontainers.Run(runCtx, Image, options...)
	if err != nil {
		return nil, errors.Join(err, log.pullError(), terminate(c))
	}
	endpoint, err := containerEndpoint(runCtx, c)
	if err == nil {
		err = waitReady(ctx, endpoint, startTimeout, nil)
	}
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
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(&pullLog{}))
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

func containerEndpoint(ctx context.Context, c *testcontainers.DockerContainer) (string, error) {
	host, err := c.Host(ctx)
	if err != nil {
		return "", err
	}
	if host == "localhost" {
		host = "127.0.0.1" // an engine may map the IPv6 port to another number
	}
	port, err := c.MappedPort(ctx, containerPort)
	if err != nil {
		return "", err
	}
	return "http://" + net.JoinHostPort(host, port.Port()), nil
}

// terminate removes the container, if there is one. DynamoDB Local keeps nothing
// worth a graceful end.
func terminate(c *testcontainers.DockerContainer) error {
	if c == nil {
		return nil
	}
	return testcontainers.TerminateContainer(c, testcontainers.StopTimeout(0))
}

// pullLog is the logger of testcontainers, of which it keeps quiet. It counts
// the failures to pull an image: testcontainers would retry for minutes where no
// registry can be reached, and the next way should be tried instead.
type pullLog struct {
	giveUp   context.CancelFunc
	failures atomic.Int32
	last     atomic.Pointer[string]
}

// Printf implements the logger of testcontainers.
func (l *pullLog) Printf(format string, args ...any) {
	if !strings.HasPrefix(format, "Failed to pull image") {
		return
	}
	message := fmt.Sprintf(format, args...)
	l.last.Store(&message)
	if l.failures.Add(1) >= pullTries && l.giveUp != nil {
		l.giveUp()
	}
}

// pullError returns the last failure to pull an image, nil if there was none.
func (l *pullLog) pullError() error {
	if last := l.last.Load(); last != nil {
		return fmt.Errorf("%s (where testcontainers can't pull its helper image, set TESTCONTAINERS_RYUK_DISABLED=true)", *last)
	}
	return nil
}
