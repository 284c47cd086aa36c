package dynamo

import (
	"sync"
	"time"

	"example.com/holdfast/locker"
)

// maxToken is the highest token: what survives being a JSON number.
const maxToken = locker.Token(1<<53 - 1)

// tokens makes fencing tokens by a hybrid clock: microseconds of DynamoDB's time
// by its upper bound, or one more than the highest so far. So they rise for one
// name without anybody keeping count, also when the item was deleted or restored
// from a backup meanwhile.
type tokens struct {
	mu      sync.Mutex
	highest locker.Token
	sent    map[string]block        // by acquisition ID: tokens of sends whose outcome is not known
	given   map[string]locker.Token // by name: the last of the latest block given here
}

// block is a row of tokens: all that an acquisition has. The item shows the last.
type block struct {
	first locker.Token
	n     int
}

func (b block) last() locker.Token { return b.first + locker.Token(b.n) - 1 }

// absorbable is how far a token of another client may be ahead of this one's
// time and still raise it: as much as two honest clients can differ. What is
// further ahead was not made by this clock, and must not spread.
const absorbable = 5 * time.Second

// next returns up to n tokens for an acquisition, at least one: above the given one
// that is stored for the name, unless an earlier send of the acquisition has fixed
// them. Without bounds of the server's time only the stored token counts.
func (t *tokens) next(id string, n int, stored locker.Token, times span, known bool) block {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b, fixed := t.sent[id]; fixed {
		return b
	}
	first := t.highest + 1
	if known {
		first = max(first, locker.Token(times.hi.UnixMicro()))
		t.highest = first // not the last: many names would make it run ahead of the time
	}
	first = max(first, stored+1)
	room := int64(maxToken - first)
	return block{first, int(max(1, min(int64(n), room)))}
}

// manyGiven is for how many names the latest block is remembered.
const manyGiven = 10_000

// gave remembers a block that was stored for a name. The next one of the name has to
// be above it, and would not be if the name is taken again within the microseconds
// that the block stands for, or as soon as the estimate of DynamoDB's time has
// fallen: that would cost a write. It does not raise the clock for other names.
func (t *tokens) gave(name string, b block) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.given == nil || len(t.given) == manyGiven {
		t.given = make(map[string]locker.Token)
	}
	t.given[name] = b.last()
}

// stored returns the highest token known to be stored for a name of which an item
// shows, or is taken to show, the token seen.
func (t *tokens) stored(name string, seen locker.Token) locker.Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(seen, t.given[name])
}

// saw raises the clock by a token that another client made, so that the next one
// made here is above it without a second write.
func (t *tokens) saw(token locker.Token, times span, known bool) {
	if !known || token > locker.Token(times.hi.Add(absorbable).UnixMicro()) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.highest = max(t.highest, token)
}

// unresolved remembers the tokens of a send whose outcome is not known: every
// later send of the same acquisition carries the same.
func (t *tokens) unresolved(id string, b block) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent[id] = b
}

// of returns the tokens of an earlier send that turns out to have stored last. One
// that isn't known any more has given none of those before the last away.
func (t *tokens) of(id string, last locker.Token) block {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b, ok := t.sent[id]; ok && b.last() == last {
		return b
	}
	return block{last, 1}
}

// resolved forgets the acquisition.
func (t *tokens) resolved(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sent, id)
}
