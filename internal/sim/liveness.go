package sim

import (
	"time"

	"example.com/holdfast/locker"
)

// margin is what a fresh process may take beyond two TTLs until it has a name: it
// describes the table, is refused, and polls, at most 1.25 s apart; the rest is
// for clocks, retries and slow answers.
const margin = 5 * time.Second

// endChaos lets nothing go wrong any more. One after the other, nodes resume and
// join the network, and their processes crash or are closed, at random. What is on
// its way stays so: requests that are delayed, and copies, still arrive.
func (w *world) endChaos() {
	w.mu.Lock()
	w.calm = true
	w.noteLocked(nil, "the chaos ends")
	left := len(w.nodes)
	for _, n := range w.nodes {
		w.afterLocked(between(n.random, 0, w.ttl/10), func() {
			n.retire()
			w.mu.Lock()
			defer w.mu.Unlock()
			left--
		})
	}
	w.mu.Unlock()
	w.turn("the end of the chaos", w.ttl, func() bool { return left == 0 })
}

// retire ends the node's troubles and its process.
func (n *node) retire() {
	n.resume()
	n.setLink(linkGood)
	w := n.world
	w.mu.Lock()
	p := n.process
	crash := chance(n.random, 0.5)
	alive := p != nil && !p.dead
	w.mu.Unlock()
	switch {
	case !alive:
	case crash:
		p.crash()
	default:
		w.note(p, "is closed")
		p.close()
	}
}

// takeAll starts a process on a node of its own, which has to get every name
// within two TTLs and the margin. The TTL is the longest that the name's item has
// from now on, and both count from the last write to it that another process's
// late request still made.
func (w *world) takeAll() {
	n := newNode(w, len(w.nodes))
	for _, name := range w.names {
		item := w.store.Item(table, name)
		w.mu.Lock()
		lk := w.locks[name]
		lk.longest = max(w.ttl, ttlOf(item))
		if s := w.sessions[lk.session]; s != nil {
			lk.longest = max(lk.longest, s.ttl)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	w.last = n
	p := n.newProcessLocked()
	w.mu.Unlock()
	if err := p.open(); err != nil {
		w.fail("%v: open: %v", p, err)
		return
	}
	from, left := w.now(), len(w.names)
	for _, name := range w.names {
		w.spawn(func() {
			lease, err := p.locker.Acquire(p.life, name, locker.WithTTL(w.ttl))
			if err != nil {
				w.fail("%v: Acquire(%q) = %v in the calm", p, name, err)
			} else {
				w.granted(p, lease, locker.Options{TTL: w.ttl})
				w.judgeWait(name, from)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			left--
		})
	}
	w.turn("taking every name", time.Hour, func() bool { return left == 0 })
	p.close()
}

// judgeWait fails the history when a name took too long to get.
func (w *world) judgeWait(name string, from time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lk := w.locks[name]
	took := w.now() - max(from, lk.touched)
	if most := 2*lk.longest + margin; took > most {
		w.failLocked("%s could be had only after %v, want at most %v", name, took, most)
	}
	w.figure.Longest = max(w.figure.Longest, took)
}
