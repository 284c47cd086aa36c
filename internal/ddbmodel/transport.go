package ddbmodel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
)

// Transport carries a request to a [Store] and its answer back. The error is that
// of the way: no answer came, and whether the request was carried out is not
// known. What the Store itself refuses is an answer.
type Transport func(ctx context.Context, request any) (Answer, error)

// Answer is what a front end of DynamoDB answers.
type Answer struct {
	Output any       // *dynamodb.GetItemOutput and so on; nil beside Err
	Err    error     // one of DynamoDB's, as the SDK has it; nil for success
	Date   time.Time // of the header, which has seconds only; zero: no header
}

// Direct returns a Transport to the Store that loses nothing and takes no time,
// and dates answers by now.
func Direct(s *Store, now func() time.Time) Transport {
	return func(_ context.Context, request any) (Answer, error) {
		return NewAnswer(s, request, 0, now())
	}
}

// NewAnswer has the Store carry out the request and returns its answer with this
// date. age is that of an eventually consistent read; see [Store.Do]. The error is
// an [*UnmodelledError].
func NewAnswer(s *Store, request any, age time.Duration, date time.Time) (Answer, error) {
	out, err := s.Do(request, age)
	var unmodelled *UnmodelledError
	if errors.As(err, &unmodelled) {
		return Answer{}, err
	}
	if err != nil {
		out = nil
	}
	return Answer{Output: out, Err: err, Date: date}, nil
}

// status is the HTTP status of an answer.
func (a Answer) status() int {
	var api smithy.APIError
	switch {
	case a.Err == nil:
		return http.StatusOK
	case errors.As(a.Err, &api) && api.ErrorFault() == smithy.FaultServer:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// header has what a client may read from an answer's header.
func (a Answer) header() http.Header {
	h := make(http.Header, 3)
	if !a.Date.IsZero() {
		h["Date"] = []string{a.Date.UTC().Format(http.TimeFormat)}
	}
	return h
}

func unmodelledRequest(request any) error {
	return &UnmodelledError{fmt.Sprintf("a request of type %T", request)}
}
