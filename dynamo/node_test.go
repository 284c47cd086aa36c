package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// nodeClient does what getLock of the Node package dynamo-lock 0.1.3 does, request
// by request.
type nodeClient struct {
	db    *dynamodb.Client
	table string
	ahead time.Duration // of its wall clock
}

// errNodeHeld is its "Lock expires on … currently its …".
var errNodeHeld = errors.New("active lock not yet expired")

func newNode(t *testing.T) *nodeClient {
	t.Helper()
	return &nodeClient{db: dynamodblocal.Client(t), table: theTable.use(t)}
}

func (n *nodeClient) getLock(ctx context.Context, name string, timeout time.Duration) error {
	now := time.Now().Add(n.ahead).UnixMilli()
	out, err := n.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &n.table, Key: key(name), AttributesToGet: []string{"guid", "expiresOn"},
	})
	if err != nil {
		return err
	}
	put := &dynamodb.PutItemInput{TableName: &n.table, Item: attributes{
		"name": text(name), "guid": text(randomToken()), "expiresOn": number(strconv.FormatInt(now+timeout.Milliseconds(), 10)),
	}}
	if out.Item == nil {
		put.ConditionExpression = aws.String("attribute_not_exists(guid)")
	} else {
		if expires, ok := out.Item["expiresOn"].(*types.AttributeValueMemberN); ok {
			if ms, err := strconv.ParseInt(expires.Value, 10, 64); err == nil && ms > now {
				return fmt.Errorf("%w: lock expires on %d currently its %d", errNodeHeld, ms, now)
			}
		}
		put.ExpressionAttributeValues = attributes{":oldguid": out.Item["guid"]}
		put.ConditionExpression = aws.String("guid = :oldguid")
	}
	_, err = n.db.PutItem(ctx, put)
	return err
}

// randomToken is a version 4 UUID.
func randomToken() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// wantNodeItem checks that the item is what the Node package has written.
func wantNodeItem(t *testing.T, name string) {
	t.Helper()
	attrs := readItem(t, name)
	guid, _ := attrs["guid"].(*types.AttributeValueMemberS)
	if len(attrs) != 3 || guid == nil || !uuid4.MatchString(guid.Value) {
		t.Errorf("item of %q = %v, want name, guid and expiresOn as the Node package writes them", name, attrs)
	}
}

