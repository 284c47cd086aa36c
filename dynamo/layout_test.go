package dynamo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// layoutTable is a table in another library's layout.
type layoutTable struct {
	name   string
	choose func(*Options)
	o      Options
}

// eachLayout runs a test on a table of each layout.
func eachLayout(t *testing.T, f func(t *testing.T, table layoutTable)) {
	t.Parallel()
	for _, tt := range layouts {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := layoutTable{name: tt.table.ensure(t, tt.choose), choose: tt.choose}
			tt.choose(&table.o)
			f(t, table)
		})
	}
}

func (l layoutTable) open(t *testing.T, optFns ...func(*Options)) *process {
	t.Helper()
	return openOn(t, l.name, append([]func(*Options){l.choose}, optFns...)...)
}

// seconds returns a duration as the layout writes it.
func (l layoutTable) seconds(n string) types.AttributeValue {
	if l.o.Layout == LayoutJava {
		return text(n + "000")
	}
	return text(n + "s")
}

func (l layoutTable) key(name string) attributes {
	key := attributes{l.o.partitionKey(): text(name)}
	if l.o.SortKey != "" {
		key[l.o.SortKey] = text(l.o.SortValue)
	}
	return key
}

func (l layoutTable) read(t *testing.T, name string) attributes {
	t.Helper()
	out, err := dynamodblocal.Client(t).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &l.name, Key: l.key(name), ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatalf("GetItem(%q) = %v, want nil", name, err)
	}
	return out.Item
}

// write puts an item of the other library, but for what attrs change; a nil value
// leaves an attribute out.
func (l layoutTable) write(t *testing.T, name string, attrs attributes) {
	t.Helper()
	it := l.key(name)
	it["ownerName"], it["leaseDuration"], it["recordVersionNumber"] = text("theirs"), l.seconds("2"), text("4f6d1c4e-3d0a-4f3e-9d43-0c6f1a0f9b11")
	maps.Copy(it, attrs)
	maps.DeleteFunc(it, func(_ string, v types.AttributeValue) bool { return v == nil })
	if _, err := dynamodblocal.Client(t).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &l.name, Item: it}); err != nil {
		t.Fatalf("PutItem(%q) = %v, want nil", name, err)
	}
}

// wantItem checks all attributes of an item but its key.
func (l layoutTable) wantItem(t *testing.T, after, name string, want attributes) {
	t.Helper()
	got := l.read(t, name)
	for _, attr := range slices.Sorted(maps.Keys(got)) {
		if _, key := l.key(name)[attr]; !key && !equalValues(got[attr], want[attr]) {
			t.Errorf("after %s, %s = %v, want %v", after, attr, show(got[attr]), show(want[attr]))
		}
	}
	for attr := range want {
		if got[attr] == nil {
			t.Errorf("after %s there is no %s, want %v", after, attr, show(want[attr]))
		}
	}
}

func equalValues(a, b types.AttributeValue) bool { return show(a) == show(b) }

func show(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return "S " + v.Value
	case *types.AttributeValueMemberB:
		return "B " + string(v.Value)
	case *types.AttributeValueMemberN:
		return "N " + v.Value
	case nil:
		return "none"
	}
	return "another type"
}

// TestLayoutItem shows what acquire, renew and release write: what the other library
// can read and believe at every moment.
func TestLayoutItem(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		p := table.open(t)
		lease := acquire(t, p, t.Name(), locker.WithTTL(10*time.Second), locker.WithoutRenewal(), locker.WithData([]byte("x")))
		data := &types.AttributeValueMemberB{Value: []byte("x")}
		want := attributes{"ownerName": text("A"), "leaseDuration": table.seconds("10"), "recordVersionNumber": text(revision(lease.ID(), 1)), "data": data}
		table.wantItem(t, "acquire", t.Name(), want)
		if lease.Token() != 0 {
			t.Errorf("Token(%q) = %v, want 0: tokens could not rise", t.Name(), lease.Token())
		}
		if err := lease.Ensure(t.Context(), 14*time.Second+700*time.Millisecond); err != nil {
			t.Fatalf("Ensure = %v, want nil", err)
		}
		want["recordVersionNumber"] = text(revision(lease.ID(), 2))
		got := table.read(t, t.Name())["leaseDuration"].(*types.AttributeValueMemberS)
		if d, err := table.o.Layout.parseLease(got.Value); err != nil || d < lease.Remaining() || d > 16*time.Second {
			t.Errorf("after a renewal leaseDuration = %q, want about 14.8 s and not less than is believed", got.Value)
		}
		want["leaseDuration"] = got
		table.wantItem(t, "renew", t.Name(), want)
		if err := lease.Release(t.Context()); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		want["recordVersionNumber"], want["isReleased"] = text(revision(lease.ID(), deadSequence)), text("1")
		table.wantItem(t, "release", t.Name(), want)

		next := acquire(t, p, t.Name(), locker.WithTTL(10*time.Second), locker.WithoutRenewal())
		table.wantItem(t, "the next acquire", t.Name(), attributes{"ownerName": text("A"), "leaseDuration": table.seconds("10"), "recordVersionNumber": text(revision(next.ID(), 1))})
		p.wantCounts(t, "all of that", counts{"DescribeTable": 1, "UpdateItem": 4})
	})
}

