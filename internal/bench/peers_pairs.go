package main

import (
	"context"
	"fmt"
	"time"
)

// rounds is how often the libraries take turns, so that what changes on the
// machine or in the server meanwhile meets all of them.
const rounds = 5

// pairsOfAll measures acquire and release with all libraries, directly and with a
// network. Each has a table of its own, which is made here.
func (b *bench) pairsOfAll(ctx context.Context, s *section, all []library) error {
	for _, l := range all {
		if err := b.createTable(ctx, tableOf(l), l.hash, l.sort); err != nil {
			return err
		}
	}
	for _, delay := range []time.Duration{direct, b.network} {
		if err := b.pairsWith(ctx, s, all, delay); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) pairsWith(ctx context.Context, s *section, all []library, delay time.Duration) error {
	what, prefix := pairNetwork, "network"
	if delay == direct {
		what, prefix = pairDirect, "direct"
	}
	workers := make([]*process, len(all))
	failed := make([]error, len(all))
	took, cpu := make([][]float64, len(all)), make([][]float64, len(all))
	for i, l := range all {
		var err error
		if workers[i], err = b.worker(ctx, l, tableOf(l), 0, delay); err != nil {
			failed[i] = err
			continue
		}
		defer workers[i].quit()
	}
	for round := range rounds + 1 { // the first is for what runtimes compile later
		for i, l := range all {
			if failed[i] != nil {
				continue
			}
			b.progress.say("round %d of %d: %s", round, rounds, l.of)
			t, c, err := pairs(ctx, workers[i], fmt.Sprintf("%s%d", prefix, round), max(1, b.peerPairs/rounds))
			if err != nil {
				failed[i] = err
			} else if round > 0 {
				took[i], cpu[i] = append(took[i], t...), append(cpu[i], c)
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i, l := range all {
		if failed[i] != nil {
			s.add(figure{Of: l.of, Name: what, Absent: failed[i].Error()})
			continue
		}
		if delay == direct {
			s.add(figure{Of: l.of, Name: pairCPU, Value: median(cpu[i]) / 1e6, Unit: "ms"})
		}
		s.add(figure{Of: l.of, Name: what, Value: percentile(took[i], 0.5) / 1e6, Unit: "ms"})
	}
	return nil
}

// pairs returns nanoseconds: of each pair, and the CPU time of one.
func pairs(ctx context.Context, p *process, name string, n int) ([]float64, float64, error) {
	if err := p.tell("pairs", name, n); err != nil {
		return nil, 0, err
	}
	line, err := p.await(ctx, "pairs", name)
	if err != nil {
		return nil, 0, err
	}
	took, cpu := line.numbers(1), line.numbers(0)
	if len(took) != n || len(cpu) != 1 {
		return nil, 0, fmt.Errorf("%d pairs of %d", len(took), n)
	}
	return took, cpu[0] / float64(n), nil
}
