package timeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/internal/timeline"
	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

const ttl = 6 * time.Second

// opener opens a Locker for a process, told what happens there.
type opener func(t *testing.T, owner string, observe locker.Observer) locker.Locker

// backends are the stores on which the observer has to tell the same. Each is
// opened inside of a bubble.
var backends = map[string]func(t *testing.T) opener{
	"memory": func(t *testing.T) opener {
		store := memory.NewStore()
		return func(t *testing.T, owner string, observe locker.Observer) locker.Locker {
			l := store.Open(func(o *memory.Options) { o.Owner, o.Observer = owner, observe })
			t.Cleanup(func() { l.Close(context.Background()) })
			return l
		}
	},
	"dynamo": func(t *testing.T) opener {
		model := ddbmodel.NewStore(time.Now, nil)
		model.AddTable("locks", "name")
		api := ddbmodel.NewAPI(ddbmodel.Direct(model, time.Now))
		return func(t *testing.T, owner string, observe locker.Observer) locker.Locker {
			l, err := dynamo.New(api, "locks", func(o *dynamo.Options) { o.Owner, o.Observer = owner, observe })
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close(context.Background()) })
			return l
		}
	},
}

// told is what observers were told, by process.
type told struct {
	mu     sync.Mutex
	events map[string][]locker.Event
	order  []string             // "process kind"
	latest map[string]time.Time // of each of these
}

func (s *told) by(owner string) locker.Observer {
	return func(_ context.Context, e locker.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.events == nil {
			s.events, s.latest = make(map[string][]locker.Event), make(map[string]time.Time)
		}
		s.events[owner] = append(s.events[owner], e)
		what := owner + " " + e.Kind.String()
		s.order = append(s.order, what)
		s.latest[what] = time.Now()
	}
}

// play lets two processes acquire, be refused, wait, release, lose and take over.
func play(t *testing.T, open opener) (*told, []byte) {
	var all told
	var log bytes.Buffer
	logged := locker.SlogObserver(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	a := open(t, "a", locker.Observers(nil, all.by("a"), logged))
	b := open(t, "b", locker.Observers(all.by("b"), logged))
	ctx := t.Context()
	acquire := func(l locker.Locker, opts ...locker.Option) *locker.Lease {
		lease, err := l.Acquire(ctx, "job", append(opts, locker.WithTTL(ttl))...)
		if err != nil {
			t.Fatal(err)
		}
		return lease
	}

	first := acquire(a)
	if _, err := locker.TryAcquire(ctx, b, "job"); !errors.Is(err, locker.ErrHeld) {
		t.Fatalf("TryAcquire = %v, want ErrHeld", err)
	}
	got := make(chan *locker.Lease)
	go func() { got <- acquire(b, locker.WithoutRenewal()) }()
	time.Sleep(ttl / 2)
	if err := first.Release(ctx); err != nil {
		t.Fatal(err)
	}
	second := <-got
	third := acquire(a) // second is never released
	if err := second.Err(); !errors.Is(err, locker.ErrLost) {
		t.Errorf("Err = %v, want ErrLost", err)
	}
	time.Sleep(time.Second)
	if err := third.Release(ctx); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return &all, log.Bytes()
}

// The observer tells the same on every backend, in the order in which it happened.
func TestObserverOrder(t *testing.T) {
	for name, backend := range backends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all, log := play(t, backend(t))
				for who, want := range map[string][]string{
					"a": {"acquired", "renewed", "released", "waiting", "acquired", "released"},
					"b": {"refused", "waiting", "acquired", "lost"},
				} {
					var kinds []string
					for _, e := range all.events[who] {
						kinds = append(kinds, e.Kind.String())
					}
					if !slices.Equal(kinds, want) {
						t.Fatalf("%s was told %q, want %q", who, kinds, want)
					}
				}
				if lost, took := all.latest["b lost"], all.latest["a acquired"]; took.Before(lost) {
					t.Errorf("a acquired at %v, before b had lost at %v", took, lost)
				}
				checkFields(t, all)
				if got := messages(log); !slices.Equal(sorted(got), sorted(all.order)) {
					t.Errorf("the log has %q, want %q", got, all.order)
				}
			})
		})
	}
}

