package ddbmodel_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// tee sends each request to DynamoDB Local and to the model, one request at a
// time, compares the answers and returns DynamoDB Local's.
type tee struct {
	dynamo.API
	t     *testing.T
	model dynamo.API

	mu       sync.Mutex
	requests int
}

func (s *tee) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	out, err := s.both(ctx, in)
	return out.(*dynamodb.GetItemOutput), err
}

func (s *tee) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	out, err := s.both(ctx, in)
	return out.(*dynamodb.UpdateItemOutput), err
}

func (s *tee) both(ctx context.Context, in any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	ctx = context.WithoutCancel(ctx) // a request carried out by one of the two only would be a difference
	out, err := do(ctx, s.API, in)
	got, gotErr := do(ctx, s.model, in)
	if d := difference(got, out, gotErr, err); d != "" {
		s.t.Errorf("the model differs from DynamoDB Local: %s\n%s", d, text(in))
	}
	return out, err
}

// TestDifferentialLocker runs real lockers on DynamoDB Local and the model at
// once, so that the very requests of package dynamo are compared.
func TestDifferentialLocker(t *testing.T) {
	client := dynamodblocal.Client(t)
	table := newTable(t, client)
	both := &tee{API: client, t: t, model: ddbmodel.NewAPI(ddbmodel.Direct(newModel(table), time.Now))}
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			l, err := dynamo.New(both, table)
			if err != nil {
				t.Error(err)
				return
			}
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for range 25 {
				use(t, l, r)
			}
			l.Close(context.Background()) // what was not released is taken over
		})
	}
	wg.Wait()
	t.Logf("%d requests", both.requests)
}

// use takes a lock and does with it one of the things that can be done.
func use(t *testing.T, l *dynamo.Locker, r *rand.Rand) {
	ctx := context.Background()
	opts := []locker.Option{locker.WithTTL(3 * time.Second), locker.WithWait(200 * time.Millisecond)}
	if r.IntN(3) == 0 {
		opts = append(opts, locker.WithData([]byte("data")))
	}
	if r.IntN(4) == 0 {
		opts = append(opts, locker.WithMinHold(100*time.Millisecond))
	}
	lease, err := l.Acquire(ctx, []string{"a", "b"}[r.IntN(2)], opts...)
	if err != nil {
		if !errors.Is(err, locker.ErrHeld) {
			t.Errorf("Acquire = %v, want a lease or ErrHeld", err)
		}
		return
	}
	switch r.IntN(5) {
	case 4:
		breakIt(t, l, lease, r)
	case 0:
		err = lease.Renew(ctx)
	case 1:
		err = lease.SetData(ctx, []byte("more"))
	case 2:
		err = lease.Ensure(ctx, 4*time.Second)
	}
	if err != nil && !errors.Is(err, locker.ErrLost) {
		t.Errorf("extend = %v, want nil or a loss", err)
	}
	if r.IntN(8) > 0 {
		if err := lease.Release(ctx); err != nil && !errors.Is(err, locker.ErrLost) {
			t.Errorf("Release = %v, want nil or a loss", err)
		}
	}
}
