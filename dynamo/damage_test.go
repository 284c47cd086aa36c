package dynamo

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

const strangerGUID = "0123456789abcdefghijklmnop/0000000007"

// sound returns an item of a lease that has an hour to go, and changes it. A nil
// value removes an attribute.
func sound(changes attributes) attributes {
	it := attributes{
		"guid": text(strangerGUID), "expiresOn": number(millis(time.Now().Add(time.Hour))), "token": number("1790000000000001"),
		"ttl": number("3600000"), "owner": text("B"), "acquired": number("1790000000000"), "purgeAt": number("2000000000"),
		"data": &types.AttributeValueMemberB{Value: []byte("x")},
	}
	for name, value := range changes {
		it[name] = value
		if value == nil {
			delete(it, name)
		}
	}
	return it
}

func millis(at time.Time) string { return locker.Token(at.UnixMilli()).String() }

// damages are items that this package did not write, and what comes of asking for
// their lock.
func damages() map[string]damage {
	ended := number(millis(time.Now().Add(-time.Hour)))
	null := &types.AttributeValueMemberNULL{Value: true}
	return map[string]damage{
		"guid missing":                {attributes{"guid": nil}, broken},
		"guid a number":               {attributes{"guid": number("1")}, broken | taken},
		"ended, guid a number":        {attributes{"guid": number("1"), "expiresOn": ended}, broken | taken},
		"guid empty":                  {attributes{"guid": text("")}, broken},
		"guid null":                   {attributes{"guid": null}, broken},
		"guid not ours":               {attributes{"guid": text("whatever")}, taken},
		"guid long":                   {attributes{"guid": text(strings.Repeat("x", 100_000))}, taken},
		"expiresOn missing":           {attributes{"expiresOn": nil}, broken},
		"expiresOn negative":          {attributes{"expiresOn": number("-1")}, broken},
		"expiresOn a string":          {attributes{"expiresOn": text("1790000000000")}, broken},
		"expiresOn null":              {attributes{"expiresOn": null}, broken},
		"expiresOn of 38 digits":      {attributes{"expiresOn": number(strings.Repeat("9", 38))}, broken},
		"expiresOn of 39 digits":      {attributes{"expiresOn": number("1" + strings.Repeat("0", 38))}, broken},
		"expiresOn beyond int64":      {attributes{"expiresOn": number("9223372036854775808")}, broken},
		"expiresOn the largest int64": {attributes{"expiresOn": number("9223372036854775807")}, taken},
		"expiresOn a fraction":        {attributes{"expiresOn": number("1.5")}, broken},
		"expiresOn tiny":              {attributes{"expiresOn": number("1E-130")}, broken},
		"expiresOn a list":            {attributes{"expiresOn": &types.AttributeValueMemberL{}}, broken},
		"token a string":              {attributes{"token": text("7")}, broken},
		"token negative":              {attributes{"token": number("-1")}, broken},
		"token 2^53":                  {attributes{"token": number("9007199254740992")}, broken},
		"token 2^53 - 1":              {attributes{"token": number("9007199254740991")}, broken},
		"token 2^53 - 2":              {attributes{"token": number("9007199254740990")}, taken},
		"token a fraction":            {attributes{"token": number("0.1")}, broken},
		"ttl missing":                 {attributes{"ttl": nil}, taken},
		"ttl zero":                    {attributes{"ttl": number("0")}, taken},
		"ttl negative":                {attributes{"ttl": number("-5")}, taken},
		"ttl above a day":             {attributes{"ttl": number("86400001")}, taken},
		"ttl absurd":                  {attributes{"ttl": number("9223372036854775807")}, taken},
		"ttl beyond int64":            {attributes{"ttl": number("1E30")}, broken},
		"ttl a string":                {attributes{"ttl": text("3600000")}, broken},
		"data a string":               {attributes{"data": text("x")}, broken},
		"data a number":               {attributes{"data": number("1")}, broken},
		"owner a number":              {attributes{"owner": number("1")}, broken | taken},
		"acquired negative":           {attributes{"acquired": number("-1")}, taken},
		"acquired a string":           {attributes{"acquired": text("now")}, broken},
		"purgeAt a string":            {attributes{"purgeAt": text("now")}, taken},
		"session gone":                {attributes{"session": text("_session/abc")}, free},
		"session of an ended lease":   {attributes{"session": text("_session/def"), "expiresOn": ended}, free},
		"session another lock":        {attributes{"session": text("abc")}, broken | taken},
		"session empty":               {attributes{"session": text("")}, broken | taken},
		"session a number":            {attributes{"session": number("1")}, broken | taken},
		"strange attribute":           {attributes{"strange": &types.AttributeValueMemberM{}}, taken},
		"ended, token a string":       {attributes{"expiresOn": ended, "token": text("7")}, broken},
		"ended, token null":           {attributes{"expiresOn": ended, "token": null}, broken},
		"free, guid missing":          {attributes{"expiresOn": number("0"), "guid": nil}, broken | free},
		"free, token null":            {attributes{"expiresOn": number("0"), "token": null}, broken},
		"guid and expiresOn null":     {attributes{"guid": null, "expiresOn": null}, broken},
		"guid empty, no expiresOn":    {attributes{"guid": text(""), "expiresOn": nil}, broken},
		"only a name":                 {attributes{"guid": nil, "expiresOn": nil, "token": nil, "ttl": nil, "owner": nil, "acquired": nil, "purgeAt": nil, "data": nil}, free},
		"only name and token":         {attributes{"guid": nil, "expiresOn": nil}, free},
	}
}

