package dynamo

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"example.com/holdfast/locker"
)

// Inspect reads what the table knows of a name, strongly consistent.
func (s *layoutStore) Inspect(ctx context.Context, name string) (locker.Info, error) {
	return s.look(ctx, "inspect", name, true)
}

// Poll is Inspect for half of the price. It may show an older state, which is
// safe to act on: a take-over is pinned to the revision seen.
func (s *layoutStore) Poll(ctx context.Context, name string) (locker.Info, error) {
	return s.look(ctx, "poll", name, false)
}

func (s *layoutStore) look(ctx context.Context, what, name string, consistent bool) (locker.Info, error) {
	in := &dynamodb.GetItemInput{TableName: aws.String(s.store.table), Key: s.key(name), ConsistentRead: aws.Bool(consistent)}
	var attrs values
	err := s.store.send(ctx, controlTTL, true, func(ctx context.Context) (middleware.Metadata, error) {
		out, err := s.store.api.GetItem(ctx, in, oneAttempt)
		if err != nil {
			return middleware.Metadata{}, err
		}
		attrs = out.Item
		return out.ResultMetadata, nil
	})
	if err != nil {
		return locker.Info{}, s.store.failure(what, name, err)
	}
	r, err := s.layout().decodeRecord(name, attrs)
	if err != nil {
		return locker.Info{}, err
	}
	return r.info(), nil
}

// List scans the table; see [Locker.List]. Of a table with a sort key it shows the
// items with the Locker's SortValue.
func (s *layoutStore) List(ctx context.Context, prefix string) iter.Seq2[locker.Info, error] {
	return func(yield func(locker.Info, error) bool) {
		if err := s.store.checkTable(ctx); err != nil {
			yield(locker.Info{}, err)
			return
		}
		in := s.listInput(prefix)
		for {
			page, err := s.store.scan(ctx, in)
			if err != nil {
				yield(locker.Info{}, s.store.failure("list", prefix, err))
				return
			}
			for _, attrs := range page.Items {
				var name string
				if v, ok := attrs[s.store.o.partitionKey()].(*types.AttributeValueMemberS); ok {
					name = v.Value
				}
				r, err := s.layout().decodeRecord(name, attrs)
				info := locker.Info{Name: name}
				if err == nil {
					info = r.info()
				}
				if !yield(info, err) {
					return
				}
			}
			if in.ExclusiveStartKey = page.LastEvaluatedKey; len(page.LastEvaluatedKey) == 0 {
				return
			}
		}
	}
}

func (s *layoutStore) listInput(prefix string) *dynamodb.ScanInput {
	filter, v := "NOT begins_with(#key, :own)", values{":own": str(sessionPrefix)}
	if prefix != "" {
		filter += " AND begins_with(#key, :prefix)"
		v[":prefix"] = str(prefix)
	}
	if s.store.o.SortKey != "" {
		filter += " AND #sort = :sort"
		v[":sort"] = str(s.store.o.SortValue)
	}
	return &dynamodb.ScanInput{
		TableName:                 aws.String(s.store.table),
		FilterExpression:          aws.String(filter),
		ExpressionAttributeNames:  s.names(filter),
		ExpressionAttributeValues: v,
	}
}

// Break makes one try to end the acquisition that info shows; see the store's. A
// holder of the other library is known by its last write alone: one that renews
// meanwhile keeps its lock, and the *locker.HeldError shows its next.
func (s *layoutStore) Break(ctx context.Context, info locker.Info, opts ...locker.BreakOption) error {
	if err := s.store.checkTable(ctx); err != nil {
		return err
	}
	freeNow := locker.ResolveBreak(opts...).FreeNow
	attrs, err := s.store.update(ctx, controlTTL, s.breakInput(info, freeNow))
	if o := classify(err); o == unknown || o == final {
		return s.store.failure("break", info.Name, err)
	}
	r, bad := s.layout().decodeRecord(info.Name, attrs)
	done := bad == nil && r.rvn == brokenRevision(info.AcquisitionID, freeNow)
	switch {
	case err == nil && !done:
		return s.store.garbled("break", info.Name, bad)
	case err == nil:
		return nil
	case bad != nil:
		return bad
	}
	return s.notBroken(info, r)
}

// notBroken judges the record that a break was refused for.
func (s *layoutStore) notBroken(info locker.Info, r record) error {
	id := info.AcquisitionID
	switch {
	case r.isFree():
		return nil
	case r.rvn == revision(id, deadSequence), r.rvn == revision(id, brokenSequence), r.rvn == brokenRevision(id, false):
		return nil // released and kept taken for a while, or broken before
	}
	held := s.held(r)
	held.Cause = fmt.Errorf("the acquisition to be broken, %q, has ended before", id)
	return held
}
