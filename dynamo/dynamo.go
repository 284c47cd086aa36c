package dynamo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/internal/moment"
	"example.com/holdfast/locker"
)

// Limits of this backend.
const (
	MinTTL             = 500 * time.Millisecond // shortest TTL, unless ClientOptions.MinTTL is longer
	DefaultClockMargin = time.Second            // ClockMargin of the zero Options
)

// Options configures a [Locker]. The zero value is ready to use.
type Options struct {
	locker.ClientOptions

	// ClockMargin is how far a lease's end must have passed by DynamoDB's time
	// before rule B takes over. It covers front ends of DynamoDB whose clocks
	// differ by half as much; a dead holder's lock is had so much later. Zero:
	// [DefaultClockMargin]. Negative: rule B is off. Then others can't take over this
	// Locker's leases by it either, items of the
	// Node package dynamo-lock, which name no TTL, are never taken over, and to that
	// package a lease that was not released looks taken for good.
	ClockMargin time.Duration

	// AllowEventualGlobalTable accepts a global table whose replicas are only
	// eventually consistent. Such a table does not exclude holders in different
	// regions: use it only where all of them work in one.
	AllowEventualGlobalTable bool

	// Layout is whose items the table has. Zero: [LayoutNative], this package's own.
	// Any other is for a rolling deploy beside another library, and takes more
	// than it gives: see [Layout].
	Layout Layout

	// PartitionKey is the name of the table's partition key, a string, which holds
	// the lock's name, for a Layout that is not native. Empty: "key".
	PartitionKey string

	// SortKey is the name of the table's sort key, a string, and SortValue what all
	// locks of this Locker have in it, for a Layout that is not native: open another
	// Locker for each other value. Empty: the table has no sort key.
	SortKey, SortValue string

	// Region is the AWS region, for Open; New's client has its own. Empty: that of the default configuration.
	Region string

	// Credentials sign the requests, for Open. Nil: those of the default chain.
	Credentials aws.CredentialsProvider

	// Endpoint is the URL of a DynamoDB that is not AWS's, such as
	// http://127.0.0.1:8000 for DynamoDB Local; for Open. Empty: that of the default
	// configuration.
	Endpoint string
}

// Locker is a [locker.Locker] on one DynamoDB table. Make one for each process
// with [New] or [Open], share it, and Close it at the end. Acquire, Inspect, Break and
// Close are those of [locker.Client]; their errors may also be a [*TableError] or an
// [*ItemError]. Its methods are safe for use by several goroutines at once.
type Locker struct {
	*locker.Client
	store *store
}

// Open returns a Locker on the table, with a client made from the default AWS
// configuration: environment, shared files, then the machine's role. Options
// override its region, credentials and endpoint. It keeps up to 256 idle connections,
// for programs that renew many leases at once. It sends no request to
// DynamoDB; ctx bounds the loading of the configuration.
//
// Errors: a [*locker.InvalidError] for a table name that can't be one, a region
// that nobody names, an endpoint that is no URL or options that contradict the
// Layout, and the configuration's own. Credentials are looked for at the first request; while there
// are none, the store counts as unavailable, because a machine's role may answer
// later.
func Open(ctx context.Context, table string, optFns ...func(*Options)) (*Locker, error) {
	o := resolve(optFns)
	if err := checkEndpoint(o.Endpoint); err != nil {
		return nil, err
	}
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(httpClient())}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.Credentials != nil {
		load = append(load, config.WithCredentialsProvider(o.Credentials))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("dynamo: open table %q: %w", table, err)
	}
	api := dynamodb.NewFromConfig(cfg, func(d *dynamodb.Options) {
		if o.Endpoint != "" {
			d.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
	o.Region, o.Credentials, o.Endpoint = "", nil, ""
	return newLocker(api, table, o)
}

// idleConnections is how many connections a client of Open keeps for later. With the
// SDK's 10, hundreds of renewals at once dial anew for most of them.
const idleConnections = 256

// httpClient is the SDK's own, which the environment can still give a CA bundle, with
// more idle connections.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConnections, idleConnections
	})
}

