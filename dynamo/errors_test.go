package dynamo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// reasons is what DynamoDB tells about a request that it throttled.
func reasons() map[string]any {
	list := []map[string]string{{"reason": "KeyRangeThroughputExceeded", "resource": "arn:aws:dynamodb:us-east-1:123456789012:table/locks"}}
	return map[string]any{"ThrottlingReasons": list, "throttlingReasons": list} // two errors of it, and a newer one
}

// throttlingReasons returns what an error says about throttling.
func throttlingReasons(err error) []types.ThrottlingReason {
	var a *types.ThrottlingException
	var b *types.ProvisionedThroughputExceededException
	var c *types.RequestLimitExceeded
	switch {
	case errors.As(err, &a):
		return a.ThrottlingReasons
	case errors.As(err, &b):
		return b.ThrottlingReasons
	case errors.As(err, &c):
		return c.ThrottlingReasons
	}
	return nil
}

// TestThrottled shows that throttled requests are sent again, and that the reason
// reaches the error and the observer.
func TestThrottled(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			var heard events
			p := openWarm(t, heard.observe)
			throttle := faulthttp.ErrorWith(400, code, "slow down", reasons())

			p.faults.Inject("UpdateItem", 3, throttle)
			lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second), locker.WithoutRenewal())
			p.wantCounts(t, "TryAcquire", counts{"UpdateItem": 4})
			p.faults.Inject("UpdateItem", 2, throttle)
			if err := lease.Renew(t.Context()); err != nil {
				t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
			}
			p.wantCounts(t, "Renew", counts{"UpdateItem": 3})
			failed := heard.of(locker.EventRenewFailed)
			if len(failed) != 2 || len(throttlingReasons(failed[0].Err)) != 1 {
				t.Errorf("the observer heard of failed renewals %v, want of 2, with their reason", failed)
			}
			p.faults.Inject("UpdateItem", 2, throttle)
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
			}
			p.wantCounts(t, "Release", counts{"UpdateItem": 3})
		})
	}
}

// TestThrottledThroughout shows that the reason reaches the error of a call that
// gives up, and that such a call does not send without pause.
func TestThrottledThroughout(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			var heard events
			p := openWarm(t, heard.observe)
			p.faults.Inject("UpdateItem", -1, faulthttp.ErrorWith(400, code, "slow down", reasons()))
			_, err := locker.TryAcquire(t.Context(), p, t.Name(), locker.WithTTL(2*time.Second))
			if got := throttlingReasons(err); len(got) != 1 || aws.ToString(got[0].Reason) != "KeyRangeThroughputExceeded" {
				t.Errorf("TryAcquire(%q) = %v with reasons %v, want KeyRangeThroughputExceeded", t.Name(), err, got)
			}
			if !errors.Is(err, locker.ErrUnavailable) {
				t.Errorf("TryAcquire(%q) = %v, want ErrUnavailable", t.Name(), err)
			}
			if n := p.faults.Counts()["UpdateItem"]; n < 3 || n > 40 {
				t.Errorf("TryAcquire(%q) and its release sent %d writes in a second, want 3 to 40", t.Name(), n)
			}
			refused := heard.of(locker.EventRefused)
			if len(refused) != 1 || len(throttlingReasons(refused[0].Err)) != 1 {
				t.Errorf("the observer heard of refusals %v, want of 1, with its reason", refused)
			}
		})
	}
}

