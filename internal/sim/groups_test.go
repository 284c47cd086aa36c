package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/locker"
)

// lossyWay is the way to a model on which requests and answers take their time, get
// lost, come late or come twice.
type lossyWay struct {
	model *ddbmodel.Store
	rate  int // of faults, in percent
	mu    sync.Mutex
	rng   *rand.Rand
	sent  int // transactions
}

func (w *lossyWay) n(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

func (w *lossyWay) upTo(d time.Duration) time.Duration { return time.Duration(w.n(int(d))) }

var errOnTheWay = errors.New("sim: lost on the way")

func (w *lossyWay) send(ctx context.Context, request any) (ddbmodel.Answer, error) {
	if in, ok := request.(*dynamodb.TransactWriteItemsInput); ok {
		as := *in // what comes late is what was sent
		request = &as
		w.mu.Lock()
		w.sent++
		w.mu.Unlock()
	}
	arrive := func() (ddbmodel.Answer, error) {
		return ddbmodel.NewAnswer(w.model, request, w.upTo(300*time.Millisecond), time.Now())
	}
	late := func() { time.AfterFunc(w.upTo(3*time.Second), func() { arrive() }) }
	fault := -1
	if w.n(100) < w.rate {
		fault = w.n(4)
	}
	switch {
	case !w.travel(ctx):
		if w.n(2) == 0 {
			late()
		}
		return ddbmodel.Answer{}, ctx.Err()
	case fault == 0:
		return ddbmodel.Answer{}, errOnTheWay
	case fault == 1:
		late()
		return ddbmodel.Answer{}, errOnTheWay
	case fault == 2:
		late()
	}
	answer, err := arrive()
	if fault == 3 {
		return ddbmodel.Answer{}, errOnTheWay
	}
	if !w.travel(ctx) {
		return ddbmodel.Answer{}, ctx.Err()
	}
	return answer, err
}

func (w *lossyWay) travel(ctx context.Context) bool {
	select {
	case <-time.After(w.upTo(60 * time.Millisecond)):
		return true
	case <-ctx.Done():
		return false
	}
}

// TestGroupsBelieve has processes, some with sessions, take groups of names and parts
// of them, guarded now and then, while an operator breaks some: no two believe in one
// name, no lease is on what an earlier one was guarded by, and in the end nothing is held.
func TestGroupsBelieve(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	grants, sent, broken := 0, 0, 0
	for i, rate := range []int{0, 5, 20, 40} {
		synctest.Test(t, func(t *testing.T) {
			model := ddbmodel.NewStore(time.Now, nil)
			model.AddTable(table, "name")
			w := &lossyWay{model: model, rate: rate, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
			var mu sync.Mutex
			leases := make(map[string][]*locker.Lease)
			high := make(map[string]locker.Token)
			guarded := make(map[string][]string) // by name: acquisitions of leases that are over by the time of the next
			check := func(group *locker.Group) {
				mu.Lock()
				defer mu.Unlock()
				for lease := range group.All() {
					name := lease.Name()
					grants++
					if lease.Token() <= high[name] {
						t.Errorf("%s: token %v after %v", name, lease.Token(), high[name])
					}
					high[name] = max(high[name], lease.Token())
					leases[name] = append(leases[name], lease)
					if id, _, _ := strings.Cut(text(model.Item(table, name)["guid"]), "/"); slices.Contains(guarded[name], id) && lease.Err() == nil {
						t.Errorf("%s: the lease of token %v is on %q, which an earlier lease was guarded by", name, lease.Token(), id)
					}
				}
				for name, all := range leases {
					all = slices.DeleteFunc(all, func(l *locker.Lease) bool { return l.Err() != nil })
					leases[name] = all
					if len(all) > 1 {
						t.Errorf("%s: %d believe, tokens %v and %v", name, len(all), all[0].Token(), all[1].Token())
					}
				}
			}
			guard := func(l *dynamo.Locker, group *locker.Group) {
				mu.Lock()
				defer mu.Unlock()
				for lease := range group.All() {
					if w.n(3) > 0 {
						continue
					}
					if g, err := l.GuardGrant(lease); err == nil {
						guarded[lease.Name()] = append(guarded[lease.Name()], g.ID)
					}
				}
			}
			end := time.Now().Add(2 * time.Minute)
			var work sync.WaitGroup
			var processes []*dynamo.Locker
			for p := range 4 {
				l, err := dynamo.New(ddbmodel.NewAPI(w.send), table, func(o *dynamo.Options) {
					o.Owner, o.SharedHeartbeat = fmt.Sprint(p), p%2 == 0
				})
				if err != nil {
					t.Fatal(err)
				}
				processes = append(processes, l)
				for range 3 {
					work.Go(func() {
						for time.Now().Before(end) {
							ctx, cancel := context.WithTimeout(t.Context(), w.upTo(6*time.Second))
							ttl := []time.Duration{time.Second, 2 * time.Second}[w.n(2)]
							opts := []locker.Option{locker.WithTTL(ttl)}
							for _, opt := range []locker.Option{locker.NoWait(), locker.WithWait(time.Second), locker.WithoutRenewal(), locker.WithMinHold(300 * time.Millisecond), locker.WithMaxHold(time.Second)} {
								if w.n(5) == 0 {
									opts = append(opts, opt)
								}
							}
							names := make([]string, 1+w.n(3))
							for i := range names {
								names[i] = fmt.Sprint("name ", w.n(4))
							}
							group, err := l.AcquireAll(ctx, names, opts...)
							if err == nil {
								check(group)
								guard(l, group)
								time.Sleep(w.upTo(2 * time.Second))
								if w.n(3) == 0 {
									select {
									case <-group.Done():
									case <-time.After(4 * time.Second):
									}
								}
								err = group.Release(ctx)
							}
							cancel()
							var failed *locker.ReleaseError
							if err != nil && !errors.Is(err, locker.ErrHeld) && !errors.Is(err, locker.ErrUnavailable) && !errors.Is(err, locker.ErrLost) &&
								!errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &failed) {
								t.Errorf("an error of no known kind: %v", err)
							}
							time.Sleep(w.upTo(100 * time.Millisecond))
						}
					})
				}
			}
			work.Go(func() {
				for ; time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
					check(new(locker.Group))
				}
			})
			work.Go(func() { // an operator
				for time.Now().Before(end) {
					time.Sleep(w.upTo(5 * time.Second))
					info, err := processes[0].Inspect(t.Context(), fmt.Sprint("name ", w.n(4)))
					if err == nil && info.State == locker.StateHeld {
						if processes[0].Break(t.Context(), info) == nil {
							mu.Lock()
							broken++
							mu.Unlock()
						}
					}
				}
			})
			work.Wait()
			for _, l := range processes {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				if err := l.Close(ctx); errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Close = %v", err)
				}
				cancel()
			}
			sent += w.sent
			time.Sleep(10 * time.Second) // for what is late, and what could not be released
			after := openShared(t, ddbmodel.Direct(model, time.Now), time.Second)
			acquire(t, after, "clock").Release(t.Context())
			for n := range 4 {
				if info, err := after.Inspect(t.Context(), fmt.Sprint("name ", n)); err != nil || info.State == locker.StateHeld {
					t.Errorf("at the end: %+v, %v, want nothing held", info, err)
				}
			}
			after.Close(t.Context())
		})
	}
	t.Logf("%d grants, %d transactions, %d broken", grants, sent, broken)
	if grants < 100 || sent < 100 {
		t.Error("that tells nothing")
	}
}

