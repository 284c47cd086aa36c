// Package otellocker observes locks with OpenTelemetry: traces with links from who
// waits to who holds, and metrics. It is a module of its own, so that package locker
// needs the standard library alone.
//
//	observe, err := otellocker.New(func(o *otellocker.Options) {
//		o.Pattern = func(name string) string { before, _, _ := strings.Cut(name, "/"); return before }
//	})
//	…
//	l, err := dynamo.Open(ctx, "locks", func(o *dynamo.Options) { o.Observer = observe })
//
// # Traces
//
// Each call of Acquire is a span "lock acquire", and each lease a span "lock hold" from
// its acquisition to its end, which is exported when the lease has ended. Both are
// children of the span in the context of the call. Their attributes are
// holdfast.lock (the name), holdfast.pattern, holdfast.token and
// holdfast.outcome; a loss and a failure are errors of the span, and a renewal that
// failed is an event of it.
//
// A span of a call that found a holder in its way is linked to that holder: to the
// "lock hold" of a lease that this observer has seen, in this process; to the span in
// which another process acquired the lock, if its Locker was wrapped by
// [Propagate] and the holder was still seen with its data. Otherwise there is no link.
//
// # Metrics
//
// All have the attribute holdfast.pattern, which Options.Pattern makes of the
// name, and never the name: there may be millions of those.
//
//	holdfast.acquire.duration    s  of calls of Acquire, by holdfast.outcome: acquired, held, unavailable, cancelled or failed
//	holdfast.hold.duration       s  of leases, by holdfast.outcome: released, unconfirmed or lost
//	holdfast.leases              {lease}  held just now
//	holdfast.renewal.margin      s  what was left of a lease when it was renewed: near 0 is near a loss
//	holdfast.renewal.failures    {renewal}  tries to renew that failed
//	holdfast.losses              {lease}  leases lost, by holdfast.reason
//	holdfast.takeovers           {lease}  leases acquired from a holder that was presumed dead
package otellocker

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"example.com/holdfast/locker"
)

// scope is the name of the instrumentation.
const scope = "example.com/holdfast/otellocker"

// DefaultPattern is the pattern of every name where nobody says otherwise.
const DefaultPattern = "lock"

// Options configures [New]. The zero value is ready to use.
type Options struct {
	// TracerProvider makes the spans. Nil: the global one, as it is when New is
	// called.
	TracerProvider trace.TracerProvider

	// MeterProvider makes the metrics. Nil: the global one, as it is when New is
	// called.
	MeterProvider metric.MeterProvider

	// Pattern returns what a name is counted under, such as its first part. It
	// must have few results: each is a time series. It is called by several
	// goroutines at once. Nil: [DefaultPattern] for all.
	Pattern func(name string) string
}

// New returns an observer for [locker.ClientOptions]. One may serve any number of
// Lockers; links within a process are between those of one observer.
//
// Errors are those of the meter, for an instrument that it can't make.
func New(optFns ...func(*Options)) (locker.Observer, error) {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	if o.Pattern == nil {
		o.Pattern = func(string) string { return DefaultPattern }
	}
	m, err := newMeters(o.MeterProvider.Meter(scope))
	if err != nil {
		return nil, err
	}
	t := &tracing{tracer: o.TracerProvider.Tracer(scope), holds: make(map[string]trace.Span), seen: newRecent(remembered)}
	return func(ctx context.Context, e locker.Event) {
		if e.Name == "" { // of no lock
			return
		}
		pattern := attribute.String("holdfast.pattern", o.Pattern(e.Name))
		m.observe(ctx, e, pattern)
		t.observe(ctx, e, pattern, time.Now())
	}, nil
}

// outcome says in a word how a call of Acquire, or a lease, ended.
func outcome(e locker.Event) attribute.KeyValue {
	const key = attribute.Key("holdfast.outcome")
	switch {
	case e.Kind == locker.EventAcquired:
		return key.String("acquired")
	case e.Kind == locker.EventLost || errors.Is(e.Err, locker.ErrLost):
		return key.String("lost")
	case e.Kind == locker.EventReleased && e.Err != nil:
		return key.String("unconfirmed")
	case e.Kind == locker.EventReleased:
		return key.String("released")
	case errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, locker.ErrClosed):
		return key.String("cancelled")
	case errors.Is(e.Err, locker.ErrHeld):
		return key.String("held")
	case errors.Is(e.Err, locker.ErrUnavailable):
		return key.String("unavailable")
	}
	return key.String("failed")
}

// reason says how a lease was lost.
func reason(e locker.Event) attribute.KeyValue {
	text := ""
	if lost, ok := errors.AsType[*locker.LostError](e.Err); ok {
		text = lost.Reason.String()
	}
	return attribute.String("holdfast.reason", cmp.Or(text, locker.LossUnknown.String()))
}
