package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/locker"
)

// belief is a lease that was granted, and what is known of how long somebody
// believed in it: from the return of Acquire to the last time that Err was nil.
// The world's mutex guards it.
type belief struct {
	lease   *locker.Lease
	p       *process
	options locker.Options
	of      *acquisition
	index   int           // among the name's grants
	from    time.Duration // the lease began not before this
	to      time.Duration // and not after this
	had     time.Duration // when Acquire returned
	slept   int           // how often its node had been suspended then
	over    bool
}

// granted records a grant. At this very instant nobody else may believe in a
// lease of the name: those who can be asked are asked now, those whose node is
// paused when it resumes.
func (w *world) granted(p *process, l *locker.Lease, o locker.Options) {
	w.mu.Lock()
	if p.dead {
		w.mu.Unlock()
		return
	}
	lk := w.locks[l.Name()]
	b := &belief{lease: l, p: p, options: o, index: len(lk.beliefs), had: w.now(), slept: p.node.slept}
	w.placeLocked(lk, b)
	others := lk.open(nil)
	lk.beliefs = append(lk.beliefs, b)
	w.figure.Grants++
	w.noteLocked(p, "holds %s, token %v", l.Name(), l.Token())
	asked := !p.node.stopped
	w.mu.Unlock()
	if left := l.Remaining(); asked && left < o.TTL/2 {
		w.fail("%v was granted %s with %v remaining of %v", p, l.Name(), left, o.TTL)
	}
	for _, other := range others {
		w.ask(other)
	}
	w.compare(lk, b)
}

// compare wants a grant to be later than the one before: by its token, and by the
// minimum hold of the other.
func (w *world) compare(lk *lock, b *belief) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.index == 0 {
		return
	}
	name, last := b.lease.Name(), lk.beliefs[b.index-1]
	if last.lease.Token() >= b.lease.Token() {
		w.failLocked("%v was granted %s with token %v, after token %v", b.p, name, b.lease.Token(), last.lease.Token())
	}
	// A minimum hold counts from the grant; this process's clock may run fast.
	least := last.options.MinHold - last.options.MinHold/500 - time.Millisecond
	if kept := b.to - last.from; kept < least {
		w.failLocked("%v was granted %s only %v after token %v, whose minimum hold is %v", b.p, name, kept, last.lease.Token(), last.options.MinHold)
	}
}

// ask looks at a belief, if its process can be asked.
func (w *world) ask(b *belief) {
	w.mu.Lock()
	silent := b.p.dead || b.p.node.stopped
	w.mu.Unlock()
	if silent {
		return
	}
	err := b.lease.Err()
	w.mu.Lock()
	defer w.mu.Unlock()
	lk := w.locks[b.lease.Name()]
	switch later := lk.beliefs[b.index+1:]; {
	case err == nil && b.over:
		w.failLocked("%v believes in %s, token %v, again", b.p, b.lease.Name(), b.lease.Token())
	case err == nil && b.pastMaxHoldLocked(w.now()):
		w.failLocked("%v believes in %s, token %v, %v after its grant with a MaxHold of %v", b.p, b.lease.Name(), b.lease.Token(), w.now()-b.had, b.options.MaxHold)
	case err == nil && len(later) > 0:
		w.failLocked("two believe in %s: %v with token %v, and since then %v with token %v",
			b.lease.Name(), b.p, b.lease.Token(), later[0].p, later[0].lease.Token())
	case err != nil && !b.over:
		b.over = true
		w.noteLocked(b.p, "no longer believes in %s, token %v: %v", b.lease.Name(), b.lease.Token(), err)
	}
}

// pastMaxHoldLocked reports whether a lease lasts longer than its MaxHold and a TTL,
// though nobody has renewed it explicitly and its clock has not stood still.
func (b *belief) pastMaxHoldLocked(now time.Duration) bool {
	most := b.options.MaxHold + b.options.TTL
	return b.options.MaxHold > 0 && !b.p.extended[b.lease] && b.slept == b.p.node.slept &&
		now-b.had > most+most/500+time.Millisecond
}

