package locktest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"example.com/holdfast/locker"
)

// List passes a fault once, and then the whole iteration.
func (b *faultyBackend) List(ctx context.Context, prefix string) iter.Seq2[locker.Info, error] {
	return func(yield func(locker.Info, error) bool) {
		lister, ok := b.f.inner.(locker.Lister)
		if !ok {
			yield(locker.Info{}, fmt.Errorf("locktest: list %q: %w", prefix, errors.ErrUnsupported))
			return
		}
		if err := b.f.call(ctx, OpList, func(ctx context.Context) error { return nil }); err != nil {
			yield(locker.Info{}, err)
			return
		}
		lister.List(ctx, prefix)(yield)
	}
}

func (b *faultyBackend) Break(ctx context.Context, info locker.Info, opts ...locker.BreakOption) error {
	breaker, ok := b.f.inner.(locker.Breaker)
	if !ok {
		return fmt.Errorf("locktest: break %q: %w", info.Name, errors.ErrUnsupported)
	}
	return b.f.call(ctx, OpBreak, func(ctx context.Context) error { return breaker.Break(ctx, info, opts...) })
}

// AcquireGroup is an [OpAcquire].
func (b *faultyBackend) AcquireGroup(ctx context.Context, all []locker.Attempt) ([]locker.Grant, error) {
	grouper, ok := b.f.inner.(locker.Grouper)
	if !ok {
		return nil, fmt.Errorf("locktest: acquire %q and others: %w", all[0].Name, errors.ErrUnsupported)
	}
	var got answer[[]locker.Grant]
	err := b.f.call(ctx, OpAcquire, func(ctx context.Context) error {
		grants, err := grouper.AcquireGroup(ctx, all)
		got.set(grants)
		return err
	})
	if err != nil {
		return nil, err
	}
	return got.or(nil), nil
}

func (b *faultyBackend) GroupLimit() int {
	if grouper, ok := b.f.inner.(locker.Grouper); ok {
		return grouper.GroupLimit()
	}
	return math.MaxInt
}
