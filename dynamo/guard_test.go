package dynamo

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// account is an item of the user's. It lies in the table of the locks, where no lock
// has its name.
type account struct {
	name, table string
	db          *dynamodb.Client
}

func accountOf(t *testing.T, name string) account {
	t.Helper()
	return account{name + "/account", theTable.use(t), dynamodblocal.Client(t)}
}

// transact writes the balance in one transaction with the guard, and returns what
// became of the guard, and the error.
func (a account) transact(t *testing.T, guard types.TransactWriteItem, balance string) (code string, err error) {
	t.Helper()
	_, err = a.db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{guard, {
		Update: &types.Update{
			TableName: &a.table, Key: key(a.name), UpdateExpression: aws.String("SET balance = :balance"),
			ExpressionAttributeValues: attributes{":balance": text(balance)},
		},
	}}})
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && len(canceled.CancellationReasons) == 2 {
		code = aws.ToString(canceled.CancellationReasons[0].Code)
	}
	return code, err
}

// update writes the balance on the condition of the fence.
func (a account) update(t *testing.T, fence Fence, balance string) error {
	t.Helper()
	fence.Values[":balance"] = text(balance)
	_, err := a.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &a.table, Key: key(a.name), UpdateExpression: aws.String("SET balance = :balance, " + fence.Set),
		ConditionExpression: &fence.Condition, ExpressionAttributeNames: fence.Names, ExpressionAttributeValues: fence.Values,
	})
	return err
}

// balance returns what was written last, "" for nothing. It may be called by several
// goroutines of a test, as the methods before.
func (a account) balance(t *testing.T) string {
	t.Helper()
	out, err := a.db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &a.table, Key: key(a.name), ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Errorf("GetItem(%q) = %v, want nil", a.name, err)
		return ""
	}
	s, _ := out.Item["balance"].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// guardOf returns the guard, which has to be had.
func guardOf(t *testing.T, p *process, lease *locker.Lease) types.TransactWriteItem {
	t.Helper()
	guard, err := p.Guard(lease)
	if err != nil {
		t.Fatalf("Guard(%q) = %v, want nil", lease.Name(), err)
	}
	return guard
}

// wantGuard sends a transaction, and wants it carried out or refused by the guard.
func wantGuard(t *testing.T, a account, guard types.TransactWriteItem, when string, ok bool) {
	t.Helper()
	before, balance := a.balance(t), fmt.Sprint(time.Now().UnixNano())
	code, err := a.transact(t, guard, balance)
	now := a.balance(t)
	if ok && (err != nil || now != balance) {
		t.Errorf("%s: the transaction = %v, the item is %q, want it carried out", when, err, now)
	}
	if !ok && (code != "ConditionalCheckFailed" || now != before) {
		t.Errorf("%s: the transaction = %v, the item is %q after %q, want it refused by the guard", when, err, now, before)
	}
}

