package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// fate is what the network and DynamoDB's front ends do to one request.
type fate struct {
	there, back time.Duration // latency of each way
	skew        time.Duration // of the front end's clock
	age         time.Duration // of what an eventually consistent read shows

	lostRequest, lostAnswer   bool
	errorBefore, errorAfter   bool            // 500, without and with the request carried out
	throttled, conflicted     bool            // certainly not carried out
	reset                     bool            // the connection breaks at once; the request may still arrive
	again                     []time.Duration // when copies arrive, after the request would have
	pauseBefore, pauseReading time.Duration   // of the node: before the send, at the answer
}

// fateLocked draws a request's fate. It depends on the seed, the process and what
// is asked for, and on how often that was asked for before.
func (w *world) fateLocked(p *process, request any) fate {
	what := stream(p.String(), content(request))
	count := w.sent[what]
	w.sent[what]++
	r := rand.New(rand.NewPCG(w.seed^what, stream("fate")+uint64(count)))
	f := fate{
		there: w.oneWay(r), back: w.oneWay(r),
		skew: pick(r, w.frontEnds),
	}
	if chance(r, w.reads) {
		f.age = between(r, 0, w.staleBy)
	}
	if w.calm {
		return f
	}
	if p.node.link == linkSlow {
		f.there += between(r, 0, w.ttl/10)
		f.back += between(r, 0, w.ttl/10)
	}
	bad := func(p float64) bool { return chance(r, p*w.wild) }
	f.lostRequest, f.lostAnswer = bad(0.02), bad(0.025)
	f.errorBefore, f.errorAfter = bad(0.01), bad(0.015)
	f.throttled, f.conflicted, f.reset = bad(0.01), bad(0.005), bad(0.01)
	if bad(0.025) {
		f.there = w.slowWay(r)
	}
	if bad(0.035) {
		f.back = w.slowWay(r)
	}
	for bad(0.04) && len(f.again) < 3 {
		f.again = append(f.again, between(r, 0, 4*w.ttl))
	}
	if bad(0.004) {
		f.pauseBefore = between(r, w.ttl/10, 2*w.ttl)
	}
	if bad(0.004) {
		f.pauseReading = between(r, w.ttl/10, 2*w.ttl)
	}
	return f
}

// oneWay is the latency of an ordinary message.
func (w *world) oneWay(r *rand.Rand) time.Duration {
	return 200*time.Microsecond + time.Duration(r.ExpFloat64()*float64(w.latency))
}

// slowWay is the latency of a message that takes long: often too long for the
// client, which gives a request up after a sixth of the TTL, but not always.
func (w *world) slowWay(r *rand.Rand) time.Duration {
	if chance(r, 0.6) {
		return between(r, w.ttl/50, w.ttl/6)
	}
	return between(r, w.ttl/10, 3*w.ttl)
}

// content tells requests of a process apart: what, of which name, and which
// revision it writes.
func content(request any) string {
	switch in := request.(type) {
	case *dynamodb.GetItemInput:
		return "get " + text(in.Key["name"])
	case *dynamodb.UpdateItemInput:
		if in.ExpressionAttributeValues[":wanted"] != nil {
			return "mark " + text(in.Key["name"]) + " " + text(in.ExpressionAttributeValues[":oldest"])
		}
		return "update " + text(in.Key["name"]) + " " + text(in.ExpressionAttributeValues[":guid"])
	}
	return fmt.Sprintf("%T", request)
}

// text returns a string or number, "" for anything else.
func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}
