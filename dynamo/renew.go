package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// Renew makes one try to extend a grant.
//
// Input: the grant, whose revision carries the sequence of its last write.
// Request: one UpdateItem under the next sequence, whatever becomes of it, so
// that no two sends of an acquisition are alike. Outcomes: the extended Grant;
// *locker.LostError when the item is another's, released or gone; any other
// error leaves open whether it took effect. Next: expr.go, whereMineAndOlder.
func (s *store) Renew(ctx context.Context, g locker.Grant, r locker.Renewal) (locker.Grant, error) {
	st, _, _ := s.stamps()
	return s.renew(ctx, g, r.TTL, "", func(next locker.Grant, n int64) *dynamodb.UpdateItemInput {
		return s.renewInput(next, n, r, st)
	})
}

// Bind makes one try to make a grant last as long as a session. It is a renewal in
// all respects but what it writes.
func (s *store) Bind(ctx context.Context, g, session locker.Grant) (locker.Grant, error) {
	return s.renew(ctx, g, session.TTL, session.Name, func(next locker.Grant, n int64) *dynamodb.UpdateItemInput {
		return s.bindInput(next, n, session.Name)
	})
}

// renew sends the next write of a grant, and checks that what it says it stored is
// what was sent.
func (s *store) renew(ctx context.Context, g locker.Grant, ttl time.Duration, session string, input func(locker.Grant, int64) *dynamodb.UpdateItemInput) (locker.Grant, error) {
	g, n, err := nextWrite(g)
	if err != nil {
		return g, err
	}
	attrs, err := s.update(ctx, ttl, input(g, n))
	switch classify(err) {
	case refused:
		return g, s.lost("renew", g, attrs, err)
	case unknown, final:
		return g, s.failure("renew", g.Name, err)
	}
	it, err := decode(g.Name, attrs)
	if err != nil || it.GUID != g.Revision || it.Session != session || locker.Token(it.Token) != (block{g.Token, max(1, g.Tokens)}).last() {
		return g, s.garbled("renew", g.Name, err)
	}
	g.TTL, g.Wanted = ttl, it.Wanted
	return g, nil
}

// nextWrite returns the grant with the revision of its next write, and the sequence of
// that.
func nextWrite(g locker.Grant) (locker.Grant, int64, error) {
	n, ok := sequence(g.Revision, g.ID)
	if !ok {
		return g, 0, fmt.Errorf("dynamo: renew %q: %q is no revision of %q", g.Name, g.Revision, g.ID)
	}
	n++
	g.Revision = revision(g.ID, n)
	return g, n, nil
}

// lost tells from the item that made a renewal or release fail what has become of
// the lease.
func (s *store) lost(what string, g locker.Grant, attrs map[string]types.AttributeValue, cause error) error {
	lost := &locker.LostError{Name: g.Name, Token: g.Token, Reason: locker.LossTaken}
	if len(attrs) == 0 {
		lost.Reason = locker.LossGone
		return lost
	}
	it, err := decode(g.Name, attrs)
	if err != nil {
		lost.Cause = err
		return lost
	}
	if _, mine := sequence(it.GUID, g.ID); mine {
		// A write of this acquisition with this sequence or a later one: a copy of
		// this request came before it. Nobody else has the lock; a later send tells.
		return fmt.Errorf("dynamo: %s %q: %w: a copy of the request came first: %w", what, g.Name, locker.ErrUnavailable, cause)
	}
	times, known := s.now()
	if state, _, _ := it.state(times, known, s.o.ClockMargin); state == locker.StateFree {
		lost.Reason = locker.LossGone
		return lost
	}
	if it.isBroken() {
		lost.Cause = errors.New("dynamo: an operator has broken it")
		return lost
	}
	lost.Cause = errors.New(s.held(it, times, known).Error()) // not wrapped: a loss is no refusal
	return lost
}