// TestNodeRefused shows that the Node package respects our lease until it is
// released, and can take the lock then.
func TestNodeRefused(t *testing.T) {
	t.Parallel()
	node := newNode(t)
	lease := acquire(t, open(t), t.Name(), locker.WithData([]byte("x")))
	if err := node.getLock(t.Context(), t.Name(), time.Minute); !errors.Is(err, errNodeHeld) {
		t.Errorf("getLock(%q) = %v while we hold it, want %v", t.Name(), err, errNodeHeld)
	}
	if err := lease.Renew(t.Context()); err != nil {
		t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	if err := node.getLock(t.Context(), t.Name(), time.Minute); !errors.Is(err, errNodeHeld) {
		t.Errorf("getLock(%q) = %v after our renewal, want %v", t.Name(), err, errNodeHeld)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	if err := node.getLock(t.Context(), t.Name(), time.Minute); err != nil {
		t.Errorf("getLock(%q) = %v after our release, want nil", t.Name(), err)
	}
	wantNodeItem(t, t.Name())
}

// TestNodeMinHold shows that the Node package respects a minimum hold after our
// release.
func TestNodeMinHold(t *testing.T) {
	t.Parallel()
	node := newNode(t)
	begin := time.Now() // the hold counts from the acquisition, which may take a while
	lease := acquire(t, open(t), t.Name(), locker.WithMinHold(3*time.Second))
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	eventually(t, 20*time.Second, "getLock after the minimum hold", func() bool {
		err := node.getLock(t.Context(), t.Name(), time.Minute)
		if d := time.Since(begin); err == nil && d < 2900*time.Millisecond {
			t.Errorf("getLock(%q) = nil after %v, want %v for 3 s", t.Name(), d, errNodeHeld)
		}
		return err == nil
	})
}

// TestNodeTakesOver shows that the Node package can take over a lease of ours that
// has ended, and not before.
func TestNodeTakesOver(t *testing.T) {
	t.Parallel()
	const ttl = 2 * time.Second
	node := newNode(t)
	lease := acquire(t, open(t), t.Name(), locker.WithTTL(ttl), locker.WithoutRenewal())
	var over error
	eventually(t, 20*time.Second, "getLock after the lease", func() bool {
		err := node.getLock(t.Context(), t.Name(), time.Minute)
		over = lease.Err()
		return err == nil
	})
	if !errors.Is(over, locker.ErrLost) {
		t.Errorf("Err(%q) = %v when the Node package had taken over, want ErrLost", t.Name(), over)
	}
	wantNodeItem(t, t.Name())
}

// TestNodeTakesOverLive shows that a renewal notices when a Node process, whose
// clock is wrong, has taken over a lease that was good.
func TestNodeTakesOverLive(t *testing.T) {
	t.Parallel()
	node := newNode(t)
	node.ahead = time.Hour
	lease := acquire(t, open(t), t.Name())
	if err := node.getLock(t.Context(), t.Name(), time.Minute); err != nil {
		t.Fatalf("getLock(%q) = %v, an hour ahead, want nil", t.Name(), err)
	}
	var lost *locker.LostError
	if err := lease.Renew(t.Context()); !errors.As(err, &lost) || lost.Reason != locker.LossTaken {
		t.Errorf("Renew(%q) = %v, want a *LostError of reason %v", t.Name(), err, locker.LossTaken)
	}
	if err := lease.Release(t.Context()); !errors.Is(err, locker.ErrLost) {
		t.Errorf("Release(%q) = %v, want ErrLost", t.Name(), err)
	}
	wantNodeItem(t, t.Name())
}

// TestNodeHolds shows that we respect a lease of the Node package until it has
// ended, and take it over then: by DynamoDB's time, since there is no TTL in it.
func TestNodeHolds(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	for _, tt := range []struct {
		name string
		get  func(*process, string) (*locker.Lease, error)
	}{
		{"waiting", func(p *process, name string) (*locker.Lease, error) { return p.Acquire(t.Context(), name) }},
		{"trying", func(p *process, name string) (lease *locker.Lease, err error) {
			for {
				if lease, err = locker.TryAcquire(t.Context(), p, name); !errors.Is(err, locker.ErrHeld) {
					return lease, err
				}
				time.Sleep(50 * time.Millisecond)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			node, p := newNode(t), openWarm(t)
			begin := time.Now()
			if err := node.getLock(t.Context(), t.Name(), timeout); err != nil {
				t.Fatalf("getLock(%q) = %v, want nil", t.Name(), err)
			}
			refuse(t, p, t.Name())
			lease, err := tt.get(p, t.Name())
			d := time.Since(begin)
			if err != nil {
				t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
			}
			if d < timeout || d > timeout+5*time.Second {
				t.Errorf("Acquire(%q) took %v, want %v and at most 5 s more", t.Name(), d, timeout)
			}
			if err := node.getLock(t.Context(), t.Name(), timeout); !errors.Is(err, errNodeHeld) {
				t.Errorf("getLock(%q) = %v while we hold it, want %v", t.Name(), err, errNodeHeld)
			}
			if err := lease.Err(); err != nil {
				t.Errorf("Err(%q) = %v, want nil", t.Name(), err)
			}
		})
	}
}

// TestNodeLongDead shows that a process which has just started takes over what a
// Node process left behind a while ago, with its first call.
func TestNodeLongDead(t *testing.T) {
	t.Parallel()
	node := newNode(t)
	node.ahead = -time.Minute
	if err := node.getLock(t.Context(), t.Name(), time.Second); err != nil {
		t.Fatalf("getLock(%q) = %v, want nil", t.Name(), err)
	}
	p := open(t)
	acquire(t, p, t.Name())
	p.wantCounts(t, "TryAcquire", counts{"DescribeTable": 1, "GetItem": 1, "UpdateItem": 1})
}

// TestNodeRace has both sides want one free name at once, many times: one of them
// gets it.
func TestNodeRace(t *testing.T) {
	t.Parallel()
	node, p := newNode(t), openWarm(t)
	for i := range 25 {
		name := fmt.Sprintf("%s/%d", t.Name(), i)
		theirs := make(chan error)
		go func() { theirs <- node.getLock(t.Context(), name, time.Minute) }()
		lease, ours := locker.TryAcquire(t.Context(), p, name)
		if err := <-theirs; (err == nil) == (ours == nil) {
			t.Errorf("%q: getLock = %v, TryAcquire = %v, want one of them nil", name, err, ours)
		}
		if ours == nil && lease.Renew(t.Context()) != nil {
			t.Errorf("%q: Renew = %v, want nil", name, lease.Err())
		}
	}
}
