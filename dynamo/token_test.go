package dynamo

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

func newTokens() *tokens { return &tokens{sent: make(map[string]block)} }

// tokenAt is the token that a client makes when its upper bound is d after epoch.
func tokenAt(d time.Duration) locker.Token { return locker.Token(epoch.Add(d).UnixMicro()) }

// TestTokenNext shows what a token is made of.
func TestTokenNext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		highest, stored locker.Token
		unknown         bool
		want            locker.Token
	}{
		{name: "time", want: tokenAt(time.Second)},
		{name: "above what was given out", highest: tokenAt(2 * time.Second), want: tokenAt(2*time.Second) + 1},
		{name: "above what is stored", stored: tokenAt(2 * time.Second), want: tokenAt(2*time.Second) + 1},
		{name: "the higher of both", highest: tokenAt(3 * time.Second), stored: tokenAt(2 * time.Second), want: tokenAt(3*time.Second) + 1},
		{name: "time unknown", unknown: true, want: 1},
		{name: "time unknown, stored", unknown: true, stored: 41, want: 42},
		{name: "time unknown, given out", unknown: true, highest: 50, stored: 41, want: 51},
	} {
		tok := newTokens()
		tok.highest = tt.highest
		if got := tok.next("id", 1, tt.stored, between(0, time.Second), !tt.unknown).first; got != tt.want {
			t.Errorf("%s: next = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestTokenRises shows that the tokens of one client rise, also within one tick
// of its clock and when that is set back.
func TestTokenRises(t *testing.T) {
	t.Parallel()
	tok := newTokens()
	var last locker.Token
	for i, d := range []time.Duration{0, 0, 0, time.Second, 500 * ms, -time.Hour, 2 * time.Second} {
		got := tok.next(fmt.Sprint(i), 1, 0, between(d, d), true).first
		if got <= last {
			t.Errorf("next at %v = %v after %v, want a higher one", d, got, last)
		}
		last = got
	}
}

// TestTokenFixed shows that all sends of an acquisition whose outcome is not known
// carry one token, whatever was learned meanwhile.
func TestTokenFixed(t *testing.T) {
	t.Parallel()
	tok := newTokens()
	first := tok.next("a", 1, 0, between(0, 0), true).first
	tok.unresolved("a", block{first, 1})
	tok.saw(first+100, between(0, 0), true)
	if got := tok.next("a", 1, first+1000, between(time.Second, time.Second), true).first; got != first {
		t.Errorf("next of an unresolved acquisition = %v, want %v again", got, first)
	}
	if got := tok.next("b", 1, 0, between(0, 0), true).first; got != first+101 {
		t.Errorf("next of another acquisition = %v, want %v", got, first+101)
	}
	tok.resolved("a")
	if got := tok.next("a", 1, 0, between(0, 0), true).first; got != first+102 {
		t.Errorf("next once resolved = %v, want %v", got, first+102)
	}
	tok.resolved("a") // twice does no harm
	if len(tok.sent) != 0 {
		t.Errorf("%d acquisitions remembered, want none", len(tok.sent))
	}
}

// TestTokenSaw shows which tokens of others raise a client's own: those that an
// honest client may have made.
func TestTokenSaw(t *testing.T) {
	t.Parallel()
	now := between(-time.Second, 0)
	for _, tt := range []struct {
		name    string
		saw     locker.Token
		unknown bool
		want    locker.Token
	}{
		{name: "older", saw: tokenAt(-time.Hour), want: tokenAt(0)},
		{name: "ahead", saw: tokenAt(3 * time.Second), want: tokenAt(3*time.Second) + 1},
		{name: "as far ahead as is believed", saw: tokenAt(absorbable), want: tokenAt(absorbable) + 1},
		{name: "further ahead", saw: tokenAt(absorbable) + 1, want: tokenAt(0)},
		{name: "poison", saw: maxToken - 1, want: tokenAt(0)},
		{name: "time unknown", saw: tokenAt(time.Second), unknown: true, want: tokenAt(0)},
	} {
		tok := newTokens()
		tok.saw(tt.saw, now, !tt.unknown)
		if got := tok.next("id", 1, 0, now, true).first; got != tt.want {
			t.Errorf("%s: next = %v, want %v", tt.name, got, tt.want)
		}
	}
	// A poisoned item costs its own lock a few tokens, and no other.
	tok := newTokens()
	if got := tok.next("a", 1, maxToken-10, now, true).first; got != maxToken-9 {
		t.Errorf("next above a poisoned token = %v, want %v", got, maxToken-9)
	}
	if got := tok.next("b", 1, 0, now, true).first; got != tokenAt(0)+1 {
		t.Errorf("next for another lock = %v, want %v", got, tokenAt(0)+1)
	}
}

// TestTokenBlock shows what an acquisition reserves: a row of tokens, none of them
// beyond the highest, and the same row for all of its sends.
func TestTokenBlock(t *testing.T) {
	t.Parallel()
	tok := newTokens()
	now := between(0, 0)
	b := tok.next("a", 1000, 0, now, true)
	if want := (block{tokenAt(0), 1000}); b != want || b.last() != tokenAt(0)+999 {
		t.Errorf("next = %v, last %v, want %v", b, b.last(), want)
	}
	tok.unresolved("a", b)
	if got := tok.next("a", 1, 0, now, true); got != b {
		t.Errorf("next of an unresolved acquisition = %v, want %v again", got, b)
	}
	if got := tok.of("a", b.last()); got != b {
		t.Errorf("of(%v) = %v, want %v", b.last(), got, b)
	}
	if got := tok.of("a", 7); got != (block{7, 1}) {
		t.Errorf("of another token = %v, want it alone", got)
	}
	for _, room := range []locker.Token{1, 2, 10} {
		if got := tok.next("b", 1000, maxToken-room-1, now, true); got != (block{maxToken - room, max(1, int(room))}) {
			t.Errorf("next with room for %v = %v", room, got)
		}
	}
	if got := tok.next("c", 0, 0, now, true); got.n != 1 {
		t.Errorf("next of none = %v, want one", got)
	}
}

// TestTokenAtOnce shows that no token is given out twice.
func TestTokenAtOnce(t *testing.T) {
	t.Parallel()
	tok := newTokens()
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := make(map[locker.Token]bool)
	for i := range 8 {
		wg.Go(func() {
			for j := range 1000 {
				got := tok.next(fmt.Sprint(i, j), 1, 0, between(0, 0), true).first
				mu.Lock()
				if seen[got] {
					t.Errorf("token %v was given out twice", got)
				}
				seen[got] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestTokenAfterDeletion shows that tokens rise when an item was deleted, once it
// has been gone for 2 s: by the time, since nothing else remembers them.
func TestTokenAfterDeletion(t *testing.T) {
	t.Parallel()
	first, second := openWarm(t), openWarm(t)
	lease := acquire(t, first, t.Name())
	deleteItem(t, t.Name())
	gone := time.Now()
	eventually(t, 20*time.Second, "2 s", func() bool { return time.Since(gone) >= 2*time.Second })
	if next := acquire(t, second, t.Name()); next.Token() <= lease.Token() {
		t.Errorf("Token(%q) = %v after the deletion, want above %v", t.Name(), next.Token(), lease.Token())
	}
}
