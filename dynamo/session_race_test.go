package dynamo

import (
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
)

// TestSessionKillRace shows that a heartbeat which comes between the look at a
// session that looks dead and the write that ends it keeps what is bound to it; and
// so does one that a look has shown.
func TestSessionKillRace(t *testing.T) {
	t.Parallel()
	const id, sid = "0123456789abcdefghijklmnop", "s0123456789abcdefghijklmno"
	for name, tt := range map[string]struct{ alive, beats, taken bool }{
		"dead":             {taken: true},
		"alive":            {alive: true},
		"beats once again": {beats: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := "_session/" + newTableName() + "/" + sid // a name of its own for each run
			lock := attributes{"guid": text(revision(id, 3)), "expiresOn": number("253402300799999"), "token": number("7"), "ttl": number("20000"), "session": text(session)}
			heart := attributes{"guid": text(revision(sid, 3)), "expiresOn": number("1000"), "token": number("7"), "ttl": number("10000")}
			beating := maps.Clone(heart)
			beating["guid"], beating["expiresOn"] = text(revision(sid, 4)), number("253402300799999")
			if tt.alive {
				heart = beating
			}
			writeItem(t, t.Name(), lock)
			writeItem(t, session, heart)
			p := openWarm(t)
			p.faults.Always(about("_session/", func(c *faulthttp.Call) (*http.Response, error) {
				if tt.beats {
					writeItem(t, session, beating)
				}
				return c.Send()
			}))
			if tt.taken {
				acquire(t, p, t.Name())
				if it := readDecoded(t, session); it.GUID != revision(sid, deadSequence) {
					t.Errorf("the session is %+v, want it ended", it)
				}
				return
			}
			before := readItem(t, t.Name())
			held := refuse(t, p, t.Name())
			if held.Holder.AcquisitionID != id || held.Holder.TTL != 10*time.Second || held.Holder.Revision != revision(id, 3)+" "+revision(sid, 4) {
				t.Errorf("refused because of %+v", held.Holder)
			}
			if after := readItem(t, t.Name()); !reflect.DeepEqual(after, before) {
				t.Errorf("the item has changed from %v to %v", before, after)
			}
			if it := readDecoded(t, session); it.GUID != revision(sid, 4) {
				t.Errorf("the session is %+v, want it alive", it)
			}
		})
	}
}

// TestSessionOwn shows that a process takes its own bound locks over from itself
// without ending its session, also after a release that was not confirmed.
func TestSessionOwn(t *testing.T) {
	t.Parallel()
	p := openWarm(t, shared)
	leases := bound(t, p, 3*time.Second, 2)
	session := readDecoded(t, leases[0].Name()).Session
	lost := make(chan struct{}, 1000)
	p.faults.Always(about(leases[0].Name(), func(c *faulthttp.Call) (*http.Response, error) {
		if strings.Contains(string(c.Body), revision(leases[0].ID(), deadSequence)) && strings.Contains(string(c.Body), `":expiresOn":{"N":"0"}`) {
			lost <- struct{}{}
			return faulthttp.Drop()(c)
		}
		return c.Send()
	}))
	if err := leases[0].Release(t.Context()); err == nil || len(lost) == 0 {
		t.Fatalf("Release(%q) = %v after %d requests lost, want an error", leases[0].Name(), err, len(lost))
	}
	acquire(t, p, leases[0].Name())
	if it := readDecoded(t, session); it.GUID == revision(sessionID(session), deadSequence) {
		t.Errorf("the session is %+v, want it alive", it)
	}
	time.Sleep(3 * time.Second)
	if err := leases[1].Err(); err != nil {
		t.Errorf("Err of the other lease = %v, want nil", err)
	}
}