// probe asks a process, or all of them if p is nil, about the leases that it may
// believe in, and about the latest that it no longer does.
func (w *world) probe(p *process) {
	var ask []*belief
	w.mu.Lock()
	for _, name := range w.names {
		ask = append(ask, w.locks[name].open(p)...)
	}
	w.mu.Unlock()
	for _, b := range ask {
		w.ask(b)
	}
}

// open returns the beliefs that are worth asking about: of a process, or of all if
// p is nil.
func (lk *lock) open(p *process) []*belief {
	var list []*belief
	for i, b := range lk.beliefs {
		if (p == nil || b.p == p) && (!b.over || i >= len(lk.beliefs)-2) {
			list = append(list, b)
		}
	}
	return list
}

// probeNow and then plans itself again.
func (w *world) probeNow() {
	w.probe(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.afterLocked(w.probes, w.probeNow)
}

// committed is told of every write that the store has accepted. It checks that
// the tokens of the grants rise, whoever comes to hear of them.
func (w *world) committed(c ddbmodel.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked(w.writer, "the store has %s: guid %s, token %s, expiresOn %s%v", c.Key,
		text(c.New["guid"]), text(c.New["token"]), text(c.New["expiresOn"]), bond(c.New))
	if isSession(c.Key) {
		w.committedSessionLocked(c)
		return
	}
	lk := w.locks[c.Key]
	lk.session = text(c.New["session"])
	if c.New["wanted"] != nil && c.Before["wanted"] == nil {
		w.figure.Marks++
	}
	if text(c.Before["guid"]) == text(c.New["guid"]) {
		return // no renewal: it makes nobody wait
	}
	if w.writer.node != w.last {
		lk.touched = w.now()
	}
	lk.longest = max(lk.longest, ttlOf(c.New))
	if s := w.sessions[lk.session]; s != nil {
		lk.longest = max(lk.longest, s.ttl)
	}
	if lk.session != "" && c.Before["session"] == nil {
		w.figure.Binds++
	}
	was, is := acquisitionID(text(c.Before["guid"])), acquisitionID(text(c.New["guid"]))
	if was == is {
		if text(c.Before["guid"]) > text(c.New["guid"]) {
			w.failLocked("%s goes back from %s to %s", c.Key, text(c.Before["guid"]), text(c.New["guid"]))
		}
		return
	}
	if isBroken(text(c.New["guid"])) {
		w.figure.Broken++ // a grant to nobody, which keeps the token
		return
	}
	now, token := w.spent[is], number(c.New["token"])
	now.first, now.last = now.tokens[token], token
	if now.first <= lk.committed {
		w.failLocked("the store has granted %s with tokens from %d, after token %d", c.Key, now.first, lk.committed)
	}
	lk.committed = max(lk.committed, token)
	now.granted = w.now()
	switch end := number(c.Before["expiresOn"]); {
	case end == 0:
	case c.Before["session"] != nil:
		w.figure.TakenBound++
	default:
		w.tookOverLocked(was, end)
	}
}

// tookOverLocked counts a take-over by the rule that allows it: the process's own
// abandoned attempt, else rule B where it was on and time enough had passed.
func (w *world) tookOverLocked(was string, end int64) {
	passed := w.start.Add(w.now()).Sub(time.UnixMilli(end))
	switch {
	case w.spent[was].p == w.writer && !strings.HasPrefix(was, "broken"):
		w.figure.TakenOwn++
	case w.writer.node.ruleB && passed > dynamo.DefaultClockMargin-frontEndSkew:
		w.figure.TakenB++
	default:
		w.figure.TakenA++
	}
}

// ttlOf returns the TTL that an item tells.
func ttlOf(item ddbmodel.Item) time.Duration {
	return time.Duration(number(item["ttl"])) * time.Millisecond
}

// number returns an integer attribute, 0 for anything else.
func number(v types.AttributeValue) int64 {
	n, err := strconv.ParseInt(text(v), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