// TestLayoutHeld shows that a lock of the other library is respected until it was
// seen unchanged for its lease and the slack, and taken over then; what is unknown in
// its item stays.
func TestLayoutHeld(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		p := table.open(t)
		table.write(t, t.Name(), attributes{"more": text("of theirs")})
		const want = 2*time.Second + 20*time.Millisecond
		held := refuse(t, p, t.Name()).Holder
		if held.Owner != "theirs" || held.TTL != want || held.State != locker.StateHeld || held.Token != 0 || held.AcquisitionID != held.Revision {
			t.Errorf("TryAcquire shows the holder %+v, want theirs, with a TTL of %v", held, want)
		}
		begin := time.Now()
		time.Sleep(time.Second)
		table.write(t, t.Name(), attributes{"more": text("of theirs"), "recordVersionNumber": text("renewed")})
		renewed := time.Now()
		lease, err := p.Acquire(t.Context(), t.Name())
		if d := time.Since(renewed); err != nil || d < want {
			t.Errorf("Acquire(%q) = %v after %v and %v after its renewal, want nil after %v of the latter", t.Name(), err, time.Since(begin), d, want)
		}
		if err := lease.Err(); err != nil {
			t.Errorf("Err(%q) = %v, want nil", t.Name(), err)
		}
		if got := show(table.read(t, t.Name())["more"]); got != "S of theirs" {
			t.Errorf("what the item had besides is %v after the take-over, want it as it was", got)
		}
	})
}

// TestLayoutReleased shows that what the other library released is free at once, also
// to a take-over that was seen before.
func TestLayoutReleased(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		p := table.open(t)
		table.write(t, t.Name(), attributes{"isReleased": text("1")})
		if info, err := p.Inspect(t.Context(), t.Name()); err != nil || info.State != locker.StateFree || info.Owner != "" {
			t.Errorf("Inspect = %+v, %v, want a free lock of nobody", info, err)
		}
		acquire(t, p, t.Name())
		if got := table.read(t, t.Name())["isReleased"]; got != nil {
			t.Errorf("isReleased is %v while we hold it, want none", show(got))
		}
	})
}

// TestLayoutLate shows that nothing of an acquisition takes effect after its release:
// no copy of its first write and none of a renewal.
func TestLayoutLate(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		s := table.open(t).store.backend()
		a := locker.Attempt{Name: t.Name(), ID: "0123456789abcdefghijklmnop", Owner: "A", TTL: 10 * time.Second}
		g, err := s.Acquire(t.Context(), a)
		if err != nil {
			t.Fatalf("Acquire = %v, want nil", err)
		}
		if again, err := s.Acquire(t.Context(), a); err != nil || again.Revision != g.Revision {
			t.Errorf("Acquire of the same attempt = %+v, %v, want the same grant", again, err)
		}
		if err := s.Release(t.Context(), g, 0); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		before := table.read(t, t.Name())
		var held *locker.HeldError
		if _, err := s.Acquire(t.Context(), a); !errors.As(err, &held) {
			t.Errorf("Acquire of a released attempt = %v, want a *HeldError", err)
		}
		if _, err := s.Renew(t.Context(), g, locker.Renewal{TTL: a.TTL}); !errors.Is(err, locker.ErrLost) {
			t.Errorf("Renew of a released grant = %v, want ErrLost", err)
		}
		table.wantItem(t, "late copies", t.Name(), without(before, table.key(t.Name())))
	})
}

func without(attrs, key attributes) attributes {
	left := maps.Clone(attrs)
	for attr := range key {
		delete(left, attr)
	}
	return left
}

// TestLayoutMinHold shows that to others an early release is a lease of what is left
// of the minimum hold.
func TestLayoutMinHold(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		p := table.open(t)
		lease := acquire(t, p, t.Name(), locker.WithMinHold(20*time.Second))
		if err := lease.Release(t.Context()); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		it := table.read(t, t.Name())
		left, err := table.o.Layout.parseLease(it["leaseDuration"].(*types.AttributeValueMemberS).Value)
		if err != nil || left < 10*time.Second || left > 20*time.Second || it["isReleased"] != nil {
			t.Errorf("after an early release the item is %v, want one that is held for somewhat less than 20 s", it)
		}
		refuse(t, table.open(t), t.Name())
	})
}

