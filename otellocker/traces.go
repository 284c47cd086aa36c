package otellocker

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/holdfast/locker"
)

// remembered is of how many leases the span is known after their end, for links of
// those who waited for them.
const remembered = 10_000

// tracing makes spans.
type tracing struct {
	tracer trace.Tracer

	mu    sync.Mutex
	holds map[string]trace.Span // of leases that are held, by ID
	seen  *recent               // of those and of others, by ID
}

// observe makes the spans of an event that happened at now.
func (t *tracing) observe(ctx context.Context, e locker.Event, pattern attribute.KeyValue, now time.Time) {
	attrs := []attribute.KeyValue{pattern, attribute.String("holdfast.lock", e.Name)}
	if e.Token != 0 {
		attrs = append(attrs, attribute.Int64("holdfast.token", int64(e.Token)))
	}
	switch e.Kind {
	case locker.EventAcquired:
		t.asked(ctx, e, attrs, now)
		t.begin(ctx, e, attrs, now)
	case locker.EventRefused:
		t.asked(ctx, e, attrs, now)
	case locker.EventRenewFailed, locker.EventDropped:
		t.happened(e, now)
	case locker.EventLost, locker.EventReleased:
		t.end(e, now)
	}
}

// asked makes the span of a call of Acquire that has ended.
func (t *tracing) asked(ctx context.Context, e locker.Event, attrs []attribute.KeyValue, now time.Time) {
	attrs = append(attrs[:len(attrs):len(attrs)], outcome(e), attribute.Int("holdfast.tries", e.Tries))
	opts := []trace.SpanStartOption{trace.WithTimestamp(now.Add(-e.Waited)), trace.WithAttributes(attrs...)}
	if link, ok := t.link(e.Holder); ok {
		opts = append(opts, trace.WithLinks(link))
	}
	_, span := t.tracer.Start(ctx, "lock acquire", opts...)
	if e.Err != nil && !errors.Is(e.Err, locker.ErrHeld) {
		fail(span, e.Err, now)
	}
	span.End(trace.WithTimestamp(now))
}

// link leads to who was in the way.
func (t *tracing) link(holder locker.Info) (trace.Link, bool) {
	t.mu.Lock()
	at, ok := t.seen.get(holder.AcquisitionID)
	t.mu.Unlock()
	if !ok {
		at = remote(holder.Data)
	}
	return trace.Link{SpanContext: at, Attributes: []attribute.KeyValue{
		attribute.String("holdfast.holder.owner", holder.Owner), attribute.Int64("holdfast.holder.token", int64(holder.Token)),
	}}, at.IsValid()
}

// begin starts the span of a lease.
func (t *tracing) begin(ctx context.Context, e locker.Event, attrs []attribute.KeyValue, now time.Time) {
	_, span := t.tracer.Start(ctx, "lock hold", trace.WithTimestamp(now), trace.WithAttributes(attrs...))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holds[e.ID] = span
	t.seen.put(e.ID, span.SpanContext())
}

// happened notes something in the span of a lease.
func (t *tracing) happened(e locker.Event, now time.Time) {
	t.mu.Lock()
	span := t.holds[e.ID]
	t.mu.Unlock()
	if span == nil {
		return
	}
	var attrs []attribute.KeyValue
	if e.Err != nil {
		attrs = append(attrs, attribute.String("error", e.Err.Error()))
	}
	span.AddEvent(e.Kind.String(), trace.WithTimestamp(now), trace.WithAttributes(attrs...))
}

// end ends the span of a lease.
func (t *tracing) end(e locker.Event, now time.Time) {
	t.mu.Lock()
	span := t.holds[e.ID]
	delete(t.holds, e.ID)
	t.mu.Unlock()
	if span == nil {
		return
	}
	span.SetAttributes(outcome(e))
	if e.Kind == locker.EventLost {
		span.SetAttributes(reason(e))
	}
	if e.Err != nil {
		fail(span, e.Err, now)
	}
	span.End(trace.WithTimestamp(now))
}

func fail(span trace.Span, err error, now time.Time) {
	span.RecordError(err, trace.WithTimestamp(now))
	span.SetStatus(codes.Error, err.Error())
}

// recent remembers the spans of the latest leases.
type recent struct {
	spans map[string]trace.SpanContext
	order []string // a ring
	next  int
}

func newRecent(n int) *recent {
	return &recent{spans: make(map[string]trace.SpanContext), order: make([]string, n)}
}

func (r *recent) put(id string, at trace.SpanContext) {
	delete(r.spans, r.order[r.next])
	r.order[r.next] = id
	r.next = (r.next + 1) % len(r.order)
	r.spans[id] = at
}

func (r *recent) get(id string) (trace.SpanContext, bool) {
	at, ok := r.spans[id]
	return at, ok
}
