package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// link is how a node's way to the store is.
type link int

const (
	linkGood link = iota
	linkSlow      // messages take long, but not too long
	linkDeaf      // requests arrive, answers don't
	linkMute      // requests don't arrive
)

var linkNames = [...]string{"good", "slow", "deaf", "mute"}

// node is a machine. It runs one process at a time.
type node struct {
	world *world
	id    int
	ruleB bool

	// Guarded by world.mu.
	clocks   clocks
	process  *process // the latest; it may be dead
	started  int      // processes so far
	stopped  bool     // paused or suspended
	slept    int      // how often it was suspended
	link     link
	names    map[string]link // of single names: deaf or mute
	withheld []*event        // what would have reached the process
	parked   []func()        // requests that the process sent while it was stopped
	random   *rand.Rand
}

func newNode(w *world, id int) *node {
	r := rand.New(rand.NewPCG(w.seed, stream("node", fmt.Sprint(id))))
	n := &node{world: w, id: id, ruleB: w.ruleB, random: r}
	if w.mixed {
		n.ruleB = id%2 == 0
	}
	n.clocks = clocks{
		mono: between(r, 0, 1000*time.Hour), boot: between(r, 1000*time.Hour, 2000*time.Hour),
		wall: between(r, -w.wallSkew, w.wallSkew),
		rate: r.Int64N(2*w.drift+1) - w.drift, wallRate: r.Int64N(2*w.drift+1) - w.drift,
	}
	return n
}

// plan starts the node's first process and plans what will happen to the node
// until the chaos ends.
func (n *node) plan() {
	w, r := n.world, n.random
	w.mu.Lock()
	defer w.mu.Unlock()
	w.afterLocked(between(r, 0, w.ttl), n.boot)
	happens := func(mean float64, what func()) {
		for range often(r, mean*w.wild) {
			w.afterLocked(between(r, 0, w.duration), func() {
				if !w.isCalm() {
					what()
				}
			})
		}
	}
	happens(1.5, func() { n.stop("is paused", false, n.while()) })
	happens(1, func() { n.stop("is suspended", true, n.while()) })
	happens(1, n.crash)
	happens(1.5, n.isolate)
	happens(1, n.isolateName)
	if w.wallSkew > 0 {
		happens(1.5, n.step)
	}
	if w.drift > 0 {
		happens(1, n.changeRate)
	}
}

func (w *world) isCalm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

// while is how long a trouble lasts: often less than a TTL, at times three.
func (n *node) while() time.Duration {
	if chance(n.random, 0.3) {
		return between(n.random, n.world.ttl/100, n.world.ttl/2)
	}
	return between(n.random, n.world.ttl/2, 3*n.world.ttl)
}

// stop pauses the node: nothing reaches its process, whose requests stay where
// they are. Suspended, its monotonic clock stands still as well.
func (n *node) stop(what string, suspend bool, d time.Duration) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	n.stopLocked(what, suspend, d)
}

func (n *node) stopLocked(what string, suspend bool, d time.Duration) {
	w := n.world
	if n.stopped || w.calm {
		return
	}
	w.noteLocked(n.process, "node %d %s for %v", n.id, what, d)
	n.stopped = true
	n.clocks = n.clocks.at(w.now())
	n.clocks.asleep = suspend
	if suspend {
		n.slept++
	}
	w.afterLocked(d, n.resume)
}