type damage struct {
	changes attributes
	verdict verdict
}

// verdict is what may come of asking for a lock.
type verdict int

const (
	broken verdict = 1 << iota // an *ItemError
	taken                      // a *HeldError
	free                       // a lease
)

// verdictOn says what came of it.
func verdictOn(err error) verdict {
	var bad *ItemError
	switch {
	case err == nil:
		return free
	case errors.As(err, &bad):
		return broken
	case errors.Is(err, locker.ErrHeld):
		return taken
	}
	return 0
}

// TestDamagedItem shows that an item which somebody has tampered with ends in a
// typed error, a refusal or, where it is certain that nobody has the lock, a
// lease; and that it is asked for a few times only.
func TestDamagedItem(t *testing.T) {
	t.Parallel()
	warm := openWarm(t)
	for what, tt := range damages() {
		t.Run(what, func(t *testing.T) {
			it := sound(tt.changes)
			for how, p := range map[string]*process{"fresh": open(t), "warm": warm} {
				name := t.Name() + "/" + how
				writeItem(t, name, it)
				if _, err := p.Inspect(t.Context(), name); err != nil && verdictOn(err) != broken {
					t.Errorf("Inspect(%q) = %v, want nil or an *ItemError", name, err)
				}
				if _, err := p.store.Poll(t.Context(), name); err != nil && verdictOn(err) != broken {
					t.Errorf("Poll(%q) = %v, want nil or an *ItemError", name, err)
				}
				p.faults.Reset()
				_, err := locker.TryAcquire(writesAtMost(t, p, 10), p, name)
				if verdictOn(err)&tt.verdict == 0 {
					t.Errorf("TryAcquire(%q) = %v, verdict %b, want %b", name, err, verdictOn(err), tt.verdict)
				}
				if n := p.faults.Counts()["UpdateItem"]; n > 3 {
					t.Errorf("TryAcquire(%q) sent %d writes, want at most 3", name, n)
				}
				if got := readItem(t, name); err != nil && len(got) != len(it)+1 {
					t.Errorf("TryAcquire(%q) changed the item to %v", name, got)
				}
			}
		})
	}
}

