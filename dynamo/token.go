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
	sent    map[string]locker.Token // by acquisition ID: tokens of sends whose outcome is not known
}

// absorbable is how far a token of another client may be ahead of this one's
// time and still raise it: as much as two honest clients can differ. What is
// further ahead was not made by this clock, and must not spread.
const absorbable = 5 * time.Second

// next returns the token for an acquisition: above the given one that is stored
// for the name, unless an earlier send of the acquisition has fixed it. Without
// bounds of the server's time only the stored token counts.
func (t *tokens) next(id string, stored locker.Token, times span, known bool) locker.Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if token, fixed := t.sent[id]; fixed {
		return token
	}
	token := t.highest + 1
	if known {
		token = max(token, locker.Token(times.hi.UnixMicro()))
		t.highest = token
	}
	return max(token, stored+1)
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

// unresolved remembers the token of a send whose outcome is not known: every
// later send of the same acquisition carries the same.
func (t *tokens) unresolved(id string, token locker.Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent[id] = token
}

// resolved forgets the acquisition.
func (t *tokens) resolved(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sent, id)
}
