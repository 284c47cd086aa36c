//go:build linux

package peers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// us is this library, as a side.
const us = "holdfast"

// newTable makes a table of the test's own, and returns its name.
func newTable(t *testing.T, choose func(*dynamo.Options)) string {
	t.Helper()
	table := fmt.Sprintf("peers-%s-%d-%d", t.Name(), os.Getpid(), time.Now().UnixNano())
	l := open(t, table, choose)
	if err := l.EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.DeleteTable(context.Background()) })
	return table
}

func open(t *testing.T, table string, choose func(*dynamo.Options)) *dynamo.Locker {
	t.Helper()
	l, err := dynamo.New(dynamodblocal.Client(t), table, choose)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return l
}

// side is what the other library does: for each name, hold it round by round, tell
// the referee, and end when stop is called for the name. stop waits until that is so.
type side struct {
	who  string
	stop func(name string)
}

// compete has this library and another want the same names until each has come after
// the other often enough, on every name.
func compete(t *testing.T, table string, choose func(*dynamo.Options), r *referee, other side) {
	t.Helper()
	sides := []string{us, other.who}
	alive, dying := open(t, table, choose), open(t, table, choose)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for _, name := range lockNames(t) {
		all.Go(func() {
			defer other.stop(name)
			for n := 0; !r.done(name, sides); n++ {
				round, l := roundOf(n), alive
				if round == crashed {
					l = dying // one that nobody renews, and of which the other knows nothing
				}
				b, err := hold(ctx, l, name, round)
				if err != nil {
					t.Errorf("holding %q: %v", name, err)
					return
				}
				if b.end > 0 {
					r.add(name, b)
				}
				pause(round)
			}
		})
	}
	all.Wait()
	r.verdict(t, sides)
}

// lockNames are the names of a test's locks.
func lockNames(t *testing.T) (all []string) {
	for i := range names {
		all = append(all, fmt.Sprintf("%s/%d", t.Name(), i))
	}
	return all
}

// pause leaves the name to the other side for a while.
func pause(round string) {
	if round == crashed {
		time.Sleep(crash)
		return
	}
	time.Sleep(rand.N(250 * time.Millisecond))
}

// hold acquires the name and holds it for a round. It returns for when the lease was
// valid: at both moments it was seen to be.
func hold(ctx context.Context, l *dynamo.Locker, name, round string) (belief, error) {
	opts := []locker.Option{locker.WithTTL(lease)}
	if round == crashed {
		opts = append(opts, locker.WithoutRenewal())
	}
	got, err := l.Acquire(ctx, name, opts...)
	if err != nil {
		return belief{}, err
	}
	b := belief{who: us, round: round}
	b.begin, b.end = believe(round, func() bool { return got.Err() == nil })
	if round == crashed {
		return b, nil
	}
	if err := got.Release(ctx); err != nil && !errors.Is(err, locker.ErrLost) && !errors.As(err, new(*locker.ReleaseError)) {
		return belief{}, err
	}
	return b, nil
}

// believe looks at a lease for as long as a round lasts, and returns the first and
// the last moment at which it was valid. Each is read before the look: it was valid
// then, or the look would have said that it is over.
func believe(round string, valid func() bool) (begin, end int64) {
	d := rand.N(30 * time.Millisecond)
	switch round {
	case long:
		d = lease * 3 / 2
	case crashed:
		d = time.Minute
	}
	for from := time.Now(); ; time.Sleep(time.Millisecond) {
		now := sharedClock()
		if !valid() {
			return begin, end
		}
		if end = now; begin == 0 {
			begin = now
		}
		if time.Since(from) >= d {
			return begin, end
		}
	}
}
