package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// crowdOf lets goroutines of some processes compete for one name, and returns how
// many grants each got, by process, and the requests that all sent.
func (b *bench) crowdOf(ctx context.Context, all []*process, name string, goroutines int, d time.Duration) ([][]float64, counts, error) {
	began := time.Now()
	each := goroutines / len(all)
	for _, p := range all {
		if err := p.tell("crowd", name, each, b.work.Microseconds(), d.Milliseconds()); err != nil {
			return nil, counts{}, err
		}
	}
	b.progress.say("%d goroutines in %d processes, for %v", each*len(all), len(all), d)
	var grants [][]float64
	var calls []call
	for _, p := range all {
		l, err := p.await(ctx, "counts", name)
		if err != nil {
			return nil, counts{}, err
		}
		got := l.numbers(0)
		if len(got) != each {
			return nil, counts{}, fmt.Errorf("%d goroutines answered of %d", len(got), each)
		}
		grants = append(grants, got)
		calls = append(calls, p.proxy.between(began, time.Time{})...)
	}
	return grants, sum(calls), nil
}

// crowd measures how many grants a second one name gives, and to whom.
func (b *bench) crowd(ctx context.Context, s *section) error {
	const table = "bench-crowd"
	all, err := b.workers(ctx, b.processes, table)
	if err != nil {
		return err
	}
	defer quitAll(all)

	grants, n, err := b.crowdOf(ctx, all[:1], "one", b.goroutines, b.crowdFor)
	if err != nil {
		return err
	}
	addCrowd(s, "", oneProcess, grants, n, b.crowdFor, 700)
	fair := &s.Figures[len(s.Figures)-2]
	fair.Least = 0.95
	s.Figures[len(s.Figures)-1].Most = 0.05

	grants, n, err = b.crowdOf(ctx, all, "several", b.goroutines, b.processFor)
	if err != nil {
		return err
	}
	const what = severalProcesses
	addCrowd(s, "", what, grants, n, b.processFor, 400)
	var shares []float64
	for _, of := range grants {
		shares = append(shares, total(of))
	}
	least := 1e9
	for _, of := range grants {
		least = min(least, slices.Min(of))
	}
	s.add(figure{Name: what + ": least share of a process", Value: 100 * slices.Min(shares) / total(shares), Unit: "%", Least: 10})
	s.add(figure{Name: what + ": fewest grants of a goroutine", Value: least, Least: 1})
	s.keep("grants of each goroutine, "+what, curve{X: slices.Concat(grants...)})
	return nil
}

// addCrowd adds the figures of a crowd; the last two are fairness and requests.
func addCrowd(s *section, of, what string, grants [][]float64, n counts, d time.Duration, least float64) {
	every := slices.Concat(grants...)
	s.add(figure{Of: of, Name: what + ": grants a second", Value: total(every) / d.Seconds(), Least: least})
	s.add(figure{Of: of, Name: what + ": fairness (Jain)", Value: jain(every)})
	s.add(figure{Of: of, Name: what + ": requests a grant", Value: float64(n.requests) / total(every)})
}
