package dynamo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

func describeTable(t *testing.T, name string) *types.TableDescription {
	t.Helper()
	out, err := dynamodblocal.Client(t).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		t.Fatalf("DescribeTable(%q) = %v, want nil", name, err)
	}
	return out.Table
}

// TestCreateTable shows the table of the Node package: 1 read and 1 write unit
// unless told otherwise. It is not parallel: DynamoDB Local answers 500 now and then
// to a CreateTable beside others, and this package makes one try.
func TestCreateTable(t *testing.T) {
	for _, tt := range []struct {
		name        string
		optFns      []func(*TableOptions)
		read, write int64
	}{
		{name: "default", read: 1, write: 1},
		{name: "units", optFns: []func(*TableOptions){func(o *TableOptions) { o.ReadUnits, o.WriteUnits = 7, 3 }}, read: 7, write: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := openOn(t, tableNameFor(t))
			if err := p.CreateTable(t.Context(), tt.optFns...); err != nil {
				t.Fatalf("CreateTable = %v, want nil", err)
			}
			desc := describeTable(t, p.store.table)
			if got := desc.ProvisionedThroughput; *got.ReadCapacityUnits != tt.read || *got.WriteCapacityUnits != tt.write {
				t.Errorf("CreateTable gave %d read and %d write units, want %d and %d", *got.ReadCapacityUnits, *got.WriteCapacityUnits, tt.read, tt.write)
			}
			if err := p.CreateTable(t.Context()); !errors.Is(err, ErrTableExists) {
				t.Errorf("second CreateTable = %v, want %v", err, ErrTableExists)
			}
			acquire(t, p, t.Name())
			if err := p.DeleteTable(t.Context()); err != nil {
				t.Errorf("DeleteTable = %v, want nil", err)
			}
			var missing *types.ResourceNotFoundException
			if err := p.DeleteTable(t.Context()); !errors.As(err, &missing) {
				t.Errorf("second DeleteTable = %v, want a *ResourceNotFoundException", err)
			}
		})
	}
	p := openOn(t, tableNameFor(t))
	for _, units := range [][2]int64{{-1, 1}, {1, -1}} {
		err := p.CreateTable(t.Context(), func(o *TableOptions) { o.ReadUnits, o.WriteUnits = units[0], units[1] })
		wantInvalid(t, p, "CreateTable", "capacity", err)
	}
}

// purges returns on which attribute the table's time to live is on.
func purges(t *testing.T, table string) string {
	t.Helper()
	out, err := dynamodblocal.Client(t).DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	if err != nil {
		t.Fatalf("DescribeTimeToLive(%q) = %v, want nil", table, err)
	}
	if out.TimeToLiveDescription.TimeToLiveStatus != types.TimeToLiveStatusEnabled {
		return ""
	}
	return aws.ToString(out.TimeToLiveDescription.AttributeName)
}

// TestEnsureTable shows that EnsureTable makes a table that is ready, and changes
// nothing when called again.
func TestEnsureTable(t *testing.T) {
	t.Parallel()
	p := openOn(t, tableNameFor(t))
	if err := p.EnsureTable(t.Context()); err != nil {
		t.Fatalf("EnsureTable = %v, want nil", err)
	}
	desc := describeTable(t, p.store.table)
	if desc.BillingModeSummary == nil || desc.BillingModeSummary.BillingMode != types.BillingModePayPerRequest {
		t.Errorf("EnsureTable made a table with billing %v, want %v", desc.BillingModeSummary, types.BillingModePayPerRequest)
	}
	if got := purges(t, p.store.table); got != "purgeAt" {
		t.Errorf("EnsureTable turned the time to live on for %q, want %q", got, "purgeAt")
	}
	acquire(t, p, t.Name())
	p.faults.Reset()
	if err := p.EnsureTable(t.Context()); err != nil {
		t.Errorf("second EnsureTable = %v, want nil", err)
	}
	p.wantCounts(t, "the second EnsureTable", counts{"DescribeTable": 1, "DescribeTimeToLive": 1})
	refuse(t, openOn(t, p.store.table), t.Name())
}

// TestEnsureTableAtOnce shows that many processes may call EnsureTable at once.
func TestEnsureTableAtOnce(t *testing.T) {
	t.Parallel()
	table := tableNameFor(t)
	const n = 20
	errs := make(chan error, n)
	for range n {
		p := openOn(t, table)
		go func() { errs <- p.EnsureTable(t.Context()) }()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Errorf("EnsureTable = %v, want nil", err)
		}
	}
	if got := purges(t, table); got != "purgeAt" {
		t.Errorf("EnsureTable turned the time to live on for %q, want %q", got, "purgeAt")
	}
}

