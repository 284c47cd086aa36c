package locker

import (
	"context"
	"errors"
	"log/slog"
)

// SlogObserver returns an [Observer] that logs to log; nil: to [slog.Default], as
// it is when an event happens. The message is "lock " and the event's kind, such
// as "lock acquired".
//
// Levels:
//   - Error: lost.
//   - Warn: renew failed; released, if the store has not confirmed it; refused,
//     for any other reason than a holder; dropped; not checked.
//   - Info: waiting; acquired; refused, because another holds the lock; released.
//   - Debug: renewed; handed over.
//
// Attributes, left out where the event has none: lock (its name), id, owner,
// token, waited, tries, took_over, held, remaining, reason (of a loss), error, and the group
// holder with id, owner, token and state: who was in the way of an acquisition or
// a refusal. Data is not logged.
//
// The handler is called in the goroutine of the event, by several at once, with
// the event's context. Written by a [slog.JSONHandler], the log is what the
// program lockctl draws a picture of; one that also has Debug shows when a holder
// that crashed was last heard of.
func SlogObserver(log *slog.Logger) Observer {
	return func(ctx context.Context, e Event) {
		to := log
		if to == nil {
			to = slog.Default()
		}
		if level := e.level(); to.Enabled(ctx, level) {
			to.LogAttrs(ctx, level, "lock "+e.Kind.String(), e.attrs()...)
		}
	}
}

// Observers returns an [Observer] that calls each of all in turn, in the goroutine
// of the event. Nil ones are skipped.
func Observers(all ...Observer) Observer {
	return func(ctx context.Context, e Event) {
		for _, observe := range all {
			if observe != nil {
				observe(ctx, e)
			}
		}
	}
}

// level is how much an event matters.
func (e Event) level() slog.Level {
	switch e.Kind {
	case EventRenewed, EventHandedOver:
		return slog.LevelDebug
	case EventLost:
		return slog.LevelError
	case EventRenewFailed, EventDropped, EventNotChecked:
		return slog.LevelWarn
	case EventRefused:
		if !errors.Is(e.Err, ErrHeld) {
			return slog.LevelWarn
		}
	case EventReleased:
		if e.Err != nil {
			return slog.LevelWarn
		}
	}
	return slog.LevelInfo
}

// attrs are the event's fields that say something.
func (e Event) attrs() []slog.Attr {
	var attrs []slog.Attr
	add := func(has bool, a slog.Attr) {
		if has {
			attrs = append(attrs, a)
		}
	}
	ends := e.Kind == EventLost || e.Kind == EventReleased
	asked := e.Kind == EventAcquired || e.Kind == EventRefused
	renewal := e.Kind == EventRenewed || e.Kind == EventRenewFailed
	add(e.Name != "", slog.String("lock", e.Name))
	add(e.ID != "", slog.String("id", e.ID))
	add(e.Owner != "", slog.String("owner", e.Owner))
	add(e.Token != 0, slog.Int64("token", int64(e.Token)))
	add(asked || e.Waited != 0, slog.Duration("waited", e.Waited))
	add(asked || e.Tries != 0, slog.Int("tries", e.Tries))
	add(e.TookOver, slog.Bool("took_over", true))
	add(ends || e.Held != 0, slog.Duration("held", e.Held))
	add(renewal || e.Remaining != 0, slog.Duration("remaining", e.Remaining))
	if h := e.Holder; h.AcquisitionID != "" || h.Owner != "" {
		add(true, slog.Group("holder",
			slog.String("id", h.AcquisitionID), slog.String("owner", h.Owner), slog.Int64("token", int64(h.Token)), slog.String("state", h.State.String())))
	}
	if lost, ok := errors.AsType[*LostError](e.Err); ok {
		add(true, slog.String("reason", lost.Reason.String()))
	}
	if e.Err != nil {
		add(true, slog.String("error", e.Err.Error()))
	}
	return attrs
}
