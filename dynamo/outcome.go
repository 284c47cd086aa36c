package dynamo

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/holdfast/locker"
)

// outcome is what the end of a request means.
type outcome int

const (
	applied outcome = iota // it took effect
	refused                // its condition failed: it did not, and never will
	unknown                // it may have, or may still; or the store can't just now
	final                  // it did not, and another one like it won't
)

// classify is the one place where an error of the SDK gets its meaning.
//
// Whatever is not certainly refused counts as unknown: any 5xx, any transport
// error, the end of a context, an answer that can't be read. Throttling and
// conflicts are certain refusals, but pass; they are sent again like the unknown.
func classify(err error) outcome {
	if err == nil {
		return applied
	}
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return refused
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		return classifyCanceled(canceled)
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch {
		case api.ErrorCode() == "" || api.ErrorCode() == "UnknownError", statusOf(err) == 408, statusOf(err) == 429:
			return unknown // not DynamoDB's words: something between may have swallowed its answer
		case transient[api.ErrorCode()], statusOf(err) >= 500, api.ErrorFault() == smithy.FaultServer:
			return unknown
		}
		return final
	}
	var params smithy.InvalidParamsError
	var region *aws.MissingRegionError
	if errors.As(err, &params) || errors.As(err, &region) {
		return final
	}
	return unknown
}

// transient are the errors below 500 after which trying again makes sense.
// DynamoDB developer guide, "Error handling with DynamoDB"; the last two are of
// writes that met a transaction or another region's write.
var transient = map[string]bool{
	"LimitExceededException":                 true,
	"ProvisionedThroughputExceededException": true,
	"RequestLimitExceeded":                   true,
	"ThrottlingException":                    true,
	"Throttling":                             true,
	"ThrottledException":                     true,
	"TooManyRequestsException":               true,
	"SlowDown":                               true,
	"RequestTimeout":                         true,
	"RequestTimeoutException":                true,
	"InternalServerError":                    true,
	"ServiceUnavailable":                     true,
	"TransactionInProgressException":         true,
	"TransactionConflictException":           true,
	"ReplicatedWriteConflictException":       true,
}

// isTurnedAway reports whether a request failed at the signature: credentials
// that ran out, or a clock that is wrong. Same page of the guide.
func isTurnedAway(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "ExpiredToken", "ExpiredTokenException", "InvalidSignatureException", "RequestExpired",
		"RequestTimeTooSkewed", "UnrecognizedClientException":
		return true
	}
	return false
}

func statusOf(err error) int {
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) {
		return resp.HTTPStatusCode()
	}
	return 0
}

// failure returns the error for a request that was not applied, in terms of the
// contract: what passes wraps locker.ErrUnavailable. It names table, region and
// host, because a wrong one of these is the usual reason.
func (s *store) failure(what, name string, err error) error {
	op, in := "dynamo: "+what, ""
	if name != "" {
		op, in = fmt.Sprintf("%s %q", op, name), " in"
	}
	request := fmt.Sprintf("%s%s table %q%s%s", op, in, s.table, s.where(err), whyThrottled(err))
	switch {
	case classify(err) == unknown:
		return fmt.Errorf("%s: %w: %w", request, locker.ErrUnavailable, err)
	case isMissing(err):
		return fmt.Errorf("%s: %w", op, &TableError{
			Table: s.table, Reason: "it does not exist" + s.where(err) + ", says its ResourceNotFoundException",
			Fix: "create it by EnsureTable, or check name, region, endpoint and credentials", Cause: err,
		})
	}
	return fmt.Errorf("%s: %w", request, err)
}

// whyThrottled lists why DynamoDB throttled a request, which its message leaves out.
func whyThrottled(err error) string {
	var throttled *types.ThrottlingException
	var exceeded *types.ProvisionedThroughputExceededException
	var limited *types.RequestLimitExceeded
	var list []types.ThrottlingReason
	switch {
	case errors.As(err, &throttled):
		list = throttled.ThrottlingReasons
	case errors.As(err, &exceeded):
		list = exceeded.ThrottlingReasons
	case errors.As(err, &limited):
		list = limited.ThrottlingReasons
	}
	var text strings.Builder
	for _, r := range list {
		fmt.Fprintf(&text, ": throttled, %s of %s", aws.ToString(r.Reason), aws.ToString(r.Resource))
	}
	return text.String()
}

// where names the region and the host that a request went to, as far as is known.
func (s *store) where(err error) string {
	var parts []string
	if c, ok := s.api.(interface{ Options() dynamodb.Options }); ok {
		if region := c.Options().Region; region != "" {
			parts = append(parts, "region "+region)
		}
	}
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) && resp.Response != nil && resp.Response.Response != nil {
		if req := resp.Response.Request; req != nil && req.URL != nil {
			parts = append(parts, "host "+req.URL.Host)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
