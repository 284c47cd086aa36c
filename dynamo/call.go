package dynamo

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// errNoAnswer is why a request was given up before its caller gave up.
var errNoAnswer = errors.New("dynamo: no answer in time")

// update sends a conditional write, and returns the item as it is afterwards if
// the write was applied, as it was if its condition failed.
func (s *store) update(ctx context.Context, ttl time.Duration, in *dynamodb.UpdateItemInput) (attrs map[string]types.AttributeValue, err error) {
	err = s.send(ctx, ttl, true, func(ctx context.Context) (middleware.Metadata, error) {
		out, err := s.api.UpdateItem(ctx, in, oneAttempt)
		if err != nil {
			return middleware.Metadata{}, err
		}
		attrs = out.Attributes
		return out.ResultMetadata, nil
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return refused.Item, err
	}
	return attrs, err
}

// get reads a lock's item.
func (s *store) get(ctx context.Context, ttl time.Duration, name string, consistent bool) (attrs map[string]types.AttributeValue, err error) {
	in := &dynamodb.GetItemInput{TableName: aws.String(s.table), Key: key(name), ConsistentRead: aws.Bool(consistent)}
	err = s.send(ctx, ttl, true, func(ctx context.Context) (middleware.Metadata, error) {
		out, err := s.api.GetItem(ctx, in, oneAttempt)
		if err != nil {
			return middleware.Metadata{}, err
		}
		attrs = out.Item
		return out.ResultMetadata, nil
	})
	return attrs, err
}

// oneAttempt keeps the SDK from sending a request again: it could not tell a
// write that failed from one that succeeded before, and doesn't know the lease.
// Nor does it check checksums: of a wrong one it would only write to the log, and
// what an answer says is compared with what was sent anyway.
func oneAttempt(o *dynamodb.Options) {
	o.Retryer = aws.NopRetryer{}
	o.DisableValidateResponseChecksum = true
}

// send makes one request, bounded in time, and takes the Date of its answer into
// account if that is a sample of the time that items live by. A request that was turned away at the door, for stale credentials or
// a wrong clock, is sent once more: it was certainly not carried out, and the SDK
// has learned from the answer.
func (s *store) send(ctx context.Context, ttl time.Duration, sample bool, call func(context.Context) (middleware.Metadata, error)) error {
	err := s.sendOnce(ctx, ttl, sample, call)
	if isTurnedAway(err) && ctx.Err() == nil {
		err = s.sendOnce(ctx, ttl, sample, call)
	}
	return err
}

func (s *store) sendOnce(ctx context.Context, ttl time.Duration, sample bool, call func(context.Context) (middleware.Metadata, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer s.o.Clock.AfterFunc(attemptTimeout(ttl), func() { cancel(errNoAnswer) }).Stop()
	sent := s.reader.Read()
	meta, err := call(ctx)
	if date, ok := serverDate(meta, err); ok && sample {
		s.times.add(date, sent, s.reader.Read())
	}
	if err != nil && context.Cause(ctx) == errNoAnswer {
		return errors.Join(errNoAnswer, err)
	}
	return err
}

// attemptTimeout is how long one request may take: a sixth of the TTL, so that
// several fit before the lease or the attempt is over.
func attemptTimeout(ttl time.Duration) time.Duration {
	return max(100*time.Millisecond, min(ttl/6, 2*time.Second))
}

// controlTTL stands for a lease's TTL where there is none: its timeout is 2 s.
const controlTTL = 12 * time.Second

// serverDate returns the Date of an answer, success or error. One that a cache
// kept for a while, and says so by an Age, does not count.
func serverDate(meta middleware.Metadata, err error) (time.Time, bool) {
	var header http.Header
	var failed *awshttp.ResponseError
	if errors.As(err, &failed) && failed.Response != nil && failed.Response.Response != nil {
		header = failed.Response.Header
	} else if raw, ok := awsmiddleware.GetRawResponse(meta).(*smithyhttp.Response); ok && raw != nil && raw.Response != nil {
		header = raw.Header
	}
	if header == nil || header.Get("Age") != "" {
		return time.Time{}, false
	}
	date, err := http.ParseTime(header.Get("Date"))
	return date, err == nil
}

// stamps returns the times for a write that is sent next.
func (s *store) stamps() (st stamps, times span, known bool) {
	now := s.reader.Read()
	times, known = s.times.at(now)
	st.wall = now.Wall
	if known {
		st.hi = times.hi
		st.ruleB = s.o.ClockMargin > 0
	}
	return st, times, known
}

// now returns the bounds of the server's time.
func (s *store) now() (times span, known bool) {
	return s.times.at(s.reader.Read())
}
