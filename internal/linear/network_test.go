package linear

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/faulthttp"
)

// network is what lies between one client and the store.
type network struct {
	*faulthttp.Transport
	figures *figures
	history *history
	who     string
	ttl     time.Duration
	ahead   time.Duration  // by which this client's front end runs ahead
	late    sync.WaitGroup // requests that arrive after their time

	mu    sync.Mutex
	rng   *rand.Rand
	rate  float64   // of requests that go wrong
	until time.Time // the client is cut off
}

// fault decides what becomes of a request.
func (n *network) fault(c *faulthttp.Call) (*http.Response, error) {
	name, fault := n.draw()
	if fault == nil {
		fault = (*faulthttp.Call).Send
	} else {
		n.figures.count("fault: " + name)
	}
	resp, err := fault(c)
	if err == nil && n.ahead > 0 {
		resp.Header.Set("Date", time.Now().Add(n.ahead).UTC().Format(http.TimeFormat))
	}
	return resp, err
}

// draw chooses a fault; nil is none.
func (n *network) draw() (name string, fault faulthttp.Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Now().Before(n.until) {
		return "cut off", faulthttp.Refuse()
	}
	if n.rng.Float64() >= n.rate {
		return "", nil
	}
	d := n.betweenLocked(0, n.ttl/3)
	if n.rng.IntN(4) == 0 {
		d = n.betweenLocked(n.ttl/2, 2*n.ttl)
	}
	switch n.rng.IntN(8) {
	case 0:
		return "request lost", faulthttp.Drop()
	case 1:
		return "answer lost", faulthttp.Lose()
	case 2:
		return "500 after commit", faulthttp.FailAfter(500, "InternalServerError", "planted")
	case 3:
		return "answer delayed", faulthttp.Delay(d)
	case 4, 5: // twice as often: it is what a write that is not pinned fails by
		return "request delayed", n.delayed(d)
	case 6:
		return "request lost, arrives late", n.later(d, false)
	}
	return "late duplicate", n.later(d, true)
}

func (n *network) betweenLocked(from, to time.Duration) time.Duration {
	return from + time.Duration(n.rng.Int64N(int64(to-from)))
}

// delayed is a request that is under way for d, and arrives even if its client
// has given up by then.
func (n *network) delayed(d time.Duration) faulthttp.Fault {
	return func(c *faulthttp.Call) (*http.Response, error) {
		type answer struct {
			resp *http.Response
			err  error
		}
		answers := make(chan answer, 1)
		n.late.Go(func() {
			time.Sleep(d)
			resp, err := c.SendWith(context.WithoutCancel(c.Context()))
			answers <- answer{resp, err}
		})
		select {
		case a := <-answers:
			return a.resp, a.err
		case <-c.Context().Done():
			return nil, c.Context().Err()
		}
	}
}

// later delivers a copy of the request after d: besides the request itself, or
// instead of it.
func (n *network) later(d time.Duration, besides bool) faulthttp.Fault {
	return func(c *faulthttp.Call) (*http.Response, error) {
		n.noteCopy(c)
		n.late.Go(func() {
			time.Sleep(d)
			_, _ = c.SendWith(context.WithoutCancel(c.Context())) // nobody waits for the answer
		})
		if besides {
			return c.Send()
		}
		return nil, faulthttp.ErrConnection
	}
}

// cut separates the client from the store for d.
func (n *network) cut(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.until = time.Now().Add(d)
}

// heal ends all faults, but for what is under way.
func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rate, n.until = 0, time.Time{}
}

// api is the client of one locker. It notes the acquisitions that may take effect,
// whatever their callers are told.
type api struct {
	*dynamodb.Client
	n *network
}

// UpdateItem implements [dynamo.API].
func (a *api) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	call := a.n.history.now()
	acquisition := sentBy(in)
	if acquisition != "" {
		ctx = context.WithValue(ctx, noteKey{}, func() { a.note(acquisition, in, call) })
	}
	out, err := a.Client.UpdateItem(ctx, in, opts...)
	var no *types.ConditionalCheckFailedException
	if acquisition != "" && !errors.As(err, &no) {
		a.note(acquisition, in, call)
	}
	switch v := in.ExpressionAttributeValues; {
	case err == nil && v[":session"] != nil:
		a.n.figures.count("bound")
	case err == nil && v[":seen"] != nil && v[":token"] == nil:
		a.n.figures.count("sessions ended")
	}
	return out, err
}

func (a *api) note(acquisition string, in *dynamodb.UpdateItemInput, call int64) {
	name := in.Key["name"].(*types.AttributeValueMemberS).Value
	a.n.history.mayHold(acquisition, sent{name: name, who: a.n.who, at: call})
}

// noteKey is the key of the function that notes the acquisition of a request.
type noteKey struct{}

// noteCopy notes that the store may see a request's acquisition once more.
func (n *network) noteCopy(c *faulthttp.Call) {
	if note, ok := c.Context().Value(noteKey{}).(func()); ok {
		note()
	}
}

// sentBy returns the acquisition ID of a write that acquires, "" for any other:
// only those carry a token.
func sentBy(in *dynamodb.UpdateItemInput) string {
	if _, ok := in.ExpressionAttributeValues[":token"]; !ok {
		return ""
	}
	guid := in.ExpressionAttributeValues[":guid"].(*types.AttributeValueMemberS).Value
	id, _, _ := strings.Cut(guid, "/")
	return id
}
