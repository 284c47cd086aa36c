package dynamo

import (
	"strings"
	"testing"

	"example.com/holdfast/locker"
)

// TestBreakExpressions is both writes of a break, to the letter; see
// TestExpressions.
func TestBreakExpressions(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdefghijklmnop"
	s := &store{table: "locks"}
	info := locker.Info{Name: "a", AcquisitionID: id, Revision: revision(id, 4)}
	for freeNow, want := range map[bool]string{
		false: `table locks
key a
update SET #guid = :guid
if (#guid = :id OR #guid BETWEEN :oldest AND :newest) AND #expiresOn > :zero AND attribute_not_exists(#session)
#expiresOn expiresOn
#guid guid
#session session
:guid S "brokenGUID/0000000000"
:id S "0123456789abcdefghijklmnop"
:newest S "0123456789abcdefghijklmnop/9999999998"
:oldest S "0123456789abcdefghijklmnop/0000000001"
:zero N 0`,
		true: `table locks
key a
update SET #guid = :guid, #expiresOn = :expiresOn REMOVE #session, #ttl, #owner, #acquired, #data, #wanted
if (#guid = :id OR #guid = :broken OR #guid BETWEEN :oldest AND :newest) AND #expiresOn > :zero AND attribute_not_exists(#session)
#acquired acquired
#data data
#expiresOn expiresOn
#guid guid
#owner owner
#session session
#ttl ttl
#wanted wanted
:broken S "brokenGUID/0000000000"
:expiresOn N 0
:guid S "brokenGUID/9999999999"
:id S "0123456789abcdefghijklmnop"
:newest S "0123456789abcdefghijklmnop/9999999999"
:oldest S "0123456789abcdefghijklmnop/0000000000"
:zero N 0`,
	} {
		in := s.breakInput(info, freeNow, "")
		if got := strings.ReplaceAll(inWords(in), locker.BrokenID(id), "brokenGUID"); got != want {
			t.Errorf("a break, freeing now: %v, is\n%s\n\nwant\n%s", freeNow, got, want)
		}
		bound := s.breakInput(info, freeNow, "_session/s")
		want := strings.Replace(*in.ConditionExpression, "attribute_not_exists(#session)", "#session = :session", 1)
		if got := *bound.ConditionExpression; got != want || *bound.UpdateExpression != *in.UpdateExpression {
			t.Errorf("a break of a bound item is %q if %q, want %q", *bound.UpdateExpression, got, want)
		}
	}
}
