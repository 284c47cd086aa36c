package dynamo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// Attributes are encoded and decoded here, and not by the SDK's package for that,
// for two reasons: the decoder has to be as strict as the conditions are, to which a
// number is no string and null is not absent; and reflection made up a quarter of
// what an acquire cost the client beyond the SDK's own work (internal/bench, floor).

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func whole(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// decode reads an item that DynamoDB has returned; none at all is a free lock.
func decode(name string, attrs map[string]types.AttributeValue) (item, error) {
	it := item{Name: name}
	for attr, value := range attrs {
		if err := it.set(attr, value); err != nil {
			return item{}, &ItemError{Name: name, Reason: fmt.Sprintf("%s %v", attr, err), Cause: err}
		}
	}
	if reason := it.damage(attrs); reason != "" {
		return item{}, &ItemError{Name: name, Reason: reason}
	}
	return it, nil
}

// damage returns what is wrong with the item as a whole, or nothing.
func (it *item) damage(attrs map[string]types.AttributeValue) string {
	_, hasGUID := attrs["guid"]
	_, hasSession := attrs["session"]
	switch {
	case hasGUID && it.GUID == "":
		return "guid is empty"
	case it.GUID == "" && it.ExpiresOn != nil:
		return "it has expiresOn but no guid"
	case it.GUID != "" && it.ExpiresOn == nil:
		return "it has guid but no expiresOn"
	case it.ExpiresOn != nil && *it.ExpiresOn < 0:
		return fmt.Sprintf("expiresOn is %d, want at least 0", *it.ExpiresOn)
	case hasSession && !isSession(it.Session):
		return fmt.Sprintf("session is %q, which is no session's name", it.Session)
	case it.Token < 0 || locker.Token(it.Token) >= maxToken:
		return fmt.Sprintf("token is %d, want from 0 to below 2^53-1", it.Token)
	}
	return ""
}

// set takes one attribute over. Those that are not this package's are left alone.
func (it *item) set(attr string, value types.AttributeValue) error {
	switch attr {
	case "guid":
		return readText(value, &it.GUID)
	case "expiresOn":
		it.ExpiresOn = new(int64)
		return readWhole(value, it.ExpiresOn)
	case "token":
		return readWhole(value, &it.Token)
	case "ttl":
		return readWhole(value, &it.TTL)
	case "owner":
		return readText(value, &it.Owner)
	case "acquired":
		return readWhole(value, &it.Acquired)
	case "data":
		return readBytes(value, &it.Data)
	case "session":
		return readText(value, &it.Session)
	case "wanted":
		return readBool(value, &it.Wanted)
	}
	return nil
}

func readText(v types.AttributeValue, to *string) error {
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return wrongType(v, "S")
	}
	*to = s.Value
	return nil
}

func readWhole(v types.AttributeValue, to *int64) (err error) {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return wrongType(v, "N")
	}
	if *to, err = strconv.ParseInt(n.Value, 10, 64); err != nil {
		return fmt.Errorf("is no whole number of 64 bits: %w", err)
	}
	return nil
}

func readBytes(v types.AttributeValue, to *[]byte) error {
	b, ok := v.(*types.AttributeValueMemberB)
	if !ok {
		return wrongType(v, "B")
	}
	*to = b.Value
	return nil
}

func readBool(v types.AttributeValue, to *bool) error {
	b, ok := v.(*types.AttributeValueMemberBOOL)
	if !ok {
		return wrongType(v, "BOOL")
	}
	*to = b.Value
	return nil
}

// wrongType is the error for an attribute that has another type than its meaning asks
// for.
func wrongType(v types.AttributeValue, want string) error {
	return fmt.Errorf("has type %s, want %s", strings.TrimPrefix(fmt.Sprintf("%T", v), "*types.AttributeValueMember"), want)
}
