package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// ErrTableExists is matched by the error of [Locker.CreateTable] for a table that
// exists already.
var ErrTableExists = errors.New("dynamo: table exists")

// TableOptions configures a table that is created.
type TableOptions struct {
	// ReadUnits and WriteUnits are the provisioned capacity, for
	// [Locker.CreateTable]. Zero: 1.
	ReadUnits, WriteUnits int64

	// Tags are put on the table when it is created. Nil: none for CreateTable, and
	// "application" = "holdfast" for EnsureTable.
	Tags map[string]string
}

// CreateTable creates the lock table with 1 read and 1 write unit, unless told
// otherwise, and returns when DynamoDB has accepted the order: the table can be
// used some seconds later. See [Locker.EnsureTable] for one that waits.
//
// Errors: one that matches [ErrTableExists] when there is a table of this name; one
// that wraps [locker.ErrUnavailable] when it is not known whether the order was
// accepted; a [*locker.InvalidError] for negative units; any other is final. It
// makes one try, bounded by ctx.
func (l *Locker) CreateTable(ctx context.Context, optFns ...func(*TableOptions)) error {
	o := resolveTable(optFns)
	if o.ReadUnits < 0 || o.WriteUnits < 0 {
		return &locker.InvalidError{What: "capacity", Value: fmt.Sprintf("%d read and %d write units", o.ReadUnits, o.WriteUnits), Want: "at least 1 each"}
	}
	in := l.store.createInput(o)
	in.BillingMode = types.BillingModeProvisioned
	in.ProvisionedThroughput = &types.ProvisionedThroughput{
		ReadCapacityUnits: aws.Int64(max(1, o.ReadUnits)), WriteCapacityUnits: aws.Int64(max(1, o.WriteUnits)),
	}
	return l.store.create(ctx, in)
}

// EnsureTable makes sure that the table exists and is fit for locks. It creates a
// missing one (on demand, tagged), waits until it is active, turns DynamoDB's
// deletion of idle items on, and checks key and replication. It may be called at
// every start and by many processes at once; on a table that is ready it sends
// two requests and changes nothing. It waits for as long as ctx allows.
//
// The units of TableOptions are CreateTable's alone: this table is billed on demand.
//
// On a global table, where DynamoDB has no deletion for one kind and this package
// can't decide for other regions, it leaves that as it is; and with a [Layout] that is
// not native, whose items say nothing of being idle.
//
// Errors: a [*TableError] for a table that can't be used, with what to do about it;
// ctx's error; one that wraps [locker.ErrUnavailable]; any other is final.
func (l *Locker) EnsureTable(ctx context.Context, optFns ...func(*TableOptions)) error {
	o := resolveTable(optFns)
	if o.Tags == nil {
		o.Tags = map[string]string{"application": "holdfast"}
	}
	in := l.store.createInput(o)
	in.BillingMode = types.BillingModePayPerRequest
	desc, err := l.store.awaitActive(ctx, in)
	if err != nil {
		return err
	}
	if err := l.store.checkSchema(desc); err != nil {
		return err
	}
	if isGlobal(desc) || l.store.o.Layout != LayoutNative {
		return nil
	}
	return l.store.ensurePurge(ctx)
}

// DeleteTable deletes the lock table with all that is in it, and returns when
// DynamoDB has accepted the order. Who holds a lock loses it at the next renewal.
//
// Errors: as [Locker.CreateTable]; that of a missing table is a [*TableError].
func (l *Locker) DeleteTable(ctx context.Context) error {
	s := l.store
	err := s.control(ctx, func(ctx context.Context) error {
		_, err := s.api.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(s.table)}, oneAttempt)
		return err
	})
	if err != nil {
		return s.failure("delete", "", err)
	}
	return nil
}

func resolveTable(optFns []func(*TableOptions)) TableOptions {
	var o TableOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	return o
}

func (s *store) createInput(o TableOptions) *dynamodb.CreateTableInput {
	defs, schema := s.o.keySchema()
	in := &dynamodb.CreateTableInput{TableName: aws.String(s.table), AttributeDefinitions: defs, KeySchema: schema}
	for k, v := range o.Tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return in
}

