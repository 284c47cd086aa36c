package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// event asks for a report.
type event struct {
	Report string `json:"report"` // its name, and that of its lock
	Source string `json:"source"` // the URL where it is to be had
}

// result is the answer to an event.
type result struct {
	Stored bool         `json:"stored"` // false: another call is at it
	Token  locker.Token `json:"token"`
}

// function is what the calls of one environment share.
type function struct {
	locks locker.Locker
	db    *dynamodb.Client
	table string
	ttl   time.Duration // longer than any step: how long a call that is killed keeps others out
}

// writeTime is how long the write may take that must not overlap with another.
const writeTime = 3 * time.Second

// handle is called for each event, one after the other.
//
// Nothing is renewed in the background, where nothing runs while the environment
// is frozen, and Do has released before handle returns.
func (f *function) handle(ctx context.Context, e event) (result, error) {
	var r result
	err := locker.Do(ctx, f.locks, "report/"+e.Report, func(ctx context.Context, lease *locker.Lease) error {
		body, err := fetch(ctx, e.Source)
		if err != nil {
			return err
		}
		// Renewed, if what is left is too short for the write; lost, if this process
		// stood still meanwhile.
		if err := lease.Ensure(ctx, writeTime); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, writeTime)
		defer cancel()
		if err := f.store(ctx, e.Report, body, lease.Token()); err != nil {
			return err
		}
		r = result{true, lease.Token()}
		return nil
	}, locker.NoWait(), locker.WithoutRenewal(), locker.WithTTL(f.ttl))
	switch {
	case r.Stored && err != nil:
		log.Printf("stored, but: %v", err) // the write is done, whatever came of the lease
	case errors.Is(err, locker.ErrHeld):
		log.Printf("another call is at it: %v", err)
	case err != nil:
		return result{}, err
	}
	return r, nil
}

// store writes the report unless a later holder has written it.
func (f *function) store(ctx context.Context, report, body string, token locker.Token) error {
	_, err := f.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:           aws.String(f.table),
		Key:                 map[string]types.AttributeValue{"report": &types.AttributeValueMemberS{Value: report}},
		UpdateExpression:    aws.String("SET body = :body, fence = :token"),
		ConditionExpression: aws.String("attribute_not_exists(fence) OR fence <= :token"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":body":  &types.AttributeValueMemberS{Value: body},
			":token": &types.AttributeValueMemberN{Value: token.String()},
		},
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return fmt.Errorf("report %q: %w", report, locker.ErrStale)
	}
	return err
}

// fetch gets the report.
func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 300<<10)) // an item has room for 400 KB
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(body), err
}
