package otellocker

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"example.com/holdfast/locker"
)

// mark begins data that [Propagate] has stored.
const mark = "traceparent="

// Propagate returns a Locker on next that stores with each lease, as its data, the
// W3C trace context of the call of Acquire, so that observers in other processes can
// link to it. Data that the caller gives is left alone, and so is a call without a
// valid span in its context. On DynamoDB it makes the item larger by some 70 bytes.
//
// It is a [locker.Middleware].
func Propagate(next locker.Locker) locker.Locker {
	return propagated{locker.Chain(next, locker.Defaults())} // which sees to a next that is nil
}

// propagated is what Propagate makes.
type propagated struct{ next locker.Locker }

func (p propagated) Acquire(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
	return p.next.Acquire(ctx, name, withTrace(ctx, opts)...)
}

func (p propagated) AcquireAll(ctx context.Context, names []string, opts ...locker.Option) (*locker.Group, error) {
	return locker.AcquireAll(ctx, p.next, names, withTrace(ctx, opts)...)
}

// withTrace returns opts and one that stores ctx's span, if it has one, for want of
// other data.
func withTrace(ctx context.Context, opts []locker.Option) []locker.Option {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	parent := carrier["traceparent"]
	if parent == "" {
		return opts
	}
	return append(opts[:len(opts):len(opts)], func(o *locker.Options) {
		if o.Data == nil {
			o.Data = []byte(mark + parent)
		}
	})
}

// remote returns the span that data tells of, which is not valid if it tells of
// none.
func remote(data []byte) trace.SpanContext {
	parent, ok := strings.CutPrefix(string(data), mark)
	if !ok {
		return trace.SpanContext{}
	}
	carrier := propagation.MapCarrier{"traceparent": parent}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}
