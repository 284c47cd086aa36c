package dynamo

import (
	"context"
	"errors"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"example.com/holdfast/locker"
)

// List returns what the table knows of each lock whose name begins with prefix,
// in no particular order.
//
// It reads the whole table, whatever the prefix: DynamoDB has no index of names,
// filters after it has read, and bills what it has read. That is one Scan for each
// MB of the table, eventually consistent: half a read unit for each 4 KB,
// so about 128 units a MB, or some 25 for 1,000 locks of 200 bytes. Names that were
// released count for the 7 days after which DynamoDB deletes their items. Of leases
// that share a heartbeat the session is read as well, half a unit for each process. A page is
// asked for when the one before is used up, and none after the iteration was left.
//
// An item that is damaged is yielded as an [*ItemError] beside an Info with its
// name, and the iteration goes on. Any other error ends it, among them a
// [*TableError]. See [locker.Client.List] for the rest.
func (l *Locker) List(ctx context.Context, prefix string) iter.Seq2[locker.Info, error] {
	return l.Client.List(ctx, prefix)
}

// List scans the table; see [Locker.List].
//
// Requests: one Scan a page, one GetItem a session. Reads are eventually consistent, at half of the
// price: a list is never the present, and what is done about a lock depends on a
// condition of its own.
func (s *store) List(ctx context.Context, prefix string) iter.Seq2[locker.Info, error] {
	return func(yield func(locker.Info, error) bool) {
		if err := s.checkTable(ctx); err != nil {
			yield(locker.Info{}, err)
			return
		}
		sessions := make(map[string]*item) // read so far
		in := s.listInput(prefix)
		for {
			page, err := s.scan(ctx, in)
			if err != nil {
				yield(locker.Info{}, s.failure("list", prefix, err))
				return
			}
			for _, attrs := range page.Items {
				info, err := s.listed(ctx, attrs, sessions)
				if !yield(info, err) || info.Name == "" {
					return
				}
			}
			if in.ExclusiveStartKey = page.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
				return
			}
		}
	}
}

// listed describes one item of a page. A session that it is bound to is read once
// for all. The Info has no name if the error ends the listing.
func (s *store) listed(ctx context.Context, attrs map[string]types.AttributeValue, sessions map[string]*item) (locker.Info, error) {
	name := ""
	if v, ok := attrs["name"].(*types.AttributeValueMemberS); ok {
		name = v.Value
	}
	it, err := decode(name, attrs)
	if err != nil {
		return locker.Info{Name: name}, err
	}
	if it.Session != "" {
		if it.heart = sessions[it.Session]; it.heart == nil {
			err := s.readSession(ctx, controlTTL, &it, false)
			switch {
			case errors.As(err, new(*ItemError)):
				return locker.Info{Name: name}, err
			case err != nil:
				return locker.Info{}, err
			}
			sessions[it.Session] = it.heart
		}
	}
	times, known := s.now()
	return it.info(times, known, s.o.ClockMargin), nil
}

// scan reads a page.
func (s *store) scan(ctx context.Context, in *dynamodb.ScanInput) (page *dynamodb.ScanOutput, err error) {
	err = s.send(ctx, controlTTL, true, func(ctx context.Context) (middleware.Metadata, error) {
		out, err := s.api.Scan(ctx, in, oneAttempt)
		if err != nil {
			return middleware.Metadata{}, err
		}
		page = out
		return out.ResultMetadata, nil
	})
	return page, err
}

// listInput is the first page of a listing. Filters save the transfer of what they
// leave out, not its price.
func (s *store) listInput(prefix string) *dynamodb.ScanInput {
	filter, values := "NOT begins_with(#name, :own)", map[string]types.AttributeValue{":own": str(sessionPrefix)}
	if prefix != "" {
		filter += " AND begins_with(#name, :prefix)"
		values[":prefix"] = str(prefix)
	}
	return &dynamodb.ScanInput{
		TableName:                 aws.String(s.table),
		FilterExpression:          aws.String(filter),
		ExpressionAttributeNames:  map[string]string{"#name": "name"},
		ExpressionAttributeValues: values,
	}
}
