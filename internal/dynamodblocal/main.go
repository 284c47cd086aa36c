package dynamodblocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// The region and credentials of [Client], and those that [Main] puts into the
// environment. They open nothing: DynamoDB Local accepts any.
const (
	Region          = "us-east-1"
	AccessKeyID     = "holdfast"
	SecretAccessKey = "local"
)

// Main runs the tests of m, stops the server if one of them asked for it, and
// returns the exit code, for a TestMain to hand to [os.Exit].
//
// While it runs no test can reach AWS by accident: every AWS_ variable but
// AWS_ENDPOINT_URL_DYNAMODB is taken out of the environment and replaced by
// dummy credentials, a region, and for all other services an endpoint at which
// nothing listens.
//
// How DynamoDB was had is printed to standard error, once.
func Main(m *testing.M) int {
	setEnvironment()
	return shared.run(m.Run)
}

// Endpoint returns the base URL of the test process's server, such as
// http://127.0.0.1:32768. The first call blocks until the server answers, which
// takes seconds, or minutes where an image or jars have to be fetched; all
// others return at once. It skips or fails t when there is no server, as the
// package comment says, and fails t outside of [Main]. It may be called by many
// goroutines at once, like [testing.TB.Fatal] only by the one that runs the test.
func Endpoint(t testing.TB) string {
	t.Helper()
	server, err := shared.get()
	if err != nil {
		report(t, err, required())
		return ""
	}
	return server.Endpoint
}

// Client returns a new client of the server at [Endpoint], with dummy
// credentials and nothing taken from the environment; optFns act on its options.
func Client(t testing.TB, optFns ...func(*dynamodb.Options)) *dynamodb.Client {
	t.Helper()
	return dynamodb.New(options(Endpoint(t)), optFns...)
}

func options(endpoint string) dynamodb.Options {
	return dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       Region,
		Credentials:  credentials.NewStaticCredentialsProvider(AccessKeyID, SecretAccessKey, ""),
	}
}

func required() bool { return os.Getenv("LOCKER_REQUIRE_DYNAMODB") == "1" }

// reporter is what report needs of a testing.TB.
type reporter interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// report ends a test that got no server: skipped when there is none to be had
// on this machine, unless required; failed for anything else.
func report(t reporter, err error, required bool) {
	t.Helper()
	switch {
	case !errors.Is(err, errUnavailable):
		t.Fatal(err)
	case required:
		t.Fatal(fmt.Sprintf("%v\n(LOCKER_REQUIRE_DYNAMODB=1 makes this a failure)", err))
	default:
		t.Skip(err)
	}
}

// shared is the server of the test process.
var shared = newProcess(Start, os.Stderr)

// process starts one server, when it is first wanted.
type process struct {
	start  func(context.Context) (*Server, error)
	log    io.Writer
	active atomic.Bool   // run is on
	want   func()        // closes wanted
	wanted chan struct{} // closed by the first get
	ready  chan struct{} // closed when server or err is set

	server *Server
	err    error
}

func newProcess(start func(context.Context) (*Server, error), log io.Writer) *process {
	p := &process{start: start, log: log, wanted: make(chan struct{}), ready: make(chan struct{})}
	p.want = sync.OnceFunc(func() { close(p.wanted) })
	return p
}

// run runs the tests, and beside them the goroutine that get asks for a server.
// That goroutine is not get's own because get may run in a synctest bubble,
// which must not own the server's goroutines, nor its clock bound the waiting.
func (p *process) run(tests func() int) int {
	p.active.Store(true)
	defer p.active.Store(false)
	ctx, cancel := context.WithCancel(context.Background())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		p.serve(ctx)
	}()
	code := tests()
	cancel()
	<-finished
	return code
}

// serve starts the server once it is wanted, and stops it when ctx ends.
func (p *process) serve(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-p.wanted:
	}
	p.server, p.err = p.start(ctx)
	close(p.ready)
	if p.err != nil {
		fmt.Fprintln(p.log, p.err)
		return
	}
	fmt.Fprintf(p.log, "dynamodblocal: using %s at %s\n", p.server.How, p.server.Endpoint)
	for _, note := range p.server.notes {
		fmt.Fprintf(p.log, "dynamodblocal: not used: %s\n", note)
	}
	<-ctx.Done()
	if err := p.server.Stop(); err != nil {
		fmt.Fprintf(p.log, "dynamodblocal: stop: %v\n", err)
	}
}

func (p *process) get() (*Server, error) {
	if !p.active.Load() {
		return nil, errors.New("dynamodblocal: this package needs func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }")
	}
	p.want()
	<-p.ready
	return p.server, p.err
}

func setEnvironment() {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") && name != endpointVariable {
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_REGION":                  Region,
		"AWS_ACCESS_KEY_ID":           AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":       SecretAccessKey,
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_ENDPOINT_URL":            "http://127.0.0.1:1",
	} {
		os.Setenv(name, value)
	}
}
