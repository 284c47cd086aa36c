package dynamo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// inWords writes a request down for a test to compare.
func inWords(in *dynamodb.UpdateItemInput) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s\nkey %s\nupdate %s\nif %s\n", *in.TableName, in.Key["name"].(*types.AttributeValueMemberS).Value, *in.UpdateExpression, *in.ConditionExpression)
	var lines []string
	for k, v := range in.ExpressionAttributeNames {
		lines = append(lines, k+" "+v)
	}
	for k, v := range in.ExpressionAttributeValues {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			lines = append(lines, fmt.Sprintf("%s S %q", k, v.Value))
		case *types.AttributeValueMemberN:
			lines = append(lines, k+" N "+v.Value)
		case *types.AttributeValueMemberB:
			lines = append(lines, fmt.Sprintf("%s B %q", k, v.Value))
		case *types.AttributeValueMemberBOOL:
			lines = append(lines, fmt.Sprintf("%s BOOL %t", k, v.Value))
		default:
			lines = append(lines, fmt.Sprintf("%s %T", k, v))
		}
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, "\n"))
	return b.String()
}

// TestExpressions is every write of this package, to the letter. Who changes one
// of them changes what excludes: doc.go and the comments in expr.go say why they
// are as they are.
func TestExpressions(t *testing.T) {
	t.Parallel()
	const id, other = "0123456789abcdefghijklmnop", "zyxwvutsrqponmlkjihgfedcba/0000000005"
	const sid = "s0000000000000000000000000"
	s := &store{table: "locks"}
	st := stamps{hi: epoch, wall: epoch, ruleB: true} // 1795348800000 ms
	attempt := locker.Attempt{Name: "a", ID: id, Owner: "me", TTL: 30 * time.Second}
	withData := attempt
	withData.Data = []byte{}
	grant := locker.Grant{Name: "a", ID: id, Token: 7, TTL: 30 * time.Second, Revision: revision(id, 4)}
	for name, tt := range map[string]struct {
		in   func() *dynamodb.UpdateItemInput
		want string
	}{
		"acquire": {
			func() *dynamodb.UpdateItemInput { return s.acquireInput(attempt, block{4, 4}, "", st) },
			`table locks
key a
update SET #guid = :guid, #expiresOn = :expiresOn, #token = :token, #ttl = :ttl, #owner = :owner, #acquired = :acquired, #purgeAt = :purgeAt REMOVE #session, #wanted, #data
if ((attribute_not_exists(#guid) AND attribute_not_exists(#expiresOn)) OR #expiresOn = :zero) AND (attribute_not_exists(#token) OR #token < :first)
#acquired acquired
#data data
#expiresOn expiresOn
#guid guid
#owner owner
#purgeAt purgeAt
#session session
#token token
#ttl ttl
#wanted wanted
:acquired N 1795348800000
:expiresOn N 1795348830001
:first N 4
:guid S "0123456789abcdefghijklmnop/0000000001"
:owner S "me"
:purgeAt N 1795953600
:token N 7
:ttl N 30000
:zero N 0`,
		},
		"take over, with data, time unknown": {
			func() *dynamodb.UpdateItemInput {
				return s.acquireInput(withData, block{7, 1}, other, stamps{wall: epoch})
			},
			`table locks
key a
update SET #guid = :guid, #expiresOn = :expiresOn, #token = :token, #ttl = :ttl, #owner = :owner, #acquired = :acquired, #data = :data REMOVE #purgeAt, #session, #wanted
if #guid = :seen AND (attribute_not_exists(#token) OR #token < :first)
#acquired acquired
#data data
#expiresOn expiresOn
#guid guid
#owner owner
#purgeAt purgeAt
#session session
#token token
#ttl ttl
#wanted wanted
:acquired N 1795348800000
:data B ""
:expiresOn N 253402300799999
:first N 7
:guid S "0123456789abcdefghijklmnop/0000000001"
:owner S "me"
:seen S "zyxwvutsrqponmlkjihgfedcba/0000000005"
:token N 7
:ttl N 30000`,
		},
		"renew": {
			func() *dynamodb.UpdateItemInput {
				return s.renewInput(grant, 5, locker.Renewal{TTL: 10*time.Second + 1}, st)
			},
			`table locks
key a
update SET #guid = :guid, #expiresOn = :expiresOn, #ttl = :ttl, #purgeAt = :purgeAt REMOVE #session
if #guid BETWEEN :oldest AND :newest
#expiresOn expiresOn
#guid guid
#purgeAt purgeAt
#session session
#ttl ttl
:expiresOn N 1795348810002
:guid S "0123456789abcdefghijklmnop/0000000005"
:newest S "0123456789abcdefghijklmnop/0000000004"
:oldest S "0123456789abcdefghijklmnop/0000000000"
:purgeAt N 1795953600
:ttl N 10001`,
		},
		"release": {
			func() *dynamodb.UpdateItemInput { return s.releaseInput(grant, 0, st) },
			`table locks
key a
update SET #guid = :guid, #purgeAt = :purgeAt, #expiresOn = :expiresOn REMOVE #session, #data, #ttl, #owner, #acquired
if #guid BETWEEN :oldest AND :newest
#acquired acquired
#data data
#expiresOn expiresOn
#guid guid
#owner owner
#purgeAt purgeAt
#session session
#ttl ttl
:expiresOn N 0
:guid S "0123456789abcdefghijklmnop/9999999999"
:newest S "0123456789abcdefghijklmnop/9999999998"
:oldest S "0123456789abcdefghijklmnop/0000000000"
:purgeAt N 1795953600`,
		},
		"release after a hold": {
			func() *dynamodb.UpdateItemInput { return s.releaseInput(grant, 1500*time.Microsecond, st) },
			`table locks
key a
update SET #guid = :guid, #purgeAt = :purgeAt, #expiresOn = :expiresOn, #ttl = :ttl REMOVE #session, #data
if #guid BETWEEN :oldest AND :newest
#data data
#expiresOn expiresOn
#guid guid
#purgeAt purgeAt
#session session
#ttl ttl
:expiresOn N 1795348800003
:guid S "0123456789abcdefghijklmnop/9999999999"
:newest S "0123456789abcdefghijklmnop/9999999998"
:oldest S "0123456789abcdefghijklmnop/0000000000"
:purgeAt N 1795953600
:ttl N 2`,
		},
		"bind": {
			func() *dynamodb.UpdateItemInput { return s.bindInput(grant, 5, "_session/"+sid) },
			`table locks
key a
update SET #guid = :guid, #expiresOn = :expiresOn, #session = :session REMOVE #purgeAt
if #guid BETWEEN :oldest AND :newest
#expiresOn expiresOn
#guid guid
#purgeAt purgeAt
#session session
:expiresOn N 253402300799999
:guid S "0123456789abcdefghijklmnop/0000000005"
:newest S "0123456789abcdefghijklmnop/0000000004"
:oldest S "0123456789abcdefghijklmnop/0000000000"
:session S "_session/s0000000000000000000000000"`,
		},
		"kill a session": {
			func() *dynamodb.UpdateItemInput {
				return s.killInput("_session/"+sid, revision(sid, 3), st)
			},
			`table locks
key _session/s0000000000000000000000000
update SET #guid = :guid, #expiresOn = :expiresOn, #purgeAt = :purgeAt REMOVE #ttl, #owner, #acquired
if #guid = :seen
#acquired acquired
#expiresOn expiresOn
#guid guid
#owner owner
#purgeAt purgeAt
#ttl ttl
:expiresOn N 0
:guid S "s0000000000000000000000000/9999999999"
:purgeAt N 1795953600
:seen S "s0000000000000000000000000/0000000003"`,
		},
		"kill a session that is not there": {
			func() *dynamodb.UpdateItemInput { return s.killInput("_session/"+sid, "", st) },
			`table locks
key _session/s0000000000000000000000000
update SET #guid = :guid, #expiresOn = :expiresOn, #purgeAt = :purgeAt, #token = :token REMOVE #ttl, #owner, #acquired
if attribute_not_exists(#guid)
#acquired acquired
#expiresOn expiresOn
#guid guid
#owner owner
#purgeAt purgeAt
#token token
#ttl ttl
:expiresOn N 0
:guid S "s0000000000000000000000000/9999999999"
:purgeAt N 1795953600
:token N 9007199254740990`,
		},
		"mark": {
			func() *dynamodb.UpdateItemInput { return s.markInput("a", id) },
			`table locks
key a
update SET #wanted = :wanted
if #guid BETWEEN :oldest AND :newest
#guid guid
#wanted wanted
:newest S "0123456789abcdefghijklmnop/9999999998"
:oldest S "0123456789abcdefghijklmnop/0000000000"
:wanted BOOL true`,
		},
	} {
		in := tt.in()
		if got := inWords(in); got != tt.want {
			t.Errorf("%s is\n%s\n\nwant\n%s", name, got, tt.want)
		}
		if in.ReturnValues != types.ReturnValueAllNew || in.ReturnValuesOnConditionCheckFailure != types.ReturnValuesOnConditionCheckFailureAllOld {
			t.Errorf("%s returns %s, and %s on failure, want the new item, or the old one", name, in.ReturnValues, in.ReturnValuesOnConditionCheckFailure)
		}
	}
}

// TestExpires shows the stamp of a lease.
func TestExpires(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		st   stamps
		ttl  time.Duration
		want int64
	}{
		{stamps{hi: epoch, ruleB: true}, time.Second, epoch.UnixMilli() + 1001},
		{stamps{hi: epoch.Add(999 * time.Microsecond), ruleB: true}, time.Second + 1, epoch.UnixMilli() + 1002},
		{stamps{hi: epoch}, time.Second, farFuture},
		{stamps{}, time.Second, farFuture},
	} {
		if got := tt.st.expires(tt.ttl); got != tt.want {
			t.Errorf("expires(%v) of %v = %d, want %d", tt.ttl, tt.st, got, tt.want)
		}
		if end := tt.st.hi.Add(tt.ttl); time.UnixMilli(tt.want).Before(end) {
			t.Errorf("expires(%v) of %v is before the lease's end %v", tt.ttl, tt.st, end)
		}
	}
}
