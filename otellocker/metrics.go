package otellocker

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"example.com/holdfast/locker"
)

// meters are the instruments.
type meters struct {
	acquire, hold, margin       metric.Float64Histogram
	leases                      metric.Int64UpDownCounter
	failures, losses, takeovers metric.Int64Counter
}

// The bounds of histograms, in seconds: waiting and holding last from a
// millisecond to a day, a margin is at most a TTL.
var (
	durations = []float64{.001, .005, .02, .1, .5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
	margins   = []float64{.1, .25, .5, 1, 2, 3, 5, 10, 15, 20, 30, 60, 300, 3600}
)

func newMeters(meter metric.Meter) (*meters, error) {
	var m meters
	var errs []error
	try := func(err error) { errs = append(errs, err) }
	var err error
	m.acquire, err = meter.Float64Histogram("holdfast.acquire.duration", metric.WithUnit("s"), metric.WithDescription("Duration of calls of Acquire"), metric.WithExplicitBucketBoundaries(durations...))
	try(err)
	m.hold, err = meter.Float64Histogram("holdfast.hold.duration", metric.WithUnit("s"), metric.WithDescription("Duration of leases"), metric.WithExplicitBucketBoundaries(durations...))
	try(err)
	m.margin, err = meter.Float64Histogram("holdfast.renewal.margin", metric.WithUnit("s"), metric.WithDescription("What was left of a lease when it was renewed"), metric.WithExplicitBucketBoundaries(margins...))
	try(err)
	m.leases, err = meter.Int64UpDownCounter("holdfast.leases", metric.WithUnit("{lease}"), metric.WithDescription("Leases held"))
	try(err)
	m.failures, err = meter.Int64Counter("holdfast.renewal.failures", metric.WithUnit("{renewal}"), metric.WithDescription("Tries to renew that failed"))
	try(err)
	m.losses, err = meter.Int64Counter("holdfast.losses", metric.WithUnit("{lease}"), metric.WithDescription("Leases lost"))
	try(err)
	m.takeovers, err = meter.Int64Counter("holdfast.takeovers", metric.WithUnit("{lease}"), metric.WithDescription("Leases acquired from a holder that was presumed dead"))
	try(err)
	return &m, errors.Join(errs...)
}

// observe counts an event.
func (m *meters) observe(ctx context.Context, e locker.Event, pattern attribute.KeyValue) {
	record := func(h metric.Float64Histogram, d time.Duration, more ...attribute.KeyValue) {
		h.Record(ctx, d.Seconds(), metric.WithAttributes(append(more, pattern)...))
	}
	all := metric.WithAttributes(pattern)
	switch e.Kind {
	case locker.EventAcquired:
		record(m.acquire, e.Waited, outcome(e))
		m.leases.Add(ctx, 1, all)
		if e.TookOver {
			m.takeovers.Add(ctx, 1, all)
		}
	case locker.EventRefused:
		record(m.acquire, e.Waited, outcome(e))
	case locker.EventRenewed:
		record(m.margin, e.Remaining)
	case locker.EventRenewFailed:
		m.failures.Add(ctx, 1, all)
	case locker.EventLost, locker.EventReleased:
		record(m.hold, e.Held, outcome(e))
		m.leases.Add(ctx, -1, all)
		if e.Kind == locker.EventLost || errors.Is(e.Err, locker.ErrLost) {
			m.losses.Add(ctx, 1, metric.WithAttributes(pattern, reason(e)))
		}
	}
}
