package otellocker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
	"example.com/holdfast/otellocker"
)

// telemetry is a real SDK whose results a test can read.
type telemetry struct {
	t      *testing.T
	spans  *tracetest.InMemoryExporter
	tracer trace.TracerProvider
	reader *metric.ManualReader
	meter  *metric.MeterProvider
}

func newTelemetry(t *testing.T) *telemetry {
	exporter, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	return &telemetry{
		t: t, spans: exporter, reader: reader,
		tracer: sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)),
		meter:  metric.NewMeterProvider(metric.WithReader(reader)),
	}
}

// observer is one process's.
func (s *telemetry) observer() locker.Observer {
	s.t.Helper()
	observe, err := otellocker.New(func(o *otellocker.Options) {
		o.TracerProvider, o.MeterProvider = s.tracer, s.meter
		o.Pattern = func(name string) string { before, _, _ := strings.Cut(name, "/"); return before }
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return observe
}

// metrics returns what was measured, as "name attributes" to a count, sum or number
// of values. Attributes are in the order of their keys.
func (s *telemetry) metrics() map[string]float64 {
	s.t.Helper()
	var all metricdata.ResourceMetrics
	if err := s.reader.Collect(s.t.Context(), &all); err != nil {
		s.t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					got[m.Name+words(p.Attributes)] = float64(p.Count)
					got[m.Name+".sum"+words(p.Attributes)] = p.Sum
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					got[m.Name+words(p.Attributes)] = float64(p.Value)
				}
			default:
				s.t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	return got
}

func words(set attribute.Set) (text string) {
	for _, a := range set.ToSlice() {
		text += " " + a.Value.AsString()
	}
	return text
}

// named returns the spans of a name that have ended.
func (s *telemetry) named(name string) (all []tracetest.SpanStub) {
	for _, span := range s.spans.GetSpans() {
		if span.Name == name {
			all = append(all, span)
		}
	}
	return all
}

func attr(span tracetest.SpanStub, key attribute.Key) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

const ttl = 30 * time.Second

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTelemetry(t), memory.NewStore()
		a := store.Open(func(o *memory.Options) { o.Observer = s.observer() })
		b := store.Open(func(o *memory.Options) { o.Observer = s.observer() })
		for _, name := range []string{"jobs/1", "jobs/2"} {
			lease, err := a.Acquire(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := locker.TryAcquire(t.Context(), b, name); !errors.Is(err, locker.ErrHeld) {
				t.Fatal(err)
			}
			time.Sleep(ttl / 2) // one renewal
			if name == "jobs/1" {
				if err := lease.Release(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		store.FailNext(memory.OpRenew, fmt.Errorf("down: %w", locker.ErrUnavailable))
		time.Sleep(ttl / 2)
		if got := s.metrics(); got["holdfast.leases jobs"] != 1 || got["holdfast.renewal.failures jobs"] != 1 {
			t.Errorf("while a lease is held: %v", got)
		}
		store.Steal("jobs/2")
		time.Sleep(ttl / 2)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Acquire(ctx, "other"); err == nil {
			t.Fatal("Acquire with a ctx that is done = nil")
		}
		store.FailNext(memory.OpAcquire, errors.New("no permission"))
		if _, err := b.Acquire(t.Context(), "other"); err == nil {
			t.Fatal("Acquire = nil, want no permission")
		}

		got := s.metrics()
		for name, want := range map[string]float64{
			"holdfast.acquire.duration acquired jobs":   2,
			"holdfast.acquire.duration held jobs":       2,
			"holdfast.acquire.duration cancelled other": 1,
			"holdfast.acquire.duration failed other":    1,
			"holdfast.hold.duration released jobs":      1,
			"holdfast.hold.duration.sum released jobs":  15,
			"holdfast.hold.duration lost jobs":          1,
			"holdfast.leases jobs":                      0,
			"holdfast.renewal.failures jobs":            1,
			"holdfast.losses jobs taken by another":     1,
		} {
			if value, ok := got[name]; !ok || value != want {
				t.Errorf("%s = %v, %v; want %v", name, value, ok, want)
			}
		}
		if n, sum := got["holdfast.renewal.margin jobs"], got["holdfast.renewal.margin.sum jobs"]; n < 2 || sum < n*ttl.Seconds()/2 || sum >= n*ttl.Seconds() {
			t.Errorf("margins: %v of %v s in total", n, sum)
		}
		for name := range got {
			if strings.Contains(name, "/") {
				t.Errorf("a name is in the metrics: %s", name)
			}
		}
	})
}

// A lease taken over from the dead counts as such.
func TestTakeOver(t *testing.T) {
	s := newTelemetry(t)
	observe := s.observer()
	observe(t.Context(), locker.Event{Kind: locker.EventAcquired, Name: "jobs/1", ID: "b", TookOver: true, Holder: locker.Info{AcquisitionID: "a"}})
	observe(t.Context(), locker.Event{Kind: locker.EventAcquired, Name: "jobs/2", ID: "c", Holder: locker.Info{AcquisitionID: "b", State: locker.StateHeld}})
	observe(t.Context(), locker.Event{Kind: locker.EventNotChecked})
	if got := s.metrics(); got["holdfast.takeovers jobs"] != 1 || got["holdfast.leases jobs"] != 2 {
		t.Errorf("%v, want 1 take-over and 2 leases", got)
	}
}

func TestTraces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTelemetry(t), memory.NewStore()
		observe := s.observer() // of one process, with two Lockers
		a := store.Open(func(o *memory.Options) { o.Observer = observe })
		b := store.Open(func(o *memory.Options) { o.Observer = observe })
		ctx, root := s.tracer.Tracer("test").Start(t.Context(), "request")

		first, err := a.Acquire(ctx, "job")
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan *locker.Lease)
		go func() {
			lease, err := b.Acquire(ctx, "job")
			if err != nil {
				t.Error(err)
			}
			got <- lease
		}()
		time.Sleep(5 * time.Second)
		if err := first.Release(ctx); err != nil {
			t.Fatal(err)
		}
		second := <-got
		store.FailNext(memory.OpRenew, fmt.Errorf("down: %w", locker.ErrUnavailable))
		time.Sleep(ttl / 2)
		store.Steal("job")
		time.Sleep(ttl / 2)
		synctest.Wait()
		if second.Err() == nil {
			t.Fatal("the second lease is not lost")
		}

		asked, held := s.named("lock acquire"), s.named("lock hold")
		if len(asked) != 2 || len(held) != 2 {
			t.Fatalf("%d and %d spans, want 2 and 2", len(asked), len(held))
		}
		for _, span := range append(slices.Clone(asked), held...) {
			if span.Parent.SpanID() != root.SpanContext().SpanID() || attr(span, "holdfast.lock") != "job" || attr(span, "holdfast.pattern") != "job" {
				t.Errorf("span %+v: want it to be the request's child, with name and pattern", span)
			}
		}
		if len(asked[0].Links) != 0 {
			t.Errorf("who did not wait has links %v", asked[0].Links)
		}
		waited := asked[1]
		if d := waited.EndTime.Sub(waited.StartTime); d != 5*time.Second || attr(waited, "holdfast.outcome") != "acquired" {
			t.Errorf("the wait's span lasts %v, with %v", d, waited.Attributes)
		}
		if len(waited.Links) != 1 || waited.Links[0].SpanContext.SpanID() != held[0].SpanContext.SpanID() {
			t.Errorf("links %+v, want one to the holder's span", waited.Links)
		}
		if d := held[0].EndTime.Sub(held[0].StartTime); d != 5*time.Second || held[0].Status.Code == codes.Error || attr(held[0], "holdfast.token") != first.Token().String() {
			t.Errorf("the first hold's span lasts %v: %+v", d, held[0])
		}
		lost := held[1]
		if lost.Status.Code != codes.Error || attr(lost, "holdfast.outcome") != "lost" || attr(lost, "holdfast.reason") != "taken by another" {
			t.Errorf("the lost lease's span: %+v", lost)
		}
		if len(lost.Events) != 2 || lost.Events[0].Name != "renew failed" {
			t.Errorf("the lost lease's span has events %v, want a failed renewal and the loss", lost.Events)
		}
	})
}