// TestEnsureTableOtherPurge shows that EnsureTable refuses a table whose time to
// live is on another attribute, and says what to do.
func TestEnsureTableOtherPurge(t *testing.T) {
	t.Parallel()
	p := openOn(t, tableNameFor(t))
	if err := p.CreateTable(t.Context()); err != nil {
		t.Fatalf("CreateTable = %v, want nil", err)
	}
	_, err := dynamodblocal.Client(t).UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName:               &p.store.table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("expiresOn"), Enabled: aws.Bool(true)},
	})
	if err != nil {
		t.Fatalf("UpdateTimeToLive = %v, want nil", err)
	}
	err = p.EnsureTable(t.Context())
	var bad *TableError
	if !errors.As(err, &bad) || !strings.Contains(bad.Reason, `"expiresOn"`) || bad.Fix == "" || !strings.Contains(err.Error(), bad.Fix) {
		t.Errorf("EnsureTable = %v, want a *TableError that names expiresOn and what to do", err)
	}
}

// TestWrongKey shows that a table with another key is refused before any lock, by
// everything that could use it.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	def := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
	}
	for name, key := range map[string][]types.AttributeDefinition{
		"number":         {def("name", types.ScalarAttributeTypeN)},
		"binary":         {def("name", types.ScalarAttributeTypeB)},
		"other name":     {def("id", types.ScalarAttributeTypeS)},
		"extra sort key": {def("name", types.ScalarAttributeTypeS), def("sort", types.ScalarAttributeTypeS)},
		"swapped":        {def("sort", types.ScalarAttributeTypeS), def("name", types.ScalarAttributeTypeS)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := tableNameFor(t)
			createTable(t, dynamodblocal.Client(t), table, key...)
			p := openOn(t, table)
			for range 2 { // it is not forgotten
				_, err := p.Acquire(t.Context(), t.Name())
				wantTableError(t, "Acquire", err, table)
				p.wantCounts(t, "Acquire", counts{"DescribeTable": 1})
			}
			wantTableError(t, "EnsureTable", p.EnsureTable(t.Context()), table)
			p.wantCounts(t, "EnsureTable", counts{"DescribeTable": 1})
		})
	}
}

func wantTableError(t *testing.T, call string, err error, table string) {
	t.Helper()
	var bad *TableError
	if !errors.As(err, &bad) || bad.Table != table || bad.Reason == "" || bad.Fix == "" {
		t.Errorf("%s = %v, want a *TableError about %q", call, err, table)
	}
}

// global makes a description tell of a replica, or of none where the global table
// is one of the version of 2017.
func global(version string, consistency types.MultiRegionConsistency) faulthttp.Fault {
	return faulthttp.EditBody(func(b []byte) ([]byte, error) {
		var answer struct{ Table map[string]any }
		if err := json.Unmarshal(b, &answer); err != nil {
			return nil, err
		}
		answer.Table["GlobalTableVersion"] = version
		if version != "2017.11.29" {
			answer.Table["Replicas"] = []map[string]any{{"RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE"}}
		}
		if consistency != "" {
			answer.Table["MultiRegionConsistency"] = consistency
		}
		return json.Marshal(answer)
	})
}

// TestGlobalTable shows that a global table is refused unless its replicas are
// strongly consistent, or the user knows what he does.
func TestGlobalTable(t *testing.T) {
	t.Parallel()
	allow := func(o *Options) { o.AllowEventualGlobalTable = true }
	for _, tt := range []struct {
		name        string
		version     string // "": that of 2019
		consistency types.MultiRegionConsistency
		optFns      []func(*Options)
		ok          bool
	}{
		{name: "eventual", consistency: types.MultiRegionConsistencyEventual},
		{name: "untold"},
		{name: "of 2017", version: "2017.11.29"},
		{name: "strong", consistency: types.MultiRegionConsistencyStrong, ok: true},
		{name: "eventual and allowed", consistency: types.MultiRegionConsistencyEventual, optFns: []func(*Options){allow}, ok: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := tableNameFor(t)
			createTable(t, dynamodblocal.Client(t), table, types.AttributeDefinition{AttributeName: aws.String("name"), AttributeType: types.ScalarAttributeTypeS})
			p := openOn(t, table, tt.optFns...)
			p.faults.Inject("DescribeTable", -1, global(cmp.Or(tt.version, "2019.11.21"), tt.consistency))
			_, err := p.Acquire(t.Context(), t.Name())
			ensured := p.EnsureTable(t.Context())
			if tt.ok {
				if err != nil || ensured != nil {
					t.Errorf("Acquire(%q) = %v, EnsureTable = %v, want nil", t.Name(), err, ensured)
				}
			} else {
				wantTableError(t, "Acquire", err, table)
				wantTableError(t, "EnsureTable", ensured, table)
			}
			if got := p.faults.Counts(); got["UpdateTimeToLive"] != 0 || !tt.ok && got["UpdateItem"] != 0 {
				t.Errorf("sent %v, want the time to live left alone, and no write to a table that is refused", got)
			}
		})
	}
}

