package main

import (
	"fmt"
	"log/slog"
	"os"

	"example.com/holdfast/locker"
)

// recorder appends events to a file, a line each, so that several processes can
// share one. A nil recorder records nothing.
type recorder struct {
	file *os.File
	log  *slog.Logger
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
	return locker.SlogObserver(r.log)
}

// note records something else that happened.
func (r *recorder) note(name, text string) {
	if r != nil {
		r.log.Info("lock note", "lock", name, "text", text)
	}
}
