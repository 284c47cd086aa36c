package adapt

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"example.com/holdfast/locker"
)

// Keyed has a Lock that returns what to unlock it by. With L = gocron.Lock it is a
// gocron.Locker: of all schedulers that share a store, one runs each job.
//
//	s, err := gocron.NewScheduler(gocron.WithDistributedLocker(adapt.Keyed[gocron.Lock]{
//		Locker:  locker.Prefix(l, "gocron/"),
//		Options: []locker.Option{locker.WithTTL(time.Minute), locker.WithMinHold(30 * time.Second)},
//	}))
//
// # Once a tick
//
// A scheduler whose clock is late asks for the lock when a short job is done
// already, and would run it again. [locker.WithMinHold] keeps the lock taken from the
// start of the job: for longer than the clocks may differ, and for less than the time
// between two ticks less that difference. Half of the interval is right for
// most; on DynamoDB leave 3 s between its end and the next tick, since it
// may take so long until the end of a hold is certain. The minimum hold is at most the
// TTL. Without it a job may run once on each scheduler.
//
// # Zero value and concurrency
//
// L is an interface that has Unlock(context.Context) error and nothing else, or that
// is empty; with any other, or without a Locker, Lock returns a
// [*locker.InvalidError]. A Keyed may be copied, and used by several goroutines at
// once.
type Keyed[L any] struct {
	Locker  locker.Locker   // takes the locks; must not be nil
	Options []locker.Option // of each acquisition, after [locker.NoWait]
	OnLost  func(name string, err error)
}

// Lock takes the lock called key. It does not wait for a holder unless Options say
// so: a tick that another runs is to be left out. Errors are those of
// [locker.Locker]; of a lock that another holds it is a [*locker.HeldError].
//
// What it returns has one method, Unlock(ctx) error, which releases the lock; ctx
// lends its values only. Unlocking twice returns nil. Of a lock that was lost it
// returns the [*locker.LostError], after Close one that is [locker.ErrClosed], and a
// [*locker.ReleaseError] when the store has not confirmed. gocron looks at none of
// these: OnLost and the Locker's Observer tell.
func (k Keyed[L]) Lock(ctx context.Context, key string) (L, error) {
	var none L
	if _, ok := any((*held)(nil)).(L); !ok {
		return none, wrongResult[L]("Unlock(context.Context) error")
	}
	h, err := acquire(ctx, k.Locker, key, k.OnLost, slices.Concat([]locker.Option{locker.NoWait()}, k.Options)...)
	if err != nil {
		return none, err
	}
	return any(h).(L), nil
}

// wrongResult says that an adapter can't return its type parameter.
func wrongResult[L any](methods string) error {
	return &locker.InvalidError{
		What: "adapter's type parameter", Value: fmt.Sprint(reflect.TypeFor[L]()),
		Want: "an interface with at most the methods " + methods,
	}
}
