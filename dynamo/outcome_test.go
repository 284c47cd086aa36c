package dynamo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/holdfast/locker"
)

// answered wraps an error as the SDK does, with the status of the answer.
func answered(status int, err error) error {
	resp := &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}}}
	return &smithy.OperationError{
		ServiceID: "DynamoDB", OperationName: "UpdateItem",
		Err: &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{Response: resp, Err: err}, RequestID: "r"},
	}
}

func apiError(code string) error { return &smithy.GenericAPIError{Code: code, Message: "m"} }

// TestClassify is the meaning of every error that DynamoDB, the SDK and the
// network are known for.
func TestClassify(t *testing.T) {
	t.Parallel()
	if got := classify(nil); got != applied {
		t.Errorf("classify(nil) = %v, want applied", got)
	}
	if got := classify(answered(400, &types.ConditionalCheckFailedException{})); got != refused {
		t.Errorf("classify(ConditionalCheckFailed) = %v, want refused", got)
	}
	if got := classify(errors.Join(errNoAnswer, answered(400, &types.ConditionalCheckFailedException{}))); got != refused {
		t.Errorf("classify(ConditionalCheckFailed, late) = %v, want refused", got)
	}
	for _, code := range []string{
		"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException",
		"TransactionConflictException", "ReplicatedWriteConflictException", "TransactionInProgressException", "RequestTimeout",
	} {
		if got := classify(answered(400, apiError(code))); got != unknown {
			t.Errorf("classify(%s) = %v, want unknown", code, got)
		}
	}
	for _, code := range []string{
		"AccessDeniedException", "ResourceNotFoundException", "ValidationException", "ItemCollectionSizeLimitExceededException",
		"ExpiredTokenException", "InvalidSignatureException", "UnrecognizedClientException", "MissingAuthenticationTokenException",
		"IncompleteSignature", "SerializationException", "NeverHeardOf",
	} {
		if got := classify(answered(400, apiError(code))); got != final {
			t.Errorf("classify(%s) = %v, want final", code, got)
		}
		if got := classify(answered(500, apiError(code))); got != unknown {
			t.Errorf("classify(%s with status 500) = %v, want unknown", code, got)
		}
	}
	for _, err := range []error{
		answered(400, &types.ThrottlingException{}), answered(400, &types.ProvisionedThroughputExceededException{}), answered(400, &types.RequestLimitExceeded{}),
		answered(400, &types.TransactionConflictException{}), answered(400, &types.ReplicatedWriteConflictException{}),
		answered(500, &types.InternalServerError{}), &types.InternalServerError{},
		answered(200, &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}), answered(503, &smithy.DeserializationError{Err: errors.New("x")}),
		&smithy.OperationError{Err: &smithy.CanceledError{Err: context.Canceled}}, context.DeadlineExceeded, io.EOF,
		&smithyhttp.RequestSendError{Err: errors.New("dial tcp: no such host")}, errNoAnswer, errors.New("never heard of"),
	} {
		if got := classify(err); got != unknown {
			t.Errorf("classify(%v) = %v, want unknown", err, got)
		}
	}
	for _, err := range []error{
		answered(400, &types.ResourceNotFoundException{}), smithy.InvalidParamsError{}, &aws.MissingRegionError{},
	} {
		if got := classify(fmt.Errorf("wrapped: %w", err)); got != final {
			t.Errorf("classify(%v) = %v, want final", err, got)
		}
	}
}

// TestFailure shows which errors wrap ErrUnavailable, and that all name the table.
func TestFailure(t *testing.T) {
	t.Parallel()
	s := &store{table: "locks"}
	for _, tt := range []struct {
		err         error
		unavailable bool
	}{
		{answered(500, &types.InternalServerError{}), true},
		{answered(400, apiError("AccessDeniedException")), false},
		{io.EOF, true},
	} {
		got := s.failure("acquire", "a", tt.err)
		if errors.Is(got, locker.ErrUnavailable) != tt.unavailable || !errors.Is(got, tt.err) || !strings.HasPrefix(got.Error(), `dynamo: acquire "a" in table "locks"`) {
			t.Errorf("failure(%v) = %v, want it wrapped, with operation, name and table, ErrUnavailable: %v", tt.err, got, tt.unavailable)
		}
	}
}

// TestAttemptTimeout shows how long a request may take.
func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[time.Duration]time.Duration{
		0: 100 * ms, MinTTL: 100 * ms, 600 * ms: 100 * ms, 3 * time.Second: 500 * ms, 6 * time.Second: time.Second,
		12 * time.Second: 2 * time.Second, 24 * time.Hour: 2 * time.Second,
	} {
		if got := attemptTimeout(ttl); got != want {
			t.Errorf("attemptTimeout(%v) = %v, want %v", ttl, got, want)
		}
	}
}
