package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// handed is what hand-overs have shown.
type handed struct {
	millis    []float64     // from before the release to the next holder's grant
	requests  int           // between those two moments
	waited    time.Duration // by those who were handed the lock
	readUnits float64       // meanwhile
	lost      int
}

// handOver measures how fast a lock goes from its holder to one who waits.
func (b *bench) handOver(ctx context.Context, s *section) error {
	const table = "bench-handover"
	all, err := b.workers(ctx, 2, table)
	if err != nil {
		return err
	}
	defer quitAll(all)

	inside, err := b.handOvers(ctx, "inside", [2]*process{all[0], all[0]}, b.names, b.handovers)
	if err != nil {
		return err
	}
	s.add(figure{Name: "inside a process: p50", Value: percentile(inside.millis, 0.5), Unit: "ms", Most: 1})
	s.add(figure{Name: "inside a process: p99", Value: percentile(inside.millis, 0.99), Unit: "ms"})
	s.add(figure{Name: "inside a process: requests on the way of a hand-over", Value: float64(inside.requests) / float64(len(inside.millis)), None: true})
	s.keep("inside, ms", curve{X: inside.millis})

	between, err := b.handOvers(ctx, "between", [2]*process{all[0], all[1]}, b.names, b.handovers)
	if err != nil {
		return err
	}
	s.add(figure{Name: "between processes: p50", Value: percentile(between.millis, 0.5), Unit: "ms", Most: 100})
	s.add(figure{Name: "between processes: p99", Value: percentile(between.millis, 0.99), Unit: "ms"})
	s.add(figure{Name: "between processes: read units a second of waiting", Value: between.readUnits / between.waited.Seconds(), Most: 2.5})
	s.keep("between, ms", curve{X: between.millis})
	s.add(figure{Name: "leases lost", Value: float64(inside.lost + between.lost), None: true})
	return b.longWait(ctx, s, all)
}

// handOvers has two callers pass some names to and fro: each waits while the other
// holds the name for a random time, n times on each name. The callers may be in
// one process.
func (b *bench) handOvers(ctx context.Context, prefix string, pair [2]*process, names, n int) (*handed, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		sum   handed
		first error
	)
	for i := range names {
		wg.Go(func() {
			h, err := b.handOversOf(ctx, fmt.Sprintf("%s/%d", prefix, i), pair, n, func() {
				mu.Lock()
				defer mu.Unlock()
				b.progress.say("%s: %d of %d hand-overs", prefix, len(sum.millis), names*n)
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if first == nil {
					first = err
				}
				cancel()
				return
			}
			sum.millis = append(sum.millis, h.millis...)
			sum.requests += h.requests
			sum.waited += h.waited
			sum.readUnits += h.readUnits
			sum.lost += h.lost
		})
	}
	wg.Wait()
	if first == nil && len(sum.millis) == 0 {
		first = fmt.Errorf("no hand-over of %d", names*n)
	}
	return &sum, first
}

// handOversOf does it on one name. The caller that is to have the name next is
// told so as soon as the other has it.
func (b *bench) handOversOf(ctx context.Context, name string, pair [2]*process, n int, tick func()) (*handed, error) {
	h := &handed{}
	hold := func(p *process) error {
		work := b.workMin + rand.N(b.workMax-b.workMin+1)
		return p.tell("hold", name, work.Milliseconds())
	}
	if err := hold(pair[0]); err != nil {
		return nil, err
	}
	for i := range n + 1 {
		holder, next := pair[i%2], pair[(i+1)%2]
		if _, err := holder.await(ctx, "ask", name); err != nil {
			return nil, err
		}
		if _, err := holder.await(ctx, "got", name); err != nil {
			return nil, err
		}
		if i < n {
			if err := hold(next); err != nil {
				return nil, err
			}
		}
		rel, err := released(ctx, holder, name)
		if err != nil {
			return nil, err
		}
		if i == n {
			return h, nil
		}
		if rel.IsZero() {
			h.lost++
			continue
		}
		if err := h.add(ctx, name, next, holder, rel); err != nil {
			return nil, err
		}
		tick()
	}
	return h, nil
}

// add takes the hand-over into account of which the holder's release is known; the
// next holder's lines are left for the next round.
func (h *handed) add(ctx context.Context, name string, next, holder *process, rel time.Time) error {
	ask, err := next.peek(ctx, "ask", name)
	if err != nil {
		return err
	}
	got, err := next.peek(ctx, "got", name)
	if err != nil {
		return err
	}
	h.millis = append(h.millis, max(0, got.at().Sub(rel)).Seconds()*1000)
	h.waited += got.at().Sub(ask.at())
	h.readUnits += sum(only(next.proxy.between(ask.at(), got.at()), name)).readUnits
	for _, p := range slices.Compact([]*process{next, holder}) {
		h.requests += len(only(p.proxy.between(rel, got.at()), name))
	}
	return nil
}

// released waits for the end of a hold; the zero time for one that was lost.
func released(ctx context.Context, p *process, name string) (time.Time, error) {
	for {
		if p.has("lost", name) {
			_, err := p.await(ctx, "lost", name)
			return time.Time{}, err
		}
		waiting, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		rel, err := p.await(waiting, "rel", name)
		cancel()
		if err == nil || ctx.Err() != nil || waiting.Err() == nil {
			return rel.at(), err
		}
	}
}

// longWait counts what waiting costs while a name is held for long.
func (b *bench) longWait(ctx context.Context, s *section, all []*process) error {
	if b.long <= b.settled {
		return fmt.Errorf("-long has to be above -settled, %v", b.settled)
	}
	var early, late, lateSeconds float64
	perSecond := make([]float64, int(b.long.Seconds()))
	for i := range b.names {
		if err := all[0].tell("hold", fmt.Sprintf("long/%d", i), b.long.Milliseconds()); err != nil {
			return err
		}
	}
	for i := range b.names {
		name := fmt.Sprintf("long/%d", i)
		if _, err := all[0].await(ctx, "got", name); err != nil {
			return err
		}
		if err := all[1].tell("hold", name, 0); err != nil {
			return err
		}
	}
	for i := range b.names {
		name := fmt.Sprintf("long/%d", i)
		b.progress.say("a wait of %v, on %d names", b.long, b.names)
		rel, err := released(ctx, all[0], name)
		if err != nil {
			return err
		}
		ask, err := all[1].await(ctx, "ask", name)
		if err != nil {
			return err
		}
		if _, err := released(ctx, all[1], name); err != nil {
			return err
		}
		if rel.IsZero() {
			return fmt.Errorf("%s was lost", name)
		}
		from := ask.at().Add(b.settled)
		early += sum(only(all[1].proxy.between(ask.at(), from), name)).readUnits
		late += sum(only(all[1].proxy.between(from, rel), name)).readUnits
		lateSeconds += rel.Sub(from).Seconds()
		for _, c := range only(all[1].proxy.between(ask.at(), rel), name) {
			if second := int(c.at.Sub(ask.at()).Seconds()); second < len(perSecond) {
				perSecond[second] += c.read / float64(b.names)
			}
		}
	}
	s.add(figure{Name: "between processes: read units a second, at the beginning of a long wait", Value: early / b.settled.Seconds() / float64(b.names)})
	s.add(figure{Name: "between processes: read units a second, after " + b.settled.String(), Value: late / lateSeconds, Most: 1})
	s.keep("read units a second of a wait", curve{X: perSecond})
	return nil
}
