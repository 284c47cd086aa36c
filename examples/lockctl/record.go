package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"example.com/holdfast/locker"
)

// recorder appends events to a file, a line each, so that several processes can
// share one. A nil recorder records nothing.
type recorder struct {
	file *os.File
	log  *slog.Logger

	mu      sync.Mutex
	holding bool          // refusals are held back
	held    *locker.Event // the one that was
}

func newRecorder(path string) (*recorder, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	log := slog.New(slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return &recorder{file: file, log: log.With("process", fmt.Sprintf("%s/%d", host, os.Getpid()))}, nil
}

func (r *recorder) close() {
	if r != nil {
		r.file.Close()
	}
}

// observer returns what records a Locker's events, or nil.
func (r *recorder) observer() locker.Observer {
	if r == nil {
		return nil
	}
	write := locker.SlogObserver(r.log)
	return func(ctx context.Context, e locker.Event) {
		r.mu.Lock()
		back := r.holding && e.Kind == locker.EventRefused && errors.Is(e.Err, locker.ErrHeld)
		if back {
			r.held = &e
		}
		r.mu.Unlock()
		if !back {
			write(ctx, e)
		}
	}
}

// holdBack keeps a refusal by a holder from being recorded until it is known
// whether it ends the run, or is followed by waiting.
func (r *recorder) holdBack() { r.hold(true) }

// letGo records the refusal that was held back, if there is one.
func (r *recorder) letGo() {
	if e := r.hold(false); e != nil {
		locker.SlogObserver(r.log)(context.Background(), *e)
	}
}

func (r *recorder) hold(on bool) *locker.Event {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.held
	r.holding, r.held = on, nil
	return e
}

// waiting records that the run waits, instead of the refusal that was held back.
func (r *recorder) waiting(name, owner string, h locker.Info) {
	r.hold(false)
	if r != nil {
		r.log.Info("lock waiting", "lock", name, "owner", owner,
			slog.Group("holder", "id", h.AcquisitionID, "owner", h.Owner, "token", int64(h.Token), "state", h.State.String()))
	}
}

// note records something else that happened.
func (r *recorder) note(name, text string) {
	if r != nil {
		r.log.Info("lock note", "lock", name, "text", text)
	}
}