// Two processes, whose observers know nothing of each other.
func TestPropagate(t *testing.T) {
	s, store := newTelemetry(t), memory.NewStore()
	a := store.Open(func(o *memory.Options) { o.Observer = s.observer() })
	b := store.Open(func(o *memory.Options) { o.Observer = s.observer() })
	ctx, work := s.tracer.Tracer("test").Start(t.Context(), "work")
	links := func(name string) []sdktrace.Link {
		t.Helper()
		s.spans.Reset()
		if _, err := locker.TryAcquire(t.Context(), b, name); !errors.Is(err, locker.ErrHeld) {
			t.Fatalf("TryAcquire = %v, want ErrHeld", err)
		}
		return s.named("lock acquire")[0].Links
	}
	acquire := func(l locker.Locker, ctx context.Context, name string, opts ...locker.Option) {
		t.Helper()
		lease, err := l.Acquire(ctx, name, opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { lease.Release(context.Background()) })
	}
	acquire(otellocker.Propagate(a), ctx, "traced")
	if got := links("traced"); len(got) != 1 || got[0].SpanContext.SpanID() != work.SpanContext().SpanID() || !got[0].SpanContext.IsRemote() {
		t.Errorf("links %+v, want one to the span in which the other process acquired the lock", got)
	}
	group, err := locker.AcquireAll(ctx, otellocker.Propagate(a), []string{"traced/1", "traced/2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { group.Release(context.Background()) })
	if got := links("traced/2"); len(got) != 1 || got[0].SpanContext.SpanID() != work.SpanContext().SpanID() {
		t.Errorf("a group: links %+v, want one to the span in which the other process acquired it", got)
	}
	if _, ok := otellocker.Propagate(a).(locker.AllLocker); !ok {
		t.Error("what Propagate returns is no AllLocker: AcquireAll would take a request for each name")
	}
	if err := locker.Do(ctx, otellocker.Propagate(nil), "nothing", func(context.Context, *locker.Lease) error { return nil }); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("Do with Propagate(nil) = %v, want ErrInvalid", err)
	}
	acquire(a, ctx, "plain")
	acquire(locker.Chain(a, otellocker.Propagate), t.Context(), "no span")
	acquire(otellocker.Propagate(a), ctx, "own data", locker.WithData([]byte("mine")))
	acquire(a, ctx, "garbled", locker.WithData([]byte("traceparent=garbage")))
	for _, name := range []string{"plain", "no span", "own data", "garbled"} {
		if got := links(name); len(got) != 0 {
			t.Errorf("%s: links %+v, want none", name, got)
		}
	}
	if info, err := b.Inspect(t.Context(), "own data"); err != nil || string(info.Data) != "mine" {
		t.Errorf("data %q, %v; want the caller's", info.Data, err)
	}
}

// Without providers the global ones are used, which do nothing here.
func TestDefaults(t *testing.T) {
	observe, err := otellocker.New()
	if err != nil {
		t.Fatal(err)
	}
	l := memory.New(func(o *memory.Options) { o.Observer = observe })
	if err := locker.Do(t.Context(), l, "job", func(context.Context, *locker.Lease) error { return nil }); err != nil {
		t.Errorf("Do = %v, want nil", err)
	}
}
