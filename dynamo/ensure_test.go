package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/faulthttp"
)

// inStatus makes a description tell of another status of the table.
func inStatus(status types.TableStatus) faulthttp.Fault {
	return faulthttp.EditBody(func(b []byte) ([]byte, error) {
		var answer struct{ Table map[string]any }
		if err := json.Unmarshal(b, &answer); err != nil {
			return nil, err
		}
		if answer.Table == nil {
			return b, nil // there is no table
		}
		answer.Table["TableStatus"] = status
		return json.Marshal(answer)
	})
}

// TestEnsureTableFaults shows that EnsureTable gets there though requests or
// their answers get lost, and the table takes its time.
func TestEnsureTableFaults(t *testing.T) {
	t.Parallel()
	throttled := faulthttp.Error(400, "ThrottlingException", "slow down")
	for name, inject := range map[string]func(*faulthttp.Transport){
		"describe throttled":     func(f *faulthttp.Transport) { f.Inject("DescribeTable", 2, throttled) },
		"describe's answer lost": func(f *faulthttp.Transport) { f.Inject("DescribeTable", 1, faulthttp.Lose()) },
		"create's answer lost":   func(f *faulthttp.Transport) { f.Inject("CreateTable", 1, faulthttp.Lose()) },
		"create accepted with 500": func(f *faulthttp.Transport) {
			f.Inject("CreateTable", 1, faulthttp.FailAfter(500, "InternalServerError", ""))
		},
		"not seen at first": func(f *faulthttp.Transport) {
			f.Inject("DescribeTable", 3, faulthttp.Error(400, "ResourceNotFoundException", ""))
		},
		"being created":              func(f *faulthttp.Transport) { f.Inject("DescribeTable", 3, inStatus(types.TableStatusCreating)) },
		"time to live's answer lost": func(f *faulthttp.Transport) { f.Inject("UpdateTimeToLive", 1, faulthttp.Lose()) },
		"time to live throttled":     func(f *faulthttp.Transport) { f.Inject("UpdateTimeToLive", 1, throttled) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openOn(t, tableNameFor(t))
			inject(p.faults)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := p.EnsureTable(ctx); err != nil {
				t.Fatalf("EnsureTable = %v, want nil", err)
			}
			if got := purges(t, p.store.table); got != "purgeAt" {
				t.Errorf("EnsureTable turned the time to live on for %q, want %q", got, "purgeAt")
			}
			acquire(t, p, t.Name())
		})
	}
}

// TestEnsureTableEnds shows how EnsureTable ends when the table does not become
// ready.
func TestEnsureTableEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault    faulthttp.Fault
		unusable bool // a *TableError, else ctx's error
	}{
		"created for ever": {fault: inStatus(types.TableStatusCreating)},
		"no answer":        {fault: faulthttp.Refuse()},
		"being deleted":    {fault: inStatus(types.TableStatusDeleting), unusable: true},
		"no key to it":     {fault: inStatus(types.TableStatusInaccessibleEncryptionCredentials), unusable: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := tableNameFor(t)
			if err := openOn(t, table).EnsureTable(t.Context()); err != nil {
				t.Fatalf("EnsureTable = %v, want nil", err)
			}
			p := openOn(t, table)
			p.faults.Inject("DescribeTable", -1, tt.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := p.EnsureTable(ctx)
			if tt.unusable {
				wantTableError(t, "EnsureTable", err, table)
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("EnsureTable = %v, want %v", err, context.DeadlineExceeded)
			}
		})
	}
}