// resume ends a pause. Before anything that was withheld reaches the process, its
// leases are looked at: this is the latest instant at which it may still have
// believed in them.
func (n *node) resume() {
	w := n.world
	w.mu.Lock()
	if !n.stopped {
		w.mu.Unlock()
		return
	}
	w.noteLocked(n.process, "node %d resumes", n.id)
	n.stopped = false
	n.clocks = n.clocks.at(w.now())
	n.clocks.asleep = false
	p := n.process
	w.mu.Unlock()
	w.probe(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	n.deliverLocked()
}

// deliverLocked lets everything happen that was withheld, in random order.
func (n *node) deliverLocked() {
	w := n.world
	withheld, parked := n.withheld, n.parked
	n.withheld, n.parked = nil, nil
	for _, e := range withheld {
		if !e.off {
			e.at = w.now() + between(n.random, 0, 2*time.Millisecond)
			w.planLocked(e)
		}
	}
	for _, leave := range parked {
		w.afterLocked(between(n.random, 0, 2*time.Millisecond), leave)
	}
}

// isolate takes the node out of the network for a while. Before the way is cut it
// may be slow, or work in one direction only.
func (n *node) isolate() {
	w := n.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.link != linkGood {
		return
	}
	var from time.Duration
	phase := func(l link, p float64) {
		if chance(n.random, p) {
			w.afterLocked(from, func() { n.setLink(l) })
			from += n.while()
		}
	}
	phase(linkSlow, 0.5)
	phase(linkDeaf, 0.4)
	phase(linkMute, 0.8)
	w.afterLocked(from, func() { n.setLink(linkGood) })
}

// isolateName takes the node away from one partition of the table, which holds one
// name: first what it writes there still arrives, then no more.
func (n *node) isolateName() {
	w := n.world
	w.mu.Lock()
	defer w.mu.Unlock()
	name := pick(n.random, w.names)
	if n.names == nil {
		n.names = make(map[string]link)
	}
	if n.names[name] != linkGood {
		return
	}
	set := func(l link) func() {
		return func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			n.names[name] = l
			w.noteLocked(n.process, "the link of node %d to %s is %s", n.id, name, linkNames[l])
		}
	}
	deaf := n.while()
	n.names[name] = linkDeaf
	w.afterLocked(0, set(linkDeaf))
	w.afterLocked(deaf, set(linkMute))
	w.afterLocked(deaf+n.while(), set(linkGood))
}

func (n *node) setLink(l link) {
	w := n.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.link != l && (l == linkGood || !w.calm) {
		n.link = l
		w.noteLocked(n.process, "the link of node %d is %s", n.id, linkNames[l])
	}
}

// step sets the wall clock.
func (n *node) step() {
	w := n.world
	w.mu.Lock()
	defer w.mu.Unlock()
	d := between(n.random, -w.wallSkew, w.wallSkew)
	if chance(n.random, 0.5) {
		d = between(n.random, -2*w.ttl, 2*w.ttl)
	}
	w.noteLocked(n.process, "wall clock of node %d steps by %v", n.id, d)
	n.clocks = n.clocks.at(w.now())
	n.clocks.wall += d
}

// changeRate makes the node's clocks drift differently.
func (n *node) changeRate() {
	w := n.world
	w.mu.Lock()
	defer w.mu.Unlock()
	n.clocks = n.clocks.at(w.now())
	n.clocks.rate = n.random.Int64N(2*w.drift+1) - w.drift
	n.clocks.wallRate = n.random.Int64N(2*w.drift+1) - w.drift
	w.noteLocked(n.process, "clocks of node %d drift by %d and %d ppm", n.id, n.clocks.rate, n.clocks.wallRate)
}

// boot starts a process, unless one is alive or the chaos has ended.
func (n *node) boot() {
	w := n.world
	w.mu.Lock()
	if w.calm || n.process != nil && !n.process.dead {
		w.mu.Unlock()
		return
	}
	if n.stopped { // a machine that does not run starts nothing
		w.afterLocked(w.ttl/4, n.boot)
		w.mu.Unlock()
		return
	}
	p := n.newProcessLocked()
	w.mu.Unlock()
	p.work()
}

// crash ends the process for good, and plans the start of the next one.
func (n *node) crash() {
	w := n.world
	w.mu.Lock()
	p := n.process
	again := between(n.random, 0, w.ttl/2)
	if chance(n.random, 0.4) {
		again = between(n.random, w.ttl/2, 4*w.ttl)
	}
	w.afterLocked(again, n.boot)
	w.mu.Unlock()
	if p != nil {
		p.crash()
	}
}
