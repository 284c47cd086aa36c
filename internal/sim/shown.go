package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// shown is a request in the timeline.
type shown struct{ request any }

// String says what is asked for, and of a write what it writes and where.
func (s shown) String() string {
	switch in := s.request.(type) {
	case *dynamodb.GetItemInput:
		how := "read"
		if aws.ToBool(in.ConsistentRead) {
			how = "strong read"
		}
		return how + " of " + text(in.Key["name"])
	case *dynamodb.UpdateItemInput:
		var b strings.Builder
		fmt.Fprintf(&b, "write of %s:", text(in.Key["name"]))
		if in.ExpressionAttributeValues[":wanted"] != nil {
			b.WriteString(" wanted")
		}
		for _, attr := range []string{"guid", "first", "token", "expiresOn", "ttl", "session"} {
			if v := text(in.ExpressionAttributeValues[":"+attr]); v != "" {
				fmt.Fprintf(&b, " %s %s", attr, v)
			}
		}
		for _, v := range []string{":seen", ":oldest", ":newest"} {
			if v, at := text(in.ExpressionAttributeValues[v]), v[1:]; v != "" {
				fmt.Fprintf(&b, ", %s %s", at, v)
			}
		}
		return b.String()
	}
	return fmt.Sprintf("%T", s.request)
}

// troubles are what a request meets, in the timeline.
type troubles struct {
	f   *fate
	cut bool
}

// String names each trouble; it is empty for a request that meets none.
func (t troubles) String() string {
	var b strings.Builder
	say := func(is bool, what string) {
		if is {
			b.WriteString("; " + what)
		}
	}
	f := t.f
	say(t.cut, "cut off")
	say(f.lostRequest, "request lost")
	say(f.lostAnswer, "answer lost")
	say(f.errorBefore, "answered 500, not carried out")
	say(f.errorAfter, "answered 500, carried out")
	say(f.throttled, "throttled")
	say(f.conflicted, "conflict")
	say(f.reset, "connection reset")
	say(f.there > 100*time.Millisecond, fmt.Sprintf("takes %v to arrive", f.there))
	say(f.back > 100*time.Millisecond, fmt.Sprintf("answer takes %v", f.back))
	for _, d := range f.again {
		say(true, fmt.Sprintf("a copy %v later", d))
	}
	return b.String()
}