// TestGuard follows a lease: its guard lets a transaction pass for as long as the
// acquisition has the lock, renewed or not, and not after.
func TestGuard(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, p *process, lease *locker.Lease){
		"released": func(t *testing.T, _ *process, lease *locker.Lease) {
			if err := lease.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"released and taken again": func(t *testing.T, p *process, lease *locker.Lease) {
			if err := lease.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			acquire(t, p, lease.Name())
		},
		"broken": func(t *testing.T, _ *process, _ *locker.Lease) { breakSeen(t, openWarm(t), see(t, openWarm(t))) },
		"broken and free": func(t *testing.T, _ *process, _ *locker.Lease) {
			breakSeen(t, openWarm(t), see(t, openWarm(t)), locker.FreeNow())
		},
		"deleted": func(t *testing.T, _ *process, lease *locker.Lease) { deleteItem(t, lease.Name()) },
		"taken by Node": func(t *testing.T, _ *process, lease *locker.Lease) {
			writeItem(t, lease.Name(), attributes{"guid": text("a-node-guid"), "expiresOn": number("9000")})
		},
		"taken by a similar ID": func(t *testing.T, _ *process, lease *locker.Lease) {
			writeItem(t, lease.Name(), sound(attributes{"guid": text(lease.ID() + "0/0000000001")}))
		},
		"taken over by a stranger": func(t *testing.T, _ *process, lease *locker.Lease) { writeItem(t, lease.Name(), sound(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p := accountOf(t, t.Name()), openWarm(t)
			lease := acquire(t, p, t.Name())
			p.faults.Reset()
			guard := guardOf(t, p, lease)
			p.wantCounts(t, "Guard", counts{})
			wantGuard(t, a, guard, "held", true)
			if err := lease.Renew(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantGuard(t, a, guard, "renewed since", true)
			wantGuard(t, a, guardOf(t, p, lease), "after a renewal", true)
			end(t, p, lease)
			wantGuard(t, a, guard, name, false)
		})
	}
}

// TestGuardHandOver shows that a guard is worth nothing any more once another lease of
// the same process has the lock: that takes a write which it would not need else.
func TestGuardHandOver(t *testing.T) {
	t.Parallel()
	a := accountOf(t, t.Name())
	p := openWarm(t, func(o *Options) { o.MaxLocalHold = time.Minute }) // until it writes to hear of others
	lease := acquire(t, p, t.Name())
	for _, tt := range []struct {
		guarded bool
		want    counts
	}{{false, counts{}}, {true, counts{"UpdateItem": 1}}, {true, counts{"UpdateItem": 1}}, {false, counts{}}} {
		var guard types.TransactWriteItem
		if tt.guarded {
			guard = guardOf(t, p, lease)
			wantGuard(t, a, guard, "held", true)
		}
		got := make(chan *locker.Lease, 1)
		go func() {
			next, err := p.Acquire(t.Context(), t.Name())
			if err != nil {
				t.Errorf("Acquire(%q) = %v, want nil", t.Name(), err)
			}
			got <- next
		}()
		<-lease.Wanted()
		p.faults.Reset()
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
		}
		before := lease
		lease = <-got
		p.wantCounts(t, fmt.Sprintf("a hand-over, guarded %v,", tt.guarded), tt.want)
		if _, err := p.Guard(before); !errors.Is(err, locker.ErrReleased) {
			t.Errorf("Guard of the lease before = %v, want ErrReleased", err)
		}
		if tt.guarded {
			wantGuard(t, a, guard, "handed over", false)
		}
	}
	wantGuard(t, a, guardOf(t, p, lease), "held, after a hand-over without a write", true)
}

// TestGuardErrors shows what Guard refuses, without a request.
func TestGuardErrors(t *testing.T) {
	t.Parallel()
	p, other := openWarm(t), openWarm(t)
	held := acquire(t, p, t.Name()+"/held")
	foreign, err := memory.New().Acquire(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	lost := acquire(t, p, t.Name()+"/lost")
	deleteItem(t, lost.Name())
	lost.Renew(t.Context())
	released := acquire(t, p, t.Name()+"/released")
	released.Release(t.Context())
	p.faults.Reset()
	other.faults.Reset()
	for name, tt := range map[string]struct {
		p     *process
		lease *locker.Lease
		want  error
	}{
		"nil":                             {p, nil, locker.ErrInvalid},
		"the zero Lease":                  {p, new(locker.Lease), locker.ErrInvalid},
		"of another Locker on the table":  {other, held, locker.ErrInvalid},
		"of a Locker on another backend":  {p, foreign, locker.ErrInvalid},
		"released":                        {p, released, locker.ErrReleased},
		"lost":                            {p, lost, locker.ErrLost},
		"lost, and of another Locker too": {other, lost, locker.ErrInvalid},
	} {
		guard, err := tt.p.Guard(tt.lease)
		if !errors.Is(err, tt.want) || guard.ConditionCheck != nil {
			t.Errorf("Guard of a lease, %s, = %v, %v, want %v", name, guard, err, tt.want)
		}
	}
	if _, err := p.Guard(held); err != nil {
		t.Errorf("Guard = %v, want nil", err)
	}
	p.wantCounts(t, "Guard", counts{})
	other.wantCounts(t, "Guard", counts{})

	for name, err := range map[string]error{"nil": second(FenceCondition(nil, "a")), "no attribute": second(FenceCondition(held, "")), "no name": second(FenceCondition(held, "\xff"))} {
		if !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("FenceCondition, %s, = %v, want ErrInvalid", name, err)
		}
	}
	if fence, err := FenceCondition(released, "a.b"); err != nil || fence.Names["#fence"] != "a.b" {
		t.Errorf("FenceCondition of a lease that is over = %v, %v, want nil: that is what tokens are for", fence, err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestGuardGlobalTable shows that there is no guard where DynamoDB has no transactions.
func TestGuardGlobalTable(t *testing.T) {
	t.Parallel()
	for consistency, want := range map[types.MultiRegionConsistency]error{
		types.MultiRegionConsistencyStrong:   ErrNoTransactions,
		types.MultiRegionConsistencyEventual: nil,
	} {
		p := open(t, func(o *Options) { o.AllowEventualGlobalTable = true })
		p.faults.Inject("DescribeTable", -1, global("2019.11.21", consistency))
		lease := acquire(t, p, t.Name()+"/"+string(consistency))
		_, err := p.Guard(lease)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("Guard on a global table of consistency %s = %v, want %v", consistency, err, want)
		}
		if want != nil && (!errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), theTable.use(t))) {
			t.Errorf("Guard = %v, want ErrUnsupported too, and the table's name", err)
		}
		if _, err := FenceCondition(lease, "a"); err != nil {
			t.Errorf("FenceCondition = %v, want nil: it needs no transaction", err)
		}
	}
}

// TestGuardSession shows the guard of a lease that shares a heartbeat: it holds when
// that binds the item, and when another process has ended the session, because nobody
// has the lock by that; and no more when somebody has taken it.
func TestGuardSession(t *testing.T) {
	t.Parallel()
	a, p := accountOf(t, t.Name()), openWarm(t, shared)
	const ttl = 3 * time.Second
	lease := acquire(t, p, t.Name(), locker.WithTTL(ttl))
	before := guardOf(t, p, lease)
	eventually(t, 10*ttl, "it is bound", func() bool { return readDecoded(t, lease.Name()).Session != "" })
	wantGuard(t, a, before, "bound since", true)
	after := guardOf(t, p, lease)
	wantGuard(t, a, after, "bound", true)

	p.cutOff()
	session, other := readDecoded(t, lease.Name()).Session, openWarm(t)
	eventually(t, prompt, "the session is ended, but for a heartbeat that was on its way", func() bool {
		in := other.store.killInput(session, readDecoded(t, session).GUID, stamps{wall: time.Now()})
		_, err := other.store.update(t.Context(), time.Second, in)
		return err == nil
	})
	wantGuard(t, a, after, "its session ended, and nobody else there", true)
	acquire(t, other, lease.Name())
	wantGuard(t, a, after, "taken over", false)
	wantGuard(t, a, before, "taken over", false)
}

// TestGuardExpressions is what Guard and FenceCondition return, to the letter: they
// exclude, as the writes in TestExpressions do.
func TestGuardExpressions(t *testing.T) {
	t.Parallel()
	s := &store{table: "locks"}
	check := s.guardCheck(locker.Grant{Name: "a", ID: "0123456789abcdefghijklmnop", Revision: revision("0123456789abcdefghijklmnop", 4)})
	got := inWords(&dynamodb.UpdateItemInput{
		TableName: check.TableName, Key: check.Key, UpdateExpression: aws.String("-"), ConditionExpression: check.ConditionExpression,
		ExpressionAttributeNames: check.ExpressionAttributeNames, ExpressionAttributeValues: check.ExpressionAttributeValues,
	})
	want := `table locks
key a
update -
if #guid BETWEEN :oldest AND :newest
#guid guid
:newest S "0123456789abcdefghijklmnop/9999999998"
:oldest S "0123456789abcdefghijklmnop/0000000001"`
	if got != want {
		t.Errorf("the guard is\n%s\nwant\n%s", got, want)
	}
	lease, err := memory.New().Acquire(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	fence, err := FenceCondition(lease, "last")
	if err != nil {
		t.Fatal(err)
	}
	got = inWords(&dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key("a"), UpdateExpression: &fence.Set, ConditionExpression: &fence.Condition,
		ExpressionAttributeNames: fence.Names, ExpressionAttributeValues: fence.Values,
	})
	want = `table locks
key a
update #fence = :fence
if (attribute_not_exists(#fence) OR #fence <= :fence)
#fence last
:fence N ` + lease.Token().String()
	if got != want || fence.Token.(*types.AttributeValueMemberN).Value != lease.Token().String() {
		t.Errorf("the fence is\n%s\nwith token %v, want\n%s", got, fence.Token, want)
	}
}