// TestPassing shows errors that pass, of which a few in a row end no acquire,
// renewal or release.
func TestPassing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faulthttp.Fault{
		"TransactionConflict":     faulthttp.Error(400, "TransactionConflictException", "Transaction is ongoing for the item"),
		"ReplicatedWriteConflict": faulthttp.Error(400, "ReplicatedWriteConflictException", "One or more items in this request are being modified by a request in another Region."),
		"InternalServerError":     faulthttp.Error(500, "InternalServerError", ""),
		"ServiceUnavailable":      faulthttp.Error(503, "ServiceUnavailable", ""),
		"NXDOMAIN":                faulthttp.NoSuchHost(),
		"connection refused":      faulthttp.Refuse(),
		"connection reset":        faulthttp.Drop(),
		"a proxy's 502":           faulthttp.Answer(502, "<html>bad gateway</html>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			p.faults.Inject("UpdateItem", 3, fault)
			lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second), locker.WithoutRenewal())
			p.wantCounts(t, "TryAcquire", counts{"UpdateItem": 4})
			p.faults.Inject("UpdateItem", 3, fault)
			if err := lease.Renew(t.Context()); err != nil {
				t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
			}
			p.wantCounts(t, "Renew", counts{"UpdateItem": 4})
			p.faults.Inject("UpdateItem", 3, fault)
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
			}
			p.wantCounts(t, "Release", counts{"UpdateItem": 4})
		})
	}
}

// TestWaitPassing shows that a waiter outlives looks that fail, and reports the
// holder beside the error when it gives up.
func TestWaitPassing(t *testing.T) {
	t.Parallel()
	acquire(t, openWarm(t, owner("holder")), t.Name())
	p := openWarm(t)
	p.faults.Inject("GetItem", -1, faulthttp.Refuse())
	_, err := p.Acquire(t.Context(), t.Name(), locker.WithWait(500*time.Millisecond))
	var held *locker.HeldError
	if !errors.As(err, &held) || held.Holder.Owner != "holder" || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("Acquire(%q) = %v, want a *HeldError that names the holder and what the looks failed of", t.Name(), err)
	}
}

// TestUnreachable shows how a call ends when the store never answers: by its own
// limit, with the store's error.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faulthttp.Fault{
		"refused": faulthttp.Refuse(), "no such host": faulthttp.NoSuchHost(), "hangs": faulthttp.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			p.faults.Inject(faulthttp.Any, -1, fault)
			begin := time.Now()
			_, err := locker.TryAcquire(t.Context(), p, t.Name(), locker.WithTTL(2*time.Second))
			if d := time.Since(begin); !errors.Is(err, locker.ErrUnavailable) || d > 4*time.Second {
				t.Errorf("TryAcquire(%q) = %v after %v, want ErrUnavailable after about 1 s", t.Name(), err, d)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			begin = time.Now()
			_, err = p.Acquire(ctx, t.Name())
			if d := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || d > 2*time.Second {
				t.Errorf("Acquire(%q) = %v after %v, want ctx's error after 300 ms", t.Name(), err, d)
			}
			if answered := name != "hangs"; errors.Is(err, locker.ErrUnavailable) != answered {
				t.Errorf("Acquire(%q) = %v, want ErrUnavailable in it: %v", t.Name(), err, answered)
			}
			if errors.Is(err, locker.ErrHeld) {
				t.Errorf("Acquire(%q) = %v, want no holder: nobody was seen", t.Name(), err)
			}
		})
	}
}

// TestDenied shows that what IAM or DynamoDB denies is final at once.
func TestDenied(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"AccessDeniedException", "ValidationException", "ResourceNotFoundException", "MissingAuthenticationTokenException"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			p.faults.Inject("UpdateItem", -1, faulthttp.Error(400, code, "User is not authorized to perform dynamodb:UpdateItem"))
			_, err := p.Acquire(t.Context(), t.Name())
			if err == nil || errors.Is(err, locker.ErrUnavailable) || !strings.Contains(err.Error(), code) {
				t.Errorf("Acquire(%q) = %v, want a final error that names %s", t.Name(), err, code)
			}
			host := strings.TrimPrefix(dynamodblocal.Endpoint(t), "http://")
			for _, part := range []string{theTable.use(t), dynamodblocal.Region, host, t.Name()} {
				if err != nil && !strings.Contains(err.Error(), part) {
					t.Errorf("Acquire(%q) = %v, want an error that names %q", t.Name(), err, part)
				}
			}
			p.wantCounts(t, "Acquire", counts{"UpdateItem": 1})
		})
	}
}

