package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// otherLibraries measures the same few things with this library and with others. One that
// can't be had is named, with the reason.
func (b *bench) otherLibraries(ctx context.Context, s *section) error {
	names := strings.Split(b.wanted, ",")
	for _, name := range names {
		if !slices.ContainsFunc(peers, func(p peer) bool { return p.name == name }) && name != "" {
			return fmt.Errorf("no peer %q", name)
		}
	}
	if err := b.peer(ctx, s, holdfast); err != nil {
		return err
	}
	for _, p := range peers {
		if !slices.Contains(names, p.name) {
			continue
		}
		b.progress.say("fetching %s", p.of)
		l, err := b.prepare(ctx, p)
		if err == nil {
			err = b.peer(ctx, s, l)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			s.add(figure{Of: p.of, Name: "all or the rest", Absent: err.Error()})
		}
	}
	return nil
}

// Names of what is measured, by which plots and documents find it.
const (
	requestsToAcquire = "requests to acquire a free lock"
	pairDirect        = "acquire and release, p50"
	pairCPU           = "client CPU of acquire and release"
	pairNetwork       = "acquire and release with a network, p50"
	handOverP50       = "hand-over between processes, p50"
	handOverP99       = "hand-over between processes, p99"
	deadHolder        = "a dead holder's lock, for a newcomer"
	oneProcess        = "one process"
)

// peer measures one library.
func (b *bench) peer(ctx context.Context, s *section, l library) error {
	slug := "this"
	if l.of != "" {
		slug = strings.Fields(l.of)[0]
	}
	table := "bench-peer-" + strings.Map(func(r rune) rune {
		if strings.ContainsRune("/.", r) {
			return '-'
		}
		return r
	}, slug)
	if err := b.createTable(ctx, table, l.hash, l.sort); err != nil {
		return err
	}
	died, err := b.killHolder(ctx, l, table)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return b.peerPairsOf(ctx, s, l, table) },
		func() error { return b.peerHandOver(ctx, s, l, table) },
		func() error { return b.peerCrowd(ctx, s, l, table) },
		func() error { return b.newcomer(ctx, s, l, table, died) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// killHolder leaves a lock behind whose holder is dead, and says since when.
func (b *bench) killHolder(ctx context.Context, l library, table string) (time.Time, error) {
	p, err := b.worker(ctx, l, table, b.peerTTL, 0)
	if err != nil {
		return time.Time{}, err
	}
	defer p.kill()
	if err := p.tell("keep", "dead"); err != nil {
		return time.Time{}, err
	}
	_, err = p.await(ctx, "got", "dead")
	return time.Now(), err
}

// newcomer has a new process take the dead holder's lock.
func (b *bench) newcomer(ctx context.Context, s *section, l library, table string, died time.Time) error {
	p, err := b.worker(ctx, l, table, b.peerTTL, 0)
	if err != nil {
		return err
	}
	defer p.kill()
	b.progress.say("%s: a newcomer %v after the holder's death", l.of, b.deadAfter)
	if err := pause(ctx, time.Until(died.Add(b.deadAfter))); err != nil {
		return err
	}
	if err := p.tell("hold", "dead", 0); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, 3*b.peerTTL+time.Minute)
	defer cancel()
	ask, err := p.await(limit, "ask", "dead")
	if err != nil {
		return err
	}
	got, err := p.await(limit, "got", "dead")
	if err != nil {
		s.add(figure{Of: l.of, Name: deadHolder, Absent: err.Error()})
		return nil
	}
	s.add(figure{Of: l.of, Name: deadHolder, Value: got.at().Sub(ask.at()).Seconds(), Unit: "s"})
	return nil
}

// peerPairsOf measures acquire and release, directly and with a network.
func (b *bench) peerPairsOf(ctx context.Context, s *section, l library, table string) error {
	what := ""
	if l.cannotWait {
		what = " (acquire alone: it has no release)"
	}
	for _, delay := range []time.Duration{direct, b.network} {
		p, err := b.worker(ctx, l, table, 0, delay)
		if err != nil {
			return err
		}
		defer p.quit()
		took, cpu := []float64(nil), 0.0
		for _, name := range []string{"warm", "pair"} { // the first for what a runtime compiles later
			name = fmt.Sprintf("%s%d", name, max(0, delay.Milliseconds()))
			b.progress.say("%s: %d times acquire and release", l.of, b.peerPairs)
			if err := p.tell("pairs", name, b.peerPairs); err != nil {
				return err
			}
			line, err := p.await(ctx, "pairs", name)
			if err != nil {
				return err
			}
			took = line.numbers(1)
			if n := line.numbers(0); len(n) == 1 && len(took) > 0 {
				cpu = n[0] / float64(len(took))
			}
		}
		if delay == direct {
			s.add(figure{Of: l.of, Name: pairDirect + what, Value: percentile(took, 0.5) / 1e6, Unit: "ms"})
			s.add(figure{Of: l.of, Name: pairCPU + what, Value: cpu / 1e6, Unit: "ms"})
		} else {
			s.add(figure{Of: l.of, Name: pairNetwork + what, Value: percentile(took, 0.5) / 1e6, Unit: "ms"})
		}
	}
	return nil
}

// peerHandOver counts the requests of an acquire, and measures hand-overs.
func (b *bench) peerHandOver(ctx context.Context, s *section, l library, table string) error {
	var pair [2]*process
	for i := range pair {
		p, err := b.worker(ctx, l, table, 0, 0)
		if err != nil {
			return err
		}
		defer p.quit()
		pair[i] = p
	}
	var requests []float64
	for i := range 6 {
		name := fmt.Sprintf("free/%d", i)
		if err := pair[0].tell("hold", name, 1); err != nil {
			return err
		}
		got, err := pair[0].await(ctx, "got", name)
		if err != nil {
			return err
		}
		requests = append(requests, float64(len(only(pair[0].proxy.between(time.Time{}, got.at()), name))))
	}
	s.add(figure{Of: l.of, Name: requestsToAcquire, Value: median(requests)})
	if l.cannotWait {
		s.add(figure{Of: l.of, Name: handOverP50, Absent: "it can't wait"})
		return nil
	}
	h, err := b.handOvers(ctx, "peer", pair, b.names, max(2, b.handovers/2))
	if err != nil {
		return err
	}
	s.add(figure{Of: l.of, Name: handOverP50, Value: percentile(h.millis, 0.5), Unit: "ms"})
	s.add(figure{Of: l.of, Name: handOverP99, Value: percentile(h.millis, 0.99), Unit: "ms"})
	s.add(figure{Of: l.of, Name: "read units a second of waiting", Value: h.readUnits / h.waited.Seconds()})
	s.keep("hand-over, ms: "+l.of, curve{X: h.millis})
	return nil
}

// peerCrowd lets goroutines compete for one name.
func (b *bench) peerCrowd(ctx context.Context, s *section, l library, table string) error {
	if l.of != "" && !strings.HasSuffix(l.of, "(Go)") {
		s.add(figure{Of: l.of, Name: oneProcess + ": grants a second", Absent: "only libraries for Go are measured in this"})
		return nil
	}
	p, err := b.worker(ctx, l, table, 0, 0)
	if err != nil {
		return err
	}
	defer p.quit()
	grants, n, err := b.crowdOf(ctx, []*process{p}, "crowd", b.goroutines, b.crowdFor)
	if err != nil {
		return err
	}
	addCrowd(s, l.of, oneProcess, grants, n, b.crowdFor, 0)
	return nil
}
