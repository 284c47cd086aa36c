package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"example.com/holdfast/locker"
)

// TableError says that a table can't be used for locks as it is, and what to do.
type TableError struct {
	Table  string
	Reason string // what is wrong
	Fix    string // what to do about it
	Cause  error  // DynamoDB's own error, or nil
}

// Error names the table, what is wrong and what to do.
func (e *TableError) Error() string {
	return fmt.Sprintf("dynamo: table %q can't hold locks: %s; %s", e.Table, e.Reason, e.Fix)
}

// Unwrap returns the cause.
func (e *TableError) Unwrap() error { return e.Cause }

// schemaCheck makes sure that the table was looked at once.
type schemaCheck struct {
	mu      sync.Mutex
	done    bool
	running chan struct{} // closed when the look under way ends; nil if none is
	strong  bool          // the table was seen to be one with multi-Region strong consistency
}

// lacksTransactions reports whether the table is known to be of the kind for which
// DynamoDB has no transactions. AWS developer guide, "How DynamoDB global tables work".
func (c *schemaCheck) lacksTransactions() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.strong
}

// checkTable looks at the table before the first acquire: a wrong key or unsafe
// replication would break exclusion without any request failing. A look that
// found nothing wrong counts for good, and so does one that IAM forbids.
func (s *store) checkTable(ctx context.Context) error {
	c := &s.schema
	for {
		c.mu.Lock()
		running := c.running
		if c.done {
			c.mu.Unlock()
			return nil
		}
		if running == nil {
			running = make(chan struct{})
			c.running = running
			c.mu.Unlock()
			return s.lookAtTableOnce(ctx, running)
		}
		c.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
			return fmt.Errorf("dynamo: table %q: %w: %w", s.table, locker.ErrUnavailable, ctx.Err())
		}
	}
}

// lookAtTableOnce looks, and lets those go who wait for that, come what may.
func (s *store) lookAtTableOnce(ctx context.Context, running chan struct{}) error {
	fit := false
	defer func() {
		s.schema.mu.Lock()
		s.schema.done, s.schema.running = fit, nil
		s.schema.mu.Unlock()
		close(running)
	}()
	err := s.lookAtTable(ctx)
	fit = err == nil
	return err
}

func (s *store) lookAtTable(ctx context.Context) error {
	desc, err := s.describe(ctx)
	switch {
	case err == nil:
		return s.checkSchema(desc)
	case isDenied(err):
		if s.o.Observer != nil {
			s.o.Observer(ctx, locker.Event{Kind: locker.EventNotChecked, Err: s.failure("describe", "", err)})
		}
		return nil
	}
	return s.failure("describe", "", err)
}

// describe asks for the table's description.
func (s *store) describe(ctx context.Context) (desc *types.TableDescription, err error) {
	err = s.control(ctx, func(ctx context.Context) error {
		out, err := s.api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(s.table)}, oneAttempt)
		if err == nil {
			desc = out.Table
		}
		return err
	})
	return desc, err
}

// control sends a request about the table. Its answer is no sample of the time
// that the table's items live by: other servers give it.
func (s *store) control(ctx context.Context, call func(context.Context) error) error {
	return s.send(ctx, controlTTL, false, func(ctx context.Context) (middleware.Metadata, error) {
		return middleware.Metadata{}, call(ctx)
	})
}

func isDenied(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (api.ErrorCode() == "AccessDeniedException" || api.ErrorCode() == "AccessDenied")
}

// checkSchema returns a [*TableError] when the table's key is not the one of the
// items here, or when its replication breaks exclusion.
func (s *store) checkSchema(desc *types.TableDescription) error {
	s.schema.mu.Lock()
	s.schema.strong = isGlobal(desc) && desc.MultiRegionConsistency == types.MultiRegionConsistencyStrong
	s.schema.mu.Unlock()
	if !s.o.hasKey(desc) {
		return &TableError{
			Table: s.table, Reason: "its key is " + keyInWords(desc) + ", want " + s.o.wantedKey(),
			Fix: "name another table, or let EnsureTable create one",
		}
	}
	if isGlobal(desc) && desc.MultiRegionConsistency != types.MultiRegionConsistencyStrong && !s.o.AllowEventualGlobalTable {
		return &TableError{
			Table: s.table, Reason: "it is a global table with eventual consistency, on which two regions can hold one lock",
			Fix: "use a table of one region or one with multi-Region strong consistency, or set AllowEventualGlobalTable if all holders work in one region",
		}
	}
	return nil
}

// isGlobal reports whether other regions have a replica of the table. Tables of the
// version of 2017 don't list theirs: AWS developer guide, "Determining the version
// of a DynamoDB global table".
func isGlobal(desc *types.TableDescription) bool {
	return len(desc.Replicas) > 0 || aws.ToString(desc.GlobalTableVersion) == "2017.11.29"
}

func keyType(desc *types.TableDescription) types.ScalarAttributeType {
	for _, def := range desc.AttributeDefinitions {
		if aws.ToString(def.AttributeName) == aws.ToString(desc.KeySchema[0].AttributeName) {
			return def.AttributeType
		}
	}
	return ""
}

func keyInWords(desc *types.TableDescription) string {
	var words []string
	for _, k := range desc.KeySchema {
		words = append(words, fmt.Sprintf("%s %s", k.KeyType, aws.ToString(k.AttributeName)))
	}
	if len(words) == 1 {
		words[0] += fmt.Sprintf(" (%s)", keyType(desc))
	}
	return strings.Join(words, " and ")
}
