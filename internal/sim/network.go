package sim

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/holdfast/internal/ddbmodel"
)

// call is a request that a process waits for.
type call struct {
	p       *process
	request any
	fate    fate
	answers chan answer // has room for the one that is delivered
	done    bool        // guarded by world.mu: delivered, or nobody waits any more
}

type answer struct {
	ans ddbmodel.Answer
	err error
}

// Errors that come instead of an answer of the store's.
var (
	errReset     = errors.New("sim: connection reset by peer")
	errDead      = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "the process is dead", Fault: smithy.FaultClient}
	errInternal  = &types.InternalServerError{Message: aws.String("internal error")}
	errThrottled = &types.ProvisionedThroughputExceededException{Message: aws.String("too many requests")}
	errConflict  = &types.TransactionConflictException{Message: aws.String("a transaction is under way")}
)

// send is the process's way to the store: a [ddbmodel.Transport]. It returns when
// an answer has come or ctx is done.
func (p *process) send(ctx context.Context, request any) (ddbmodel.Answer, error) {
	w := p.world
	c := &call{p: p, request: request, answers: make(chan answer, 1)}
	w.mu.Lock()
	c.departLocked()
	w.mu.Unlock()
	select {
	case a := <-c.answers:
		return a.ans, a.err
	case <-ctx.Done():
	}
	w.mu.Lock()
	c.endLocked()
	w.mu.Unlock()
	return ddbmodel.Answer{}, ctx.Err()
}

// departLocked is the call at the edge of the process: from here it goes its own
// way, at once or when the node resumes.
func (c *call) departLocked() {
	p, w := c.p, c.p.world
	if in, ok := c.request.(*dynamodb.UpdateItemInput); ok && p.ended {
		guid := text(in.ExpressionAttributeValues[":guid"])
		if !isBroken(guid) && !isReleased(guid) { // an operator may go on, and a worker repeat a release that was not confirmed
			w.failLocked("%v sends %v after Close has returned", p, shown{c.request})
		}
	}
	if p.dead {
		c.done = true
		c.answers <- answer{ans: ddbmodel.Answer{Err: errDead}}
		return
	}
	p.calls = append(p.calls, c)
	c.fate = w.fateLocked(p, c.request)
	w.spendLocked(p, c.request)
	w.figure.Requests++
	if c.fate.pauseBefore > 0 {
		p.node.stopLocked("is paused before a request leaves", false, c.fate.pauseBefore)
	}
	if p.node.stopped {
		p.node.parked = append(p.node.parked, c.leave)
		return
	}
	c.leaveLocked()
}

func (c *call) leave() {
	w := c.p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case c.p.dead: // it died before the request left
	case c.p.node.stopped:
		c.p.node.parked = append(c.p.node.parked, c.leave)
	default:
		c.leaveLocked()
	}
}

// leaveLocked sends the request into the network.
func (c *call) leaveLocked() {
	w, f := c.p.world, &c.fate
	cut := c.linkLocked() == linkMute
	w.noteLocked(c.p, "sends %v%v", shown{c.request}, troubles{f, cut})
	for _, d := range f.again {
		if !cut {
			w.afterLocked(f.there+d, c.arriveAgain)
		}
	}
	if !cut && !f.lostRequest {
		w.afterLocked(f.there, c.arrive)
	}
	if f.reset {
		w.reachLocked(c.p, min(f.there, f.back), func() { c.deliver(ddbmodel.Answer{}, errReset) })
	}
}

// linkLocked is how the way is to what the request is about.
func (c *call) linkLocked() link {
	n := c.p.node
	if n.world.calm {
		return n.link
	}
	return max(n.link, n.names[c.name()])
}

// name is the name that the request is about, if it is about one.
func (c *call) name() string {
	switch in := c.request.(type) {
	case *dynamodb.GetItemInput:
		return text(in.Key["name"])
	case *dynamodb.UpdateItemInput:
		return text(in.Key["name"])
	}
	return ""
}

// arrive is the request at DynamoDB's front end.
func (c *call) arrive() {
	w, f := c.p.world, &c.fate
	ans := ddbmodel.Answer{Date: w.start.Add(w.now() + f.skew)}
	switch {
	case f.throttled:
		ans.Err = errThrottled
	case f.conflicted:
		ans.Err = errConflict
	case f.errorBefore:
		ans.Err = errInternal
	default:
		ans = w.carryOut(c, f.age, ans.Date)
		if f.errorAfter {
			ans.Output, ans.Err = nil, errInternal
		}
	}
	if f.lostAnswer {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reachLocked(c.p, f.back, func() { c.deliver(ans, nil) })
}

// arriveAgain is a copy of the request, whose answer nobody waits for.
func (c *call) arriveAgain() {
	w := c.p.world
	w.note(c.p, "a copy arrives late: %v", shown{c.request})
	w.carryOut(c, 0, time.Time{})
}

// carryOut has the store carry out the request.
func (w *world) carryOut(c *call, age time.Duration, date time.Time) ddbmodel.Answer {
	w.mu.Lock()
	w.writer = c.p
	w.mu.Unlock()
	ans, err := ddbmodel.NewAnswer(w.store, c.request, age, date)
	switch {
	case err != nil:
		w.fail("%v asks for what the model lacks: %v", c.p, err)
		ans.Err = errInternal
	case ans.Err != nil:
		w.note(c.p, "the store refuses %v: %v", shown{c.request}, ans.Err)
	}
	return ans
}

// deliver hands the process its answer, unless it has one or went away. The node
// may be paused at just this moment, or be cut off: then the answer is lost.
func (c *call) deliver(ans ddbmodel.Answer, err error) {
	w := c.p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := c.fate.pauseReading; d > 0 && !c.done && !c.p.dead {
		c.fate.pauseReading = 0
		c.p.node.stopLocked("is paused before an answer is read", false, d)
		w.reachLocked(c.p, 0, func() { c.deliver(ans, err) })
		return
	}
	if c.done || c.linkLocked() >= linkDeaf && !c.p.dead {
		return
	}
	c.endLocked()
	c.answers <- answer{ans, err}
}

// endLocked takes the call off the process's list.
func (c *call) endLocked() {
	c.done = true
	for i, other := range c.p.calls {
		if other == c {
			c.p.calls = append(c.p.calls[:i], c.p.calls[i+1:]...)
			return
		}
	}
}
