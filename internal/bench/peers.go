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
	libraries := []library{holdfast, bare}
	for _, p := range peers {
		if !slices.Contains(names, p.name) {
			s.add(figure{Of: p.of, Name: "everything", Absent: "left out by -peers"})
			continue
		}
		b.progress.say("fetching %s", p.of)
		l, err := b.prepare(ctx, p)
		if err != nil {
			s.add(figure{Of: p.of, Name: "everything", Absent: err.Error()})
			continue
		}
		libraries = append(libraries, l)
	}
	if err := b.pairsOfAll(ctx, s, libraries); err != nil {
		return err
	}
	for _, l := range libraries {
		if l.of == bareSDK {
			continue // no lock: nobody can wait for it, and nobody renews it
		}
		err := b.peer(ctx, s, l)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && l.of == "" {
			return err
		}
		if err != nil {
			s.add(figure{Of: l.of, Name: "the rest", Absent: err.Error()})
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
	severalProcesses  = "several processes"
)

// tableOf is the name of a library's table.
func tableOf(l library) string {
	slug := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, l.of)
	return "bench-peer-" + slug
}

// peer measures one library.
func (b *bench) peer(ctx context.Context, s *section, l library) error {
	table := tableOf(l)
	died, err := b.killHolder(ctx, l, table)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
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
