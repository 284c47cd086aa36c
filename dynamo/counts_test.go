package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// TestRequests counts what each operation sends when nothing goes wrong: this is
// what users pay for.
func TestRequests(t *testing.T) {
	t.Parallel()
	p := open(t)
	lease := acquire(t, p, t.Name())
	p.wantCounts(t, "the first acquire of a process", counts{"DescribeTable": 1, "GetItem": 1, "UpdateItem": 1})
	if err := lease.Renew(t.Context()); err != nil {
		t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	p.wantCounts(t, "a renewal", counts{"UpdateItem": 1})
	if err := lease.Ensure(t.Context(), time.Second); err != nil {
		t.Errorf("Ensure(%q) = %v, want nil", t.Name(), err)
	}
	p.wantCounts(t, "Ensure with enough left", counts{})
	if err := lease.SetData(t.Context(), []byte("x")); err != nil {
		t.Errorf("SetData(%q) = %v, want nil", t.Name(), err)
	}
	p.wantCounts(t, "SetData", counts{"UpdateItem": 1})
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
	}
	p.wantCounts(t, "a release", counts{"UpdateItem": 1})
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("second Release(%q) = %v, want nil", t.Name(), err)
	}
	p.wantCounts(t, "a second release", counts{})

	lease = acquire(t, p, t.Name())
	p.wantCounts(t, "acquiring what was released", counts{"UpdateItem": 1})
	acquire(t, p, t.Name()+"/new")
	p.wantCounts(t, "acquiring what never was", counts{"UpdateItem": 1})
	if _, err := p.Inspect(t.Context(), t.Name()); err != nil {
		t.Errorf("Inspect(%q) = %v, want nil", t.Name(), err)
	}
	p.wantCounts(t, "Inspect", counts{"GetItem": 1})
	refuse(t, p, t.Name())
	p.wantCounts(t, "asking for what this process holds", counts{})
	if err := locker.Do(t.Context(), p, t.Name()+"/do", func(context.Context, *locker.Lease) error { return nil }); err != nil {
		t.Errorf("Do = %v, want nil", err)
	}
	p.wantCounts(t, "Do", counts{"UpdateItem": 2})
	if err := lease.Err(); err != nil {
		t.Errorf("Err(%q) = %v, want nil", t.Name(), err)
	}
}

// TestRequestsHeld counts what being refused costs.
func TestRequestsHeld(t *testing.T) {
	t.Parallel()
	acquire(t, openWarm(t, owner("holder")), t.Name())

	fresh := open(t)
	held := refuse(t, fresh, t.Name())
	fresh.wantCounts(t, "the first TryAcquire of a process", counts{"DescribeTable": 1, "GetItem": 1})
	if held.Holder.Owner != "holder" {
		t.Errorf("TryAcquire(%q) names %q as the holder, want %q", t.Name(), held.Holder.Owner, "holder")
	}
	held = refuse(t, fresh, t.Name())
	fresh.wantCounts(t, "a later TryAcquire", counts{"UpdateItem": 1})
	if held.Holder.Owner != "holder" {
		t.Errorf("the later TryAcquire(%q) names %q as the holder, want %q", t.Name(), held.Holder.Owner, "holder")
	}
}

// TestRequestsWaiting shows that a waiter only reads, at half of the price, until
// the name is free; but for one write, which tells the holder that it waits.
func TestRequestsWaiting(t *testing.T) {
	t.Parallel()
	lease := acquire(t, openWarm(t), t.Name())
	waiter := openWarm(t)
	got := make(chan error)
	go func() {
		_, err := waiter.Acquire(t.Context(), t.Name())
		got <- err
	}()
	eventually(t, 20*time.Second, "ten looks", func() bool { return waiter.faults.Counts()["GetItem"] >= 10 })
	marks := 0
	for i, r := range waiter.faults.Records() {
		var in struct {
			ConsistentRead   bool
			UpdateExpression string
		}
		if err := json.Unmarshal(r.Body, &in); err != nil {
			t.Fatal(err)
		}
		switch {
		case i == 0 && r.Operation != "UpdateItem":
			t.Errorf("the waiter began with %s, want UpdateItem", r.Operation)
		case i > 0 && r.Operation == "UpdateItem" && in.UpdateExpression == "SET #wanted = :wanted":
			marks++
		case i > 0 && (r.Operation != "GetItem" || in.ConsistentRead):
			t.Errorf("request %d of the waiter is %s, consistent: %v, want an eventually consistent GetItem", i, r.Operation, in.ConsistentRead)
		}
	}
	if marks != 1 {
		t.Errorf("the waiter marked the item %d times, want once", marks)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	if err := <-got; err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
	}
	if n := waiter.faults.Counts()["UpdateItem"]; n != 3 {
		t.Errorf("the waiter sent %d UpdateItems, want 3: one refused, one to say that it waits, one granted", n)
	}
}

// TestRequestsTakeOver counts what taking over a dead lease costs.
func TestRequestsTakeOver(t *testing.T) {
	t.Parallel()
	dead := attributes{"guid": text("0123456789abcdefghijklmnop/0000000007"), "expiresOn": number("1000"), "token": number("5"), "ttl": number("1000")}

	writeItem(t, t.Name(), dead)
	fresh := open(t)
	lease := acquire(t, fresh, t.Name())
	fresh.wantCounts(t, "taking over in a fresh process", counts{"DescribeTable": 1, "GetItem": 1, "UpdateItem": 1})
	if lease.Token() <= 5 {
		t.Errorf("Token(%q) = %v, want above 5", t.Name(), lease.Token())
	}

	writeItem(t, t.Name()+"/2", dead)
	acquire(t, fresh, t.Name()+"/2")
	fresh.wantCounts(t, "taking over in a process that has seen answers", counts{"UpdateItem": 2})
}

// TestRequestsTokenLags shows the one more write that it takes where another
// process's estimate of the time, and so its token, was ahead.
func TestRequestsTokenLags(t *testing.T) {
	t.Parallel()
	ahead := open(t)
	ahead.faults.Always(faulthttp.ShiftDate(3 * time.Second)) // more than the second by which two estimates may differ anyway
	lags := openWarm(t)
	first := acquire(t, ahead, t.Name())
	if err := first.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	lease := acquire(t, lags, t.Name())
	lags.wantCounts(t, "acquiring after a higher token", counts{"UpdateItem": 2})
	if lease.Token() <= first.Token() {
		t.Errorf("Token(%q) = %v, want above %v", t.Name(), lease.Token(), first.Token())
	}
	acquire(t, lags, t.Name()+"/other")
	lags.wantCounts(t, "acquiring another name afterwards", counts{"UpdateItem": 1})
}

// TestRequestsAtOnce shows that goroutines of one process that want one name do
// not compete in the store.
func TestRequestsAtOnce(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	const n = 50
	errs := make(chan error, n)
	for range n {
		go func() {
			errs <- locker.Do(t.Context(), p, t.Name(), func(context.Context, *locker.Lease) error { return nil })
		}()
	}
	var all []error
	for range n {
		all = append(all, <-errs)
	}
	if err := errors.Join(all...); err != nil {
		t.Errorf("Do(%q) = %v, want nil", t.Name(), err)
	}
	if got := p.faults.Counts(); got["UpdateItem"] > 2*n || got["GetItem"] != 0 {
		t.Errorf("%d Dos sent %v, want at most %d writes and no reads", n, got, 2*n)
	}
}