// TestDescribeDenied shows that a process which may not describe the table goes
// on, and that its observer is told, once.
func TestDescribeDenied(t *testing.T) {
	t.Parallel()
	var heard events
	p := open(t, heard.observe)
	p.faults.Inject("DescribeTable", -1, faulthttp.Error(400, "AccessDeniedException", "not authorized to perform dynamodb:DescribeTable"))
	acquire(t, p, t.Name())
	acquire(t, p, t.Name()+"/2")
	if n := p.faults.Counts()["DescribeTable"]; n != 1 {
		t.Errorf("two acquires sent %d DescribeTables, want 1", n)
	}
	told := heard.of(locker.EventNotChecked)
	if len(told) != 1 || told[0].Err == nil || !strings.Contains(told[0].Err.Error(), "AccessDeniedException") {
		t.Errorf("the observer heard %v, want one event %v with the error", told, locker.EventNotChecked)
	}
}

// TestDescribeFails shows that a look at the table that fails in passing is taken
// again, and that many callers share one look.
func TestDescribeFails(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.faults.Inject("DescribeTable", 1, faulthttp.Error(400, "ThrottlingException", "slow down"))
	p.faults.Inject("DescribeTable", 1, faulthttp.Lose())
	acquire(t, p, t.Name())
	p.wantCounts(t, "TryAcquire", counts{"DescribeTable": 3, "GetItem": 1, "UpdateItem": 1})

	crowd := open(t)
	const n = 20
	errs := make(chan error, n)
	for i := range n {
		go func() {
			errs <- locker.Do(t.Context(), crowd, t.Name()+strings.Repeat("x", i+1), func(context.Context, *locker.Lease) error { return nil })
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Errorf("Do = %v, want nil", err)
		}
	}
	if got := crowd.faults.Counts()["DescribeTable"]; got != 1 {
		t.Errorf("%d callers sent %d DescribeTables, want 1", n, got)
	}
}

// TestMissingTable shows an error that names table, region and host, at once.
func TestMissingTable(t *testing.T) {
	t.Parallel()
	table := tableNameFor(t)
	p := openOn(t, table)
	_, err := p.Acquire(t.Context(), t.Name())
	host := strings.TrimPrefix(dynamodblocal.Endpoint(t), "http://")
	for _, part := range []string{table, dynamodblocal.Region, host} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Acquire(%q) = %v, want an error that names %q", t.Name(), err, part)
		}
	}
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || errors.Is(err, locker.ErrUnavailable) {
		t.Errorf("Acquire(%q) = %v, want a final *ResourceNotFoundException", t.Name(), err)
	}
	p.wantCounts(t, "Acquire", counts{"DescribeTable": 1})
	if err := p.EnsureTable(t.Context()); err != nil {
		t.Fatalf("EnsureTable = %v, want nil", err)
	}
	acquire(t, p, t.Name())
}

// TestTableDeleted shows that the holder of a lock in a table that is deleted
// learns of it when his lease has ended, with the reason.
func TestTableDeleted(t *testing.T) {
	t.Parallel()
	p := openOn(t, tableNameFor(t))
	if err := p.EnsureTable(t.Context()); err != nil {
		t.Fatalf("EnsureTable = %v, want nil", err)
	}
	lease, err := p.Acquire(t.Context(), t.Name(), locker.WithTTL(2*time.Second))
	if err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
	}
	if err := p.DeleteTable(t.Context()); err != nil {
		t.Fatalf("DeleteTable = %v, want nil", err)
	}
	<-lease.Done()
	var lost *locker.LostError
	var missing *types.ResourceNotFoundException
	if err := lease.Err(); !errors.As(err, &lost) || !errors.As(lost.Cause, &missing) {
		t.Errorf("Err(%q) = %v, want a *LostError caused by a *ResourceNotFoundException", t.Name(), err)
	}
}