// TestRenewDenied shows that a renewal which is denied is tried again, since
// credentials may come back, until the lease ends, with the reason.
func TestRenewDenied(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"AccessDeniedException", "ExpiredTokenException"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			denied := faulthttp.Error(400, code, "the reason")
			comes, goes := acquire(t, p, t.Name()+"/1", locker.WithTTL(4*time.Second)), acquire(t, p, t.Name()+"/2", locker.WithTTL(4*time.Second))
			p.faults.Always(func(c *faulthttp.Call) (*http.Response, error) {
				if strings.Contains(string(c.Body), goes.ID()) {
					return denied(c)
				}
				return c.Send()
			})
			p.faults.Inject("UpdateItem", 2, denied)
			<-goes.Done()
			if err := goes.Err(); !errors.Is(err, locker.ErrLost) || !strings.Contains(err.Error(), code) {
				t.Errorf("Err(%q) = %v, want ErrLost with the cause %s", goes.Name(), err, code)
			}
			if err := comes.Err(); err != nil {
				t.Errorf("Err(%q) = %v, want nil: its renewals were denied for a moment only", comes.Name(), err)
			}
		})
	}
}

// TestTurnedAway shows that a request which fails at its signature is sent once
// more at once, and no more than that.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ExpiredTokenException", "InvalidSignatureException", "UnrecognizedClientException", "RequestExpired"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			turnedAway := faulthttp.Error(400, code, "no")
			p.faults.Inject("UpdateItem", 1, turnedAway)
			lease := acquire(t, p, t.Name())
			p.wantCounts(t, "TryAcquire", counts{"UpdateItem": 2})
			p.faults.Inject("UpdateItem", 1, turnedAway)
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
			}
			p.wantCounts(t, "Release", counts{"UpdateItem": 2})

			p.faults.Inject("UpdateItem", -1, turnedAway)
			_, err := p.Acquire(t.Context(), t.Name())
			if err == nil || errors.Is(err, locker.ErrUnavailable) || !strings.Contains(err.Error(), code) {
				t.Errorf("Acquire(%q) = %v, want a final error that names %s", t.Name(), err, code)
			}
			p.wantCounts(t, "Acquire", counts{"UpdateItem": 2})
		})
	}
}

// TestClockOff shows that a machine whose clock is an hour off, so that DynamoDB
// refuses its signatures, corrects itself with one more request.
func TestClockOff(t *testing.T) {
	t.Parallel()
	p := open(t)
	signedAt := func(h http.Header) time.Time {
		at, _ := time.Parse("20060102T150405Z", h.Get("X-Amz-Date"))
		return at
	}
	const off = time.Hour
	late := faulthttp.Error(400, "InvalidSignatureException", "Signature expired")
	p.faults.Always(func(c *faulthttp.Call) (*http.Response, error) {
		records := p.faults.Records()
		if signed := signedAt(records[len(records)-1].Header); time.Since(signed) > -off/2 {
			resp, err := late(c)
			resp.Header.Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			return resp, err
		}
		return faulthttp.ShiftDate(off)(c)
	})
	lease := acquire(t, p, t.Name())
	p.wantCounts(t, "TryAcquire", counts{"DescribeTable": 2, "GetItem": 1, "UpdateItem": 1})
	if err := lease.Renew(t.Context()); err != nil {
		t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	p.wantCounts(t, "Renew", counts{"UpdateItem": 1})
}

// TestNoRegion shows that a client without a region is told of at once.
func TestNoRegion(t *testing.T) {
	t.Parallel()
	client := dynamodblocal.Client(t, func(o *dynamodb.Options) { o.Region, o.BaseEndpoint = "", nil })
	if _, err := New(client, "locks"); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("New without a region = %v, want an error that is %v", err, locker.ErrInvalid)
	}
}