// checkEndpoint returns an error for an endpoint that no request could ever reach.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if endpoint == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return nil
	}
	return &locker.InvalidError{What: "endpoint", Value: strconv.Quote(endpoint), Want: "a URL such as http://127.0.0.1:8000"}
}

// New returns a Locker on the table that uses the caller's client, whatever its
// configuration or credentials. It sends nothing.
//
// Each request overrides the client's retryer, and bounds itself: the Locker
// tries again by itself, because only it knows until when that makes sense. The
// client's HTTP client should keep as many idle connections to one host as the
// program has leases to renew at once (the SDK's default is 10).
//
// Errors: a [*locker.InvalidError] for a nil api or a *dynamodb.Client without a
// region, for a table name that can't be one, for options that are [Open]'s and for
// those that contradict the Layout.
func New(api API, table string, optFns ...func(*Options)) (*Locker, error) {
	o := resolve(optFns)
	if c, ok := api.(*dynamodb.Client); api == nil || ok && c == nil {
		return nil, &locker.InvalidError{What: "api", Value: "nil", Want: "a DynamoDB client"}
	}
	if o.Region != "" || o.Credentials != nil || o.Endpoint != "" {
		return nil, &locker.InvalidError{What: "option", Value: "Region, Credentials or Endpoint", Want: "them set on the client that is passed to New"}
	}
	return newLocker(api, table, o)
}

func resolve(optFns []func(*Options)) Options {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.Clock == nil {
		o.Clock = locker.SystemClock()
	}
	if o.ClockMargin == 0 && o.Layout == LayoutNative {
		o.ClockMargin = DefaultClockMargin
	}
	o.MinTTL = max(o.MinTTL, MinTTL)
	o.Fencing = o.Layout == LayoutNative
	o.InProcess = false
	return o
}

// tableName is what DynamoDB takes for a table: a name of 3 to 255 characters,
// or an ARN. AWS API reference, TableName of UpdateItem.
var tableName = regexp.MustCompile(`^([a-zA-Z0-9_.-]{3,255}|arn:[^ ]+)$`)

func newLocker(api API, table string, o Options) (*Locker, error) {
	if !tableName.MatchString(table) {
		return nil, &locker.InvalidError{What: "table", Value: fmt.Sprintf("%q", table), Want: "3 to 255 characters of a-z, A-Z, 0-9, _, - and ., or an ARN"}
	}
	if c, ok := api.(*dynamodb.Client); ok && c.Options().Region == "" {
		return nil, &locker.InvalidError{What: "region", Value: `""`, Want: "one, from Options.Region, AWS_REGION, the shared configuration or the client's options"}
	}
	if err := o.checkLayout(); err != nil {
		return nil, err
	}
	s := &store{api: api, table: table, o: o, reader: moment.NewReader(o.Clock)}
	s.times.margin = o.ClockMargin
	s.tokens.sent = make(map[string]block)
	client := locker.New(s.backend(), func(c *locker.ClientOptions) { *c = o.ClientOptions })
	return &Locker{Client: client, store: s}, nil
}

// backend returns what the client is given: the store itself, or what speaks to the
// table in another layout by it.
func (s *store) backend() locker.Backend {
	if s.o.Layout != LayoutNative {
		return &layoutStore{s}
	}
	return s
}

// store is the [locker.Backend]. It keeps no state of any lock.
type store struct {
	api    API
	table  string
	o      Options
	reader moment.Reader
	times  bounds      // of DynamoDB's time
	tokens tokens      // fencing tokens handed out
	schema schemaCheck // whether the table was looked at

	sessions sessions // what is known of them without looking
	groups   groups   // requests for several names whose outcome is not known
}