// TestGroupUnread has a group stand before a name whose session can't be read, after
// the group's first request got lost; then the name is released, and that very request
// is carried out. The tokens are those that it carries.
func TestGroupUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		model := ddbmodel.NewStore(time.Now, nil)
		model.AddTable(table, "name")
		direct := ddbmodel.Direct(model, time.Now)
		l := openShared(t, direct, ttl)
		bound := acquire(t, l, "b")
		time.Sleep(ttl / 2)
		transactions, reads := 0, 0
		other := openShared(t, func(ctx context.Context, request any) (ddbmodel.Answer, error) {
			switch in := request.(type) {
			case *dynamodb.TransactWriteItemsInput:
				if transactions++; transactions == 1 {
					return ddbmodel.Answer{}, errOnTheWay
				}
			case *dynamodb.GetItemInput:
				if isSession(text(in.Key["name"])) {
					reads++
					if err := bound.Release(t.Context()); err != nil {
						t.Errorf("Release = %v, want nil", err)
					}
					return ddbmodel.Answer{}, errOnTheWay
				}
			}
			return direct(ctx, request)
		}, ttl)
		acquire(t, other, "warm")
		group, err := other.AcquireAll(t.Context(), []string{"a", "b"})
		if err != nil {
			t.Fatalf("AcquireAll = %v, want nil", err)
		}
		if transactions != 3 || reads != 1 {
			t.Errorf("%d transactions and %d reads of a session, want 3 and 1", transactions, reads)
		}
		for lease := range group.All() {
			stored := text(model.Item(table, lease.Name())["token"])
			if lease.Token() <= 0 || stored < lease.Token().String() {
				t.Errorf("%q has token %v, and the item %s, want one of a block that ends there", lease.Name(), lease.Token(), stored)
			}
		}
		for _, l := range []*dynamo.Locker{l, other} {
			if err := l.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
	})
}
