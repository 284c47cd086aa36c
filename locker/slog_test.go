package locker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// logged returns the lines that a log of JSON has, and empties it.
func logged(t *testing.T, log *bytes.Buffer) (lines []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(log); d.More(); {
		var line map[string]any
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		delete(line, "time")
		lines = append(lines, line)
	}
	return lines
}

func jsonLog(log *bytes.Buffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level}))
}

// A lease's life, as it is logged on memory.
func TestSlogObserver(t *testing.T) {
	for level, want := range map[slog.Level][]string{
		slog.LevelDebug: {"INFO lock acquired", "INFO lock refused", "DEBUG lock renewed", "WARN lock renew failed", "ERROR lock lost", "INFO lock acquired", "INFO lock released"},
		slog.LevelInfo:  {"INFO lock acquired", "INFO lock refused", "WARN lock renew failed", "ERROR lock lost", "INFO lock acquired", "INFO lock released"},
		slog.LevelError: {"ERROR lock lost"},
	} {
		t.Run(level.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				store := memory.NewStore()
				l := store.Open(func(o *memory.Options) { o.Observer = locker.SlogObserver(jsonLog(&log, level)) })
				acquire(t, l, "job")
				if _, err := locker.TryAcquire(t.Context(), l, "job"); !errors.Is(err, locker.ErrHeld) {
					t.Errorf("TryAcquire = %v, want ErrHeld", err)
				}
				time.Sleep(11 * time.Second) // one renewal
				store.FailNext(memory.OpRenew, errDown)
				store.Steal("job")
				time.Sleep(11 * time.Second)
				store.Expire("job")
				again := acquire(t, l, "job")
				if err := again.Release(t.Context()); err != nil {
					t.Error(err)
				}
				synctest.Wait() // for the observer, which the loss was told after it had happened
				var got []string
				for _, line := range logged(t, &log) {
					got = append(got, line["level"].(string)+" "+line["msg"].(string))
				}
				if !slices.Equal(got, want) {
					t.Errorf("logged %q, want %q", got, want)
				}
			})
		})
	}
}

// Every kind of event has its level, and attributes for what it knows alone.
func TestSlogAttributes(t *testing.T) {
	holder := locker.Info{AcquisitionID: "b", Owner: "ben", Token: 6, State: locker.StateDead, Data: []byte("secret")}
	for _, tt := range []struct {
		event locker.Event
		want  string
	}{
		{
			locker.Event{Kind: locker.EventAcquired, Name: "job", ID: "a", Owner: "ann", Token: 7, Waited: time.Second, Tries: 2, Holder: holder},
			`{"level":"INFO","msg":"lock acquired","lock":"job","id":"a","owner":"ann","token":7,"waited":1000000000,"tries":2,"holder":{"id":"b","owner":"ben","token":6,"state":"dead"}}`,
		},
		{
			locker.Event{Kind: locker.EventRefused, Name: "job", Owner: "ann", Err: &locker.HeldError{Name: "job"}},
			`{"level":"INFO","msg":"lock refused","lock":"job","owner":"ann","waited":0,"tries":0,"error":"locker: \"job\" is held"}`,
		},
		{
			locker.Event{Kind: locker.EventRefused, Name: "job", Owner: "ann", Tries: 1, Err: errDown},
			`{"level":"WARN","msg":"lock refused","lock":"job","owner":"ann","waited":0,"tries":1,"error":"` + errDown.Error() + `"}`,
		},
		{
			locker.Event{Kind: locker.EventRenewed, Name: "job", ID: "a", Owner: "ann", Token: 7, Remaining: time.Second},
			`{"level":"DEBUG","msg":"lock renewed","lock":"job","id":"a","owner":"ann","token":7,"remaining":1000000000}`,
		},
		{
			locker.Event{Kind: locker.EventLost, Name: "job", ID: "a", Owner: "ann", Token: 7, Held: time.Minute, Err: &locker.LostError{Name: "job", Token: 7, Reason: locker.LossTaken}},
			`{"level":"ERROR","msg":"lock lost","lock":"job","id":"a","owner":"ann","token":7,"held":60000000000,"reason":"taken by another","error":"locker: lease on \"job\" with token 7 lost: taken by another"}`,
		},
		{
			locker.Event{Kind: locker.EventReleased, Name: "job", ID: "a", Owner: "ann", Token: 7, Held: time.Minute, Err: &locker.ReleaseError{Name: "job", Cause: errDown}},
			`{"level":"WARN","msg":"lock released","lock":"job","id":"a","owner":"ann","token":7,"held":60000000000,"error":"locker: release of \"job\" not confirmed: ` + errDown.Error() + `"}`,
		},
		{locker.Event{Kind: locker.EventDropped, Name: "job", ID: "a"}, `{"level":"WARN","msg":"lock dropped","lock":"job","id":"a"}`},
		{locker.Event{Kind: locker.EventNotChecked, Err: errDown}, `{"level":"WARN","msg":"lock not checked","error":"` + errDown.Error() + `"}`},
	} {
		var log bytes.Buffer
		locker.SlogObserver(jsonLog(&log, slog.LevelDebug))(t.Context(), tt.event)
		_, got, _ := strings.Cut(log.String(), ",") // without the time
		if got := "{" + strings.TrimSpace(got); got != tt.want {
			t.Errorf("%v: logged\n%s, want\n%s", tt.event.Kind, got, tt.want)
		}
	}
}

// Without a logger the default one of the moment is used, with the event's context.
func TestSlogDefault(t *testing.T) {
	observe := locker.SlogObserver(nil)
	var log bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(jsonLog(&log, slog.LevelInfo))
	observe(t.Context(), locker.Event{Kind: locker.EventLost, Name: "job"})
	if lines := logged(t, &log); len(lines) != 1 || lines[0]["lock"] != "job" {
		t.Errorf("logged %v, want the loss of job", lines)
	}
}

func TestObservers(t *testing.T) {
	type key struct{}
	var got []string
	one := func(name string) locker.Observer {
		return func(ctx context.Context, e locker.Event) {
			got = append(got, name+" "+e.Name+" "+ctx.Value(key{}).(string))
		}
	}
	ctx := context.WithValue(t.Context(), key{}, "value")
	locker.Observers(one("first"), nil, one("second"))(ctx, locker.Event{Name: "job"})
	if want := []string{"first job value", "second job value"}; !slices.Equal(got, want) {
		t.Errorf("called %q, want %q", got, want)
	}
	locker.Observers()(ctx, locker.Event{})
}
