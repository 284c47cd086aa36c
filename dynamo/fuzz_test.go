package dynamo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// attribute makes an attribute of one of the types that DynamoDB has, or none.
func attribute(kind uint64, s string) types.AttributeValue {
	switch kind % 12 {
	case 1:
		return &types.AttributeValueMemberN{Value: s}
	case 2:
		return &types.AttributeValueMemberS{Value: s}
	case 3:
		return &types.AttributeValueMemberB{Value: []byte(s)}
	case 4:
		return &types.AttributeValueMemberNULL{Value: true}
	case 5:
		return &types.AttributeValueMemberBOOL{Value: s != ""}
	case 6:
		return &types.AttributeValueMemberL{Value: []types.AttributeValue{text(s), number(s)}}
	case 7:
		return &types.AttributeValueMemberM{Value: attributes{s: text(s)}}
	case 8:
		return &types.AttributeValueMemberSS{Value: []string{s}}
	case 9:
		return &types.AttributeValueMemberNS{Value: []string{s, "1"}}
	case 10:
		return &types.AttributeValueMemberBS{Value: [][]byte{[]byte(s)}}
	case 11:
		return &types.AttributeValueMemberN{} // what is left out of an answer
	}
	return nil
}

// soundKinds are the types that the attributes have in an item that this package
// wrote: four bits each, guid's first.
const soundKinds = 0x2_3_1_2_1_1_1_2

// FuzzItem reads items that anybody may have written: an *ItemError, or an account
// of the lock that nobody can take for a reason to take it over too early.
func FuzzItem(f *testing.F) {
	const now = int64(1_790_000_000_000) // ms
	stamp := locker.Token(now).String()
	for _, s := range []struct {
		kinds                 uint64
		expiresOn, token, ttl string
	}{
		{soundKinds, stamp, "1790000000000001", "3600000"},
		{soundKinds, "0", "7", "1"},
		{soundKinds, "253402300799999", "9007199254740991", "86400001"},
		{soundKinds, "9223372036854775807", "9007199254740990", "9223372036854775807"},
		{soundKinds, "9223372036854775808", "-1", "0"},
		{soundKinds, "1" + strings.Repeat("0", 38), "1E-130", "1.5"},
		{soundKinds, "-1", strings.Repeat("9", 38), "NaN"},
		{0x0_0_0_0_0_1_1_2, stamp, "1", ""}, // neither TTL nor owner
		{0x0_0_0_0_0_0_1_2, stamp, "", ""},  // of the Node package
		{0x2_0_0_0_1_1_1_2, stamp, "1", "1000"},
		{0x4_4_4_4_4_4_4_4, "", "", ""},
		{0, "", "", ""},
	} {
		f.Add(s.kinds, "0123456789abcdefghijklmnop/0000000007", s.expiresOn, s.token, s.ttl, "B", "1790000000000", "x", "_session/a", now, int64(1200), int64(1000))
	}
	f.Fuzz(func(t *testing.T, kinds uint64, guid, expiresOn, token, ttl, owner, acquired, data, session string, now, width, margin int64) {
		attrs := attributes{"name": text("another")}
		for i, v := range []struct{ name, value string }{
			{"guid", guid},
			{"expiresOn", expiresOn},
			{"token", token},
			{"ttl", ttl},
			{"owner", owner},
			{"acquired", acquired},
			{"data", data},
			{"session", session},
		} {
			if a := attribute(kinds>>(4*i)&0xf, v.value); a != nil {
				attrs[v.name] = a
			}
		}
		it, err := decode("n", attrs)
		var bad *ItemError
		if err != nil {
			if !errors.As(err, &bad) || bad.Name != "n" || bad.Reason == "" || err.Error() == "" {
				t.Errorf("decode(%v) = %v, want an *ItemError about %q", attrs, err, "n")
			}
			return
		}
		lo := time.UnixMilli(now % farFuture)
		times := span{lo, lo.Add(time.Duration(width%10_000) * time.Millisecond).Add(10 * time.Second)}
		wait := time.Duration(margin%3_600_000) * time.Millisecond
		for _, known := range []bool{true, false} {
			wantSane(t, it, it.info(times, known, wait), times, known, wait)
		}
	})
}

// wantSane checks what is told of an item that could be read.
func wantSane(t *testing.T, it item, info locker.Info, times span, known bool, margin time.Duration) {
	t.Helper()
	if info.Name != "n" || info.Token < 0 || info.Token >= maxToken || info.TTL < 0 || info.TTL > locker.MaxTTL || info.Remaining < 0 || info.Doubt < 0 {
		t.Errorf("info of %+v = %+v, out of all limits", it, info)
	}
	if info.TTL > 0 && info.Remaining > info.TTL {
		t.Errorf("info of %+v tells of %v remaining, above its TTL of %v", it, info.Remaining, info.TTL)
	}
	switch info.State {
	case locker.StateFree:
		if it.ExpiresOn != nil && *it.ExpiresOn != 0 {
			t.Errorf("%+v is free, want it held until %d", it, *it.ExpiresOn)
		}
	case locker.StateDead:
		if !known || margin < 0 || it.Session != "" || !time.UnixMilli(*it.ExpiresOn).Add(margin).Before(times.lo) {
			t.Errorf("%+v is dead between %v and %v, known %v, margin %v", it, times.lo, times.hi, known, margin)
		}
	case locker.StateHeld:
		if info.Revision == "" || info.Revision != it.GUID {
			t.Errorf("%+v is held with revision %q, want its guid", it, info.Revision)
		}
	default:
		t.Errorf("%+v has state %v", it, info.State)
	}
	if info.State != locker.StateHeld && (info.Remaining != 0 || info.Doubt != 0) {
		t.Errorf("%+v is %v with %v remaining and %v in doubt, want 0", it, info.State, info.Remaining, info.Doubt)
	}
}

// FuzzSequence reads revisions: those that [revision] writes for the acquisition,
// and no others.
func FuzzSequence(f *testing.F) {
	const id = "0123456789abcdefghijklmnop"
	for _, guid := range []string{
		"", id, id + "/", id + "/0000000001", id + "/9999999999", id + "/9999999998", id + "/0000000000", id + "/-000000001", id + "/+000000001",
		id + "/00000000001", id + "/ 00000001", id + "/0x00000001", id + "/0_00000001", id + "//000000001", "/0000000001", "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
	} {
		f.Add(guid, id, int64(len(guid)))
	}
	f.Add("/0000000001", "", int64(-1))
	f.Add("a/b/0000000001", "a", int64(deadSequence))
	f.Fuzz(func(t *testing.T, guid, id string, n int64) {
		got, mine := sequence(guid, id)
		switch {
		case mine && (got < firstSequence || got >= deadSequence || revision(id, got) != guid):
			t.Errorf("sequence(%q, %q) = %d, true, which is written %q", guid, id, got, revision(id, got))
		case !mine && got >= firstSequence && got < deadSequence && revision(id, got) == guid:
			t.Errorf("sequence(%q, %q) = %d, false, want true", guid, id, got)
		}
		got, mine = sequence(revision(id, n), id)
		if want := n >= firstSequence && n < deadSequence; mine != want || mine && got != n {
			t.Errorf("sequence(%q, %q) = %d, %v, want %d, %v", revision(id, n), id, got, mine, n, want)
		}
	})
}