// TestLayoutMinHoldOver shows that a name whose minimum hold is over counts as released
// by its holder, and not as taken over from a dead one.
func TestLayoutMinHoldOver(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		lease := acquire(t, table.open(t), t.Name(), locker.WithMinHold(time.Second))
		if err := lease.Release(t.Context()); err != nil {
			t.Fatalf("Release = %v, want nil", err)
		}
		var seen events
		next, err := table.open(t, seen.observe).Acquire(t.Context(), t.Name())
		if err != nil {
			t.Fatalf("Acquire = %v, want nil", err)
		}
		for _, e := range seen.of(locker.EventAcquired) {
			if e.ID == next.ID() && e.TookOver {
				t.Error("the event says that it took over, want a name that was released")
			}
		}
	})
}

// TestLayoutSetReleased shows that a renewal notices when somebody has marked the
// lock as released.
func TestLayoutSetReleased(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		lease := acquire(t, table.open(t), t.Name(), locker.WithoutRenewal())
		it := table.read(t, t.Name())
		it["isReleased"] = text("1")
		table.write(t, t.Name(), it)
		var lost *locker.LostError
		if err := lease.Renew(t.Context()); !errors.As(err, &lost) || lost.Reason != locker.LossGone {
			t.Errorf("Renew = %v, want a *LostError of reason %v", err, locker.LossGone)
		}
	})
}

// TestLayoutFencing shows that fencing is refused, before anything is sent, and that
// there are no conditions that would let every holder pass.
func TestLayoutFencing(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		p := table.open(t)
		if _, err := p.Acquire(t.Context(), t.Name(), locker.RequireFencing()); !errors.Is(err, locker.ErrNoFencing) {
			t.Errorf("Acquire with RequireFencing = %v, want ErrNoFencing", err)
		}
		p.wantCounts(t, "Acquire with RequireFencing", counts{})
		lease := acquire(t, p, t.Name())
		if guard, err := p.Guard(lease); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Guard = %v, %v, want ErrUnsupported", guard, err)
		}
		if fence, err := FenceCondition(lease, "fence"); !errors.Is(err, locker.ErrNoFencing) {
			t.Errorf("FenceCondition = %v, %v, want ErrNoFencing", fence, err)
		}
	})
}

// TestLayoutBreak shows that a holder of the other library is broken as it was seen,
// and no more: its next renewal is another number.
func TestLayoutBreak(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		p := table.open(t)
		table.write(t, t.Name(), attributes{"leaseDuration": table.seconds("60")})
		seen := refuse(t, p, t.Name()).Holder
		table.write(t, t.Name(), attributes{"leaseDuration": table.seconds("60"), "recordVersionNumber": text("renewed")})
		var held *locker.HeldError
		if err := p.Break(t.Context(), seen); !errors.As(err, &held) || held.Holder.AcquisitionID != "renewed" {
			t.Errorf("Break of what was renewed since = %v, want a *HeldError that shows the renewal", err)
		}
		if err := p.Break(t.Context(), held.Holder, locker.FreeNow()); err != nil {
			t.Errorf("Break with FreeNow = %v, want nil", err)
		}
		acquire(t, p, t.Name())
	})
}

// TestLayoutKeepsMark shows that a process that waits is noticed by a holder of this
// library, and that nothing is sent to mark one of the other.
func TestLayoutKeepsMark(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		p := table.open(t)
		lease := acquire(t, p, t.Name())
		m := p.store.backend().(locker.Marker)
		if err := m.MarkWanted(t.Context(), t.Name(), lease.ID()); err != nil {
			t.Fatalf("MarkWanted = %v, want nil", err)
		}
		if err := lease.Renew(t.Context()); err != nil {
			t.Fatalf("Renew = %v, want nil", err)
		}
		select {
		case <-lease.Wanted():
		default:
			t.Error("Wanted is not closed after a renewal that found the mark")
		}
		p.faults.Reset()
		if err := m.MarkWanted(t.Context(), t.Name(), "4f6d1c4e-3d0a-4f3e-9d43-0c6f1a0f9b11"); err != nil {
			t.Errorf("MarkWanted of another library's holder = %v, want nil", err)
		}
		p.wantCounts(t, "MarkWanted of another library's holder", counts{})
	})
}

// TestLayoutLeaves shows that the other library can find a name free that the calls
// of one process go on handing to each other.
func TestLayoutLeaves(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		p := table.open(t, func(o *Options) { o.MaxLocalHold = 200 * time.Millisecond })
		ctx, cancel := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		defer busy.Wait()
		defer cancel()
		for range 3 {
			busy.Go(func() {
				for ctx.Err() == nil {
					_ = locker.Do(ctx, p, t.Name(), func(context.Context, *locker.Lease) error {
						time.Sleep(50 * time.Millisecond) // the server is needed by other tests
						return nil
					})
				}
			})
		}
		eventually(t, 20*time.Second, "the name is taken", func() bool { return table.read(t, t.Name()) != nil })
		for range 3 {
			eventually(t, 20*time.Second, "the name is free", func() bool { return table.read(t, t.Name())["isReleased"] != nil })
			eventually(t, 20*time.Second, "the name is taken again", func() bool { return table.read(t, t.Name())["isReleased"] == nil })
		}
	})
}
