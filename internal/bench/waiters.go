package main

import (
	"context"
	"time"
)

// manyWaiters measures what a crowd that waits in one process costs while another
// process holds the name.
func (b *bench) manyWaiters(ctx context.Context, s *section) error {
	const table, name = "bench-waiters", "held"
	all, err := b.workers(ctx, 2, table)
	if err != nil {
		return err
	}
	defer quitAll(all)
	holder, crowd := all[0], all[1]
	if err := crowd.tell("pairs", "warm", 1); err != nil { // its first acquire looks at the table
		return err
	}
	if _, err := crowd.await(ctx, "pairs", "warm"); err != nil {
		return err
	}
	if err := holder.tell("hold", name, (b.waitersFor + 2*time.Second).Milliseconds()); err != nil {
		return err
	}
	if _, err := holder.await(ctx, "got", name); err != nil {
		return err
	}
	began := time.Now()
	if err := crowd.tell("wait", name, b.waiters); err != nil {
		return err
	}
	for time.Since(began) < b.waitersFor {
		b.progress.say("%d waiters: %d requests", b.waiters, len(crowd.proxy.between(began, time.Time{})))
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	end := began.Add(b.waitersFor)
	split := began.Add(min(b.settled, b.waitersFor/2))
	early, late := sum(crowd.proxy.between(began, split)), sum(crowd.proxy.between(split, end))
	perSecond := make([]float64, int(b.waitersFor.Seconds()))
	for _, c := range crowd.proxy.between(began, end) {
		if second := int(c.at.Sub(began).Seconds()); c.read > 0 && second < len(perSecond) {
			perSecond[second]++
		}
	}
	lost := 0.0
	if rel, err := released(ctx, holder, name); err != nil {
		return err
	} else if rel.IsZero() {
		lost = 1
	}
	s.add(figure{Name: "waiters", Value: float64(b.waiters)})
	s.add(figure{Name: "reads a second, at first", Value: float64(early.reads) / split.Sub(began).Seconds(), Most: 6})
	s.add(figure{Name: "reads a second, after " + b.settled.String(), Value: float64(late.reads) / end.Sub(split).Seconds(), Most: 3})
	s.add(figure{Name: "failed writes", Value: float64(early.refused + late.refused), Most: 5})
	s.add(figure{Name: "leases lost by the holder", Value: lost, None: true})
	s.keep("reads a second", curve{X: perSecond})
	return nil
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
