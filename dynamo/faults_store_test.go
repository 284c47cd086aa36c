package dynamo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// TestWrongRegion shows the error of a process that looks for its table in another
// region: it names the region.
func TestWrongRegion(t *testing.T) {
	t.Parallel()
	const region = "eu-west-3"
	table := theTable.use(t)
	l, err := New(dynamodblocal.Client(t, func(o *dynamodb.Options) { o.Region = region }), table)
	if err != nil {
		t.Fatalf("New(%q) = %v, want nil", table, err)
	}
	defer l.Close(t.Context())
	begin := time.Now()
	_, err = l.Acquire(t.Context(), t.Name())
	for _, part := range []string{table, region, strings.TrimPrefix(dynamodblocal.Endpoint(t), "http://")} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Acquire(%q) = %v, want an error that names %q", t.Name(), err, part)
		}
	}
	if d := time.Since(begin); d > 5*prompt || errors.Is(err, locker.ErrUnavailable) {
		t.Errorf("Acquire(%q) = %v after %v, want a final error at once", t.Name(), err, d)
	}
}

// TestRestored puts back the item of a lease that has been released since, as a
// restore from a backup does. It is taken over like that of any dead holder, with a
// token above all that there were meanwhile.
func TestRestored(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second
	p := openWarm(t)
	backedUp := acquire(t, p, t.Name(), locker.WithTTL(ttl))
	backup := readItem(t, t.Name())
	if err := backedUp.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	var latest locker.Token
	for range 3 {
		lease := acquire(t, openWarm(t), t.Name())
		latest = lease.Token()
		if err := lease.Release(t.Context()); err != nil {
			t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
		}
	}
	writeItem(t, t.Name(), backup)
	restored := time.Now()
	lease, err := openWarm(t).Acquire(t.Context(), t.Name())
	if err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
	}
	if d := time.Since(restored); d > ttl+3*time.Second {
		t.Errorf("Acquire(%q) took %v after the restore, want at most a TTL and 3 s", t.Name(), d)
	}
	if lease.Token() <= latest {
		t.Errorf("Token(%q) = %v after the restore, want above all old ones, %v", t.Name(), lease.Token(), latest)
	}
	if err := backedUp.Renew(t.Context()); !errors.Is(err, locker.ErrReleased) {
		t.Errorf("Renew(%q) of the old lease = %v, want ErrReleased", t.Name(), err)
	}
}

// TestEverythingLost deletes the table under its holders, and makes it anew: they
// lose at their next renewal, the table stays empty, and tokens rise all the same.
func TestEverythingLost(t *testing.T) {
	t.Parallel()
	p := openOn(t, tableNameFor(t))
	if err := p.EnsureTable(t.Context()); err != nil {
		t.Fatalf("EnsureTable = %v, want nil", err)
	}
	leases := make(map[string]*locker.Lease)
	for _, name := range []string{"a", "b", "c"} {
		leases[name] = acquire(t, p, name, locker.WithTTL(6*time.Second))
	}
	if err := p.DeleteTable(t.Context()); err != nil {
		t.Fatalf("DeleteTable = %v, want nil", err)
	}
	if err := p.EnsureTable(t.Context()); err != nil {
		t.Fatalf("EnsureTable = %v, want nil", err)
	}
	other := openOn(t, p.store.table)
	for name, lease := range leases {
		<-lease.Done()
		var lost *locker.LostError
		if err := lease.Err(); !errors.As(err, &lost) || lost.Reason != locker.LossGone {
			t.Errorf("Err(%q) = %v, want a *LostError of reason %v", name, err, locker.LossGone)
		}
		if info, err := other.Inspect(t.Context(), name); err != nil || info.State != locker.StateFree {
			t.Errorf("Inspect(%q) = %+v, %v, want it free", name, info, err)
		}
	}
	time.Sleep(2 * time.Second) // from when on tokens rise by the time alone
	for name, lease := range leases {
		if next := acquire(t, other, name); next.Token() <= lease.Token() {
			t.Errorf("Token(%q) = %v, want above %v", name, next.Token(), lease.Token())
		}
	}
}