func (s *store) create(ctx context.Context, in *dynamodb.CreateTableInput) error {
	err := s.control(ctx, func(ctx context.Context) error {
		_, err := s.api.CreateTable(ctx, in, oneAttempt)
		return err
	})
	var inUse *types.ResourceInUseException
	switch {
	case err == nil:
		return nil
	case errors.As(err, &inUse):
		return fmt.Errorf("%w: %q%s: %w", ErrTableExists, s.table, s.where(err), err)
	}
	return s.failure("create", "", err)
}

func isMissing(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing)
}

// awaitActive looks until the table is active, and orders it while it is missing.
// Just after its creation a table may still be reported as missing, and an order
// may be lost; to order again what exists changes nothing. AWS API reference,
// DescribeTable and CreateTable.
func (s *store) awaitActive(ctx context.Context, in *dynamodb.CreateTableInput) (*types.TableDescription, error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		desc, err := s.describe(ctx)
		switch {
		case err == nil && (desc.TableStatus == types.TableStatusActive || desc.TableStatus == types.TableStatusUpdating):
			return desc, nil
		case err == nil && desc.TableStatus != types.TableStatusCreating:
			return nil, &TableError{Table: s.table, Reason: fmt.Sprintf("its status is %s", desc.TableStatus), Fix: "wait until that is over, or restore it"}
		case isMissing(err):
			if err = s.create(ctx, in); errors.Is(err, ErrTableExists) {
				err = nil
			}
		case err != nil:
			err = s.failure("describe", "", err)
		}
		if err != nil && !errors.Is(err, locker.ErrUnavailable) {
			return nil, err
		}
		if !s.pause(ctx, wait) {
			return nil, fmt.Errorf("dynamo: wait for table %q: %w", s.table, errors.Join(context.Cause(ctx), err))
		}
	}
}

// pause waits for d and reports whether ctx lasted.
func (s *store) pause(ctx context.Context, d time.Duration) bool {
	over := make(chan struct{})
	defer s.o.Clock.AfterFunc(d, func() { close(over) }).Stop()
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}

// ensurePurge turns the deletion of idle items on. On another attribute it would
// delete locks that are held, or none: that is left for a person to decide.
func (s *store) ensurePurge(ctx context.Context) error {
	for {
		if done, err := s.purgeIsOn(ctx); done || err != nil {
			return err
		}
		err := s.control(ctx, func(ctx context.Context) error {
			_, err := s.api.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
				TableName:               aws.String(s.table),
				TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("purgeAt"), Enabled: aws.Bool(true)},
			}, oneAttempt)
			return err
		})
		if err == nil {
			return nil
		}
		// Another process may have been faster: then the next look shows it on.
		if done, _ := s.purgeIsOn(ctx); done {
			return nil
		}
		if classify(err) != unknown || !s.pause(ctx, time.Second) {
			return s.failure("turn on the time to live of", "", err)
		}
	}
}

// purgeIsOn reports whether idle items are deleted, or a [*TableError] when
// something else would be.
func (s *store) purgeIsOn(ctx context.Context) (bool, error) {
	attr, status, err := s.purgeAttribute(ctx)
	switch {
	case err != nil:
		return false, s.failure("describe the time to live of", "", err)
	case status != types.TimeToLiveStatusEnabled && status != types.TimeToLiveStatusEnabling:
		return false, nil
	case attr == "purgeAt":
		return true, nil
	}
	return false, &TableError{
		Table: s.table, Reason: fmt.Sprintf("its time to live is on attribute %q, want \"purgeAt\"", attr),
		Fix: "turn it off, wait an hour, and let EnsureTable turn it on again",
	}
}

func (s *store) purgeAttribute(ctx context.Context) (attr string, status types.TimeToLiveStatus, err error) {
	err = s.control(ctx, func(ctx context.Context) error {
		out, err := s.api.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(s.table)}, oneAttempt)
		if err == nil && out.TimeToLiveDescription != nil {
			attr, status = aws.ToString(out.TimeToLiveDescription.AttributeName), out.TimeToLiveDescription.TimeToLiveStatus
		}
		return err
	})
	return attr, status, err
}
