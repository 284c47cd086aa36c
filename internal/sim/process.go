package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/locker"
)

// process is one start of the program on a node: a Locker without any memory of
// the processes before.
type process struct {
	world  *world
	node   *node
	number int  // of the node's processes
	shares bool // its leases share a heartbeat
	locker *dynamo.Locker
	life   context.Context // done at the crash
	end    context.CancelFunc

	// Guarded by world.mu.
	ended    bool // its Locker is closed: it renews and takes nothing any more
	dead     bool
	rushed   time.Duration
	calls    []*call                // requests under way
	extended map[*locker.Lease]bool // renewed by their workers
	random   *rand.Rand
}

// newProcessLocked makes the node's next process.
func (n *node) newProcessLocked() *process {
	w := n.world
	n.started++
	p := &process{world: w, node: n, number: n.started}
	p.life, p.end = context.WithCancel(context.Background())
	p.random = rand.New(rand.NewPCG(w.seed, stream("process", p.String())))
	p.shares = chance(p.random, 0.5)
	n.process = p
	w.noteLocked(p, "starts")
	return p
}

// String names the process for people: node and number.
func (p *process) String() string { return fmt.Sprintf("n%d.%d", p.node.id, p.number) }

// open makes the process's Locker.
func (p *process) open() error {
	var err error
	p.locker, err = dynamo.New(p.api(), table, func(o *dynamo.Options) {
		o.Clock = processClock{p}
		o.Rand = p.rand
		o.Owner = p.String()
		o.Observer = p.observe
		o.SharedHeartbeat = p.shares
		o.MaxLocalHold = p.world.localHold
		if !p.node.ruleB {
			o.ClockMargin = -1
		}
	})
	return err
}

// api is the way to the store: straight, or through the real SDK.
func (p *process) api() dynamo.API {
	if !p.world.sdk {
		return ddbmodel.NewAPI(p.send)
	}
	return dynamodb.New(dynamodb.Options{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		HTTPClient:  &http.Client{Transport: ddbmodel.NewRoundTripper(p.send)},
	})
}

// rand is the process's source of IDs and jitter.
func (p *process) rand() uint64 {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return p.random.Uint64()
}

// observe puts what the library tells into the timeline.
func (p *process) observe(_ context.Context, e locker.Event) {
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if !p.dead {
		w.told = append(w.told, told{w.now(), p, e})
	}
	switch {
	case p.dead:
	case e.Kind == locker.EventRefused:
		w.figure.Refused++
		w.noteLocked(p, "%s refused after %v: %v", e.Name, e.Waited, e.Err)
	case e.Err != nil:
		w.noteLocked(p, "%s %v, token %v: %v", e.Name, e.Kind, e.Token, e.Err)
	default:
		w.noteLocked(p, "%s %v, token %v, %v remaining", e.Name, e.Kind, e.Token, e.Remaining)
	}
}

// work opens the Locker and starts the workers.
func (p *process) work() {
	w := p.world
	if err := p.open(); err != nil {
		w.fail("%v: open: %v", p, err)
		return
	}
	for i := range w.workers {
		wk := newWorker(p, i)
		w.spawn(wk.run)
	}
}

// crash ends the process at this instant. Nobody believes in its leases any more.
// Its requests on their way go on without it. To the goroutines that remain of it
// all waiting ends at once: their clock rushes, their requests fail, and nothing
// that they do leaves the process.
func (p *process) crash() {
	w := p.world
	w.mu.Lock()
	if p.dead {
		w.mu.Unlock()
		return
	}
	w.noteLocked(p, "crashes")
	w.figure.Crashes++
	p.dead = true
	for _, c := range p.calls {
		w.reachLocked(p, 0, func() { c.deliver(ddbmodel.Answer{Err: errDead}, nil) })
	}
	var due []*event
	for _, e := range w.queue {
		if e.to == p {
			due = append(due, e)
		}
	}
	for _, e := range due {
		w.cancelLocked(e)
		e.off = false
		e.at = w.now()
		w.planLocked(e)
	}
	w.mu.Unlock()
	w.buryWithheld(p)
	p.end()
	p.close()
}

// close closes the Locker, in a goroutine that the history waits for.
func (p *process) close() {
	if p.locker == nil {
		return
	}
	p.world.spawn(func() {
		p.locker.Close(context.Background()) // what it did not get to release, others take over
		p.world.mu.Lock()
		defer p.world.mu.Unlock()
		p.world.noteLocked(p, "has ended")
		p.ended = true
	})
}

// buryWithheld lets what was withheld from a process happen now that it is dead.
func (w *world) buryWithheld(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var others []*event
	for _, e := range p.node.withheld {
		switch {
		case e.off:
		case e.to == p:
			e.at = w.now()
			w.planLocked(e)
		default:
			others = append(others, e)
		}
	}
	p.node.withheld = others
}

// sleep waits for d by the node's monotonic clock and reports whether the process
// is alive then.
func (p *process) sleep(d time.Duration) bool {
	over := make(chan struct{})
	processClock{p}.AfterFunc(d, func() { close(over) })
	<-over
	return p.alive()
}

func (p *process) alive() bool {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return !p.dead
}

// extends notes that a worker is about to renew a lease.
func (p *process) extends(l *locker.Lease) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	if p.extended == nil {
		p.extended = make(map[*locker.Lease]bool)
	}
	p.extended[l] = true
}