// A name that was released and kept taken for its minimum hold is nobody's when that
// is over: free, and taken over from no one.
func TestObserverMinHold(t *testing.T) {
	for name, backend := range backends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var all told
				open := backend(t)
				a, b := open(t, "a", all.by("a")), open(t, "b", all.by("b"))
				ctx := t.Context()
				hold := func(l locker.Locker) {
					t.Helper()
					lease, err := l.Acquire(ctx, "job", locker.WithTTL(ttl), locker.WithMinHold(ttl))
					if err != nil {
						t.Fatal(err)
					}
					if err := lease.Release(ctx); err != nil {
						t.Fatal(err)
					}
				}
				inspect := func() locker.Info {
					t.Helper()
					info, err := a.(locker.Inspector).Inspect(ctx, "job")
					if err != nil {
						t.Fatal(err)
					}
					return info
				}
				hold(a)
				if got := inspect(); got.State != locker.StateHeld || got.Owner != "a" {
					t.Errorf("after the release, Inspect = %+v, want it kept taken by a", got)
				}
				hold(b) // waits for the end of a's hold
				time.Sleep(2 * ttl)
				got := inspect()
				want := locker.Info{Name: "job", State: locker.StateFree, AcquisitionID: got.AcquisitionID, Token: got.Token, Revision: got.Revision}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("after the hold, Inspect (-want +got):\n%s", diff)
				}
				hold(a)
				for who, want := range map[string][]string{"a": {"acquired", "released", "acquired", "released"}, "b": {"waiting", "acquired", "released"}} {
					var kinds []string
					for _, e := range all.events[who] {
						kinds = append(kinds, e.Kind.String())
						if e.TookOver {
							t.Errorf("%s was told of a take-over: %+v", who, e)
						}
					}
					if !slices.Equal(kinds, want) {
						t.Errorf("%s was told %q, want %q", who, kinds, want)
					}
				}
			})
		})
	}
}

// checkFields looks at what the events of play say.
func checkFields(t *testing.T, all *told) {
	t.Helper()
	a, b := all.events["a"], all.events["b"]
	if e := b[0]; e.Holder.AcquisitionID != a[0].ID || e.Holder.Owner != "a" || !errors.Is(e.Err, locker.ErrHeld) {
		t.Errorf("refused: %+v, want a as its holder", e)
	}
	if e := b[1]; e.Holder.AcquisitionID != a[0].ID || e.Owner != "b" || e.ID != "" {
		t.Errorf("waiting: %+v, want for a", e)
	}
	if e := b[2]; e.Holder.AcquisitionID != a[0].ID || e.TookOver || e.Holder.Owner != "a" || e.Holder.State != locker.StateHeld || e.Waited < ttl/2 || e.Waited > ttl {
		t.Errorf("acquired after a wait: %+v, want a wait of %v for a", e, ttl/2)
	}
	if e := a[1]; e.Remaining <= 0 || e.Remaining >= ttl {
		t.Errorf("renewed: %+v, want what was left", e)
	}
	if e := a[2]; e.Held != ttl/2 || e.Err != nil {
		t.Errorf("released: %+v, want it held for %v", e, ttl/2)
	}
	lost, ok := errors.AsType[*locker.LostError](b[3].Err)
	if !ok || lost.Reason != locker.LossExpired {
		t.Errorf("lost: %+v, want %v", b[3], locker.LossExpired)
	}
	if e := a[4]; e.Holder.AcquisitionID != b[2].ID || e.Token <= b[2].Token || !e.TookOver {
		t.Errorf("take-over: %+v, want it from %s, with a higher token than %v", e, b[2].ID, b[2].Token)
	}
}

// The log of the observer becomes a picture of the same.
func TestPictureOfBackends(t *testing.T) {
	for name, backend := range backends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, log := play(t, backend(t))
				events, err := timeline.Read(bytes.NewReader(log))
				if err != nil {
					t.Fatal(err)
				}
				p := draw(t, events)
				// a waits for b twice: until it is over, and the TryAcquire of b is a refusal.
				for class, want := range map[string]int{"held": 3, "wait": 2, "wait refused": 1, "takeover": 1, "end": 1, "unsure": 0} {
					if got := p[class]; got != want {
						t.Errorf("the picture has %d of class %q, want %d", got, class, want)
					}
				}
			})
		})
	}
}

// messages returns "owner kind" of each line of a log.
func messages(log []byte) (all []string) {
	events, err := timeline.Read(bytes.NewReader(log))
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range events {
		all = append(all, fmt.Sprintf("%s %s", e.Who, strings.TrimSpace(e.Kind)))
	}
	return all
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