// writesAtMost returns a context that ends when the process sends more than n
// writes from now on.
func writesAtMost(t *testing.T, p *process, n int) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	p.faults.Always(func(c *faulthttp.Call) (*http.Response, error) {
		if p.faults.Counts()["UpdateItem"] > n {
			cancel()
		}
		return c.Send()
	})
	return ctx
}

// TestDamagedItemWait shows the same of a call that waits: it ends with the
// typed error as soon as a look shows the damage, and does not spin.
func TestDamagedItemWait(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	for what, tt := range damages() {
		if tt.verdict&free != 0 {
			continue
		}
		t.Run(what, func(t *testing.T) {
			writeItem(t, t.Name(), sound(tt.changes))
			p.faults.Reset()
			_, err := p.Acquire(writesAtMost(t, p, 10), t.Name(), locker.WithWait(200*time.Millisecond))
			if verdictOn(err)&tt.verdict == 0 {
				t.Errorf("Acquire(%q) = %v, verdict %b, want %b", t.Name(), err, verdictOn(err), tt.verdict)
			}
			if got := p.faults.Counts(); got["UpdateItem"] > 3 || got["GetItem"] > 15 {
				t.Errorf("Acquire(%q) sent %v in 200 ms, want at most 3 writes and 15 looks", t.Name(), got)
			}
		})
	}
}

// TestDamageMeanwhile shows that a holder survives damage that a renewal mends,
// and that what it can't mend is a loss, never a lock without end.
func TestDamageMeanwhile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		damage attributes
		lost   bool
	}{
		"ttl a string":      {damage: attributes{"ttl": text("x")}},
		"expiresOn gone":    {damage: attributes{"expiresOn": nil}},
		"guid a stranger's": {damage: attributes{"guid": text(strangerGUID)}, lost: true},
		"guid a number":     {damage: attributes{"guid": number("1")}, lost: true},
		"guid gone":         {damage: attributes{"guid": nil}, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			lease := acquire(t, p, t.Name(), locker.WithoutRenewal())
			it := maps.Clone(readItem(t, t.Name()))
			for name, value := range tt.damage {
				it[name] = value
				if value == nil {
					delete(it, name)
				}
			}
			writeItem(t, t.Name(), it)
			err := lease.Renew(t.Context())
			var lost *locker.LostError
			if errors.As(err, &lost) != tt.lost || (err != nil) != tt.lost {
				t.Errorf("Renew(%q) = %v, want a loss: %v", t.Name(), err, tt.lost)
			}
			if tt.lost && lost != nil && lost.Reason != locker.LossTaken {
				t.Errorf("Renew(%q) = %v, want reason %v", t.Name(), err, locker.LossTaken)
			}
		})
	}
}

// TestItemDeleted shows that a holder whose item was deleted loses the lock at
// the next renewal, and that no renewal nor release makes the item again.
func TestItemDeleted(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(*testing.T, *locker.Lease) error{
		"renew":   func(t *testing.T, l *locker.Lease) error { return l.Renew(t.Context()) },
		"set":     func(t *testing.T, l *locker.Lease) error { return l.SetData(t.Context(), []byte("x")) },
		"release": func(t *testing.T, l *locker.Lease) error { return l.Release(t.Context()) },
		"background": func(t *testing.T, l *locker.Lease) error {
			eventually(t, 20*time.Second, "the loss", func() bool { return l.Err() != nil })
			return l.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			lease := acquire(t, p, t.Name(), locker.WithTTL(9*time.Second))
			deleteItem(t, t.Name())
			var lost *locker.LostError
			if err := use(t, lease); !errors.As(err, &lost) || lost.Reason != locker.LossGone {
				t.Errorf("%s of %q = %v, want a *LostError of reason %v", name, t.Name(), err, locker.LossGone)
			}
			if it := readItem(t, t.Name()); len(it) != 0 {
				t.Errorf("the item of %q is there again: %v", t.Name(), it)
			}
			acquire(t, openWarm(t), t.Name())
		})
	}
}
