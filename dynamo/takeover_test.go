package dynamo

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// longDead is an item that rule B takes over.
func longDead() attributes {
	return attributes{"guid": text(strangerGUID), "expiresOn": number("1000"), "token": number("5"), "ttl": number("1000")}
}

// TestTakeOverPinned shows that a take-over which was decided on an older look is
// refused when the record has changed since: a renewal or another contender came
// first.
func TestTakeOverPinned(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(t *testing.T, name string){
		"renewed": func(t *testing.T, name string) {
			writeItem(t, name, sound(attributes{"guid": text("0123456789abcdefghijklmnop/0000000008"), "token": number("5")}))
		},
		"taken over":    func(t *testing.T, name string) { acquire(t, openWarm(t), name) },
		"taken by Node": func(t *testing.T, name string) { newNode(t).getLock(t.Context(), name, time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writeItem(t, t.Name(), longDead())
			p := openOn(t, theTable.use(t))
			until := make(chan struct{})
			p.faults.Inject("UpdateItem", 1, faulthttp.Stall(until))
			got := make(chan error)
			go func() {
				_, err := locker.TryAcquire(t.Context(), p, t.Name())
				got <- err
			}()
			eventually(t, 20*time.Second, "the take-over on its way", func() bool { return p.faults.Counts()["UpdateItem"] == 1 })
			meanwhile(t, t.Name())
			before := readDecoded(t, t.Name())
			close(until)
			if err := <-got; !errors.Is(err, locker.ErrHeld) {
				t.Errorf("TryAcquire(%q) = %v, want ErrHeld: the record has changed since it looked dead", t.Name(), err)
			}
			if after := readDecoded(t, t.Name()); after.GUID != before.GUID {
				t.Errorf("guid of %q = %q, want %q still", t.Name(), after.GUID, before.GUID)
			}
		})
	}
}

// TestTakeOverRace has several processes want a dead holder's lock at once, many
// times: one of them gets it.
func TestTakeOverRace(t *testing.T) {
	t.Parallel()
	const n = 4
	var contenders []*process
	for range n {
		contenders = append(contenders, openWarm(t))
	}
	for i := range 10 {
		name := fmt.Sprintf("%s/%d", t.Name(), i)
		writeItem(t, name, longDead())
		errs := make(chan error, n)
		for _, p := range contenders {
			go func() {
				_, err := locker.TryAcquire(t.Context(), p, name)
				errs <- err
			}()
		}
		holders := 0
		for range n {
			switch err := <-errs; {
			case err == nil:
				holders++
			case !errors.Is(err, locker.ErrHeld):
				t.Errorf("TryAcquire(%q) = %v, want nil or ErrHeld", name, err)
			}
		}
		if holders != 1 {
			t.Errorf("%d processes hold %q, want 1", holders, name)
		}
	}
}

// TestTakeOverStale shows what the backend does when the client says that a
// revision is stale: it takes over that revision and no other; what is bound to a
// session if both are as they were seen, or if the client says so of the item alone,
// which it does of its own.
func TestTakeOverStale(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	bound, heart := attributes{"session": text("")}, revision("x", 7)
	for name, tt := range map[string]struct {
		changes attributes
		stale   string
		ok      bool
	}{
		"stale":         {stale: strangerGUID, ok: true},
		"changed since": {changes: attributes{"guid": text("0123456789abcdefghijklmnop/0000000008")}, stale: strangerGUID},
		"none":          {},

		"bound":                   {changes: bound, stale: strangerGUID + " " + heart, ok: true},
		"bound, own":              {changes: bound, stale: strangerGUID, ok: true},
		"bound, session renewed":  {changes: bound, stale: strangerGUID + " " + revision("x", 6)},
		"bound, changed since":    {changes: bound, stale: revision("0123456789abcdefghijklmnop", 6) + " " + heart},
		"bound, none":             {changes: bound},
		"bound since it was seen": {changes: bound, stale: revision("0123456789abcdefghijklmnop", 6)},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.changes["session"] != nil {
				session := "_session/" + t.Name()
				tt.changes = attributes{"session": text(session)}
				writeItem(t, session, sound(attributes{"guid": text(heart)}))
			}
			writeItem(t, t.Name(), sound(tt.changes))
			id := fmt.Sprintf("%026x", time.Now().UnixNano())
			grant, err := p.store.Acquire(t.Context(), locker.Attempt{Name: t.Name(), ID: id, TTL: 20 * time.Second, Stale: tt.stale})
			if (err == nil) != tt.ok || !tt.ok && !errors.Is(err, locker.ErrHeld) {
				t.Errorf("Acquire(%q) with stale %q = %+v, %v, want a grant: %v", t.Name(), tt.stale, grant, err, tt.ok)
			}
		})
	}
}
