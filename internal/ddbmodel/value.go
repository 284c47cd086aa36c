package ddbmodel

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is an item's attributes by name. The items of a [Store] are never changed:
// a write puts a new one in the place of the old.
type Item = map[string]types.AttributeValue

// typeOf returns the type of a value as DynamoDB names it.
func typeOf(v types.AttributeValue) string {
	switch v.(type) {
	case *types.AttributeValueMemberS:
		return "S"
	case *types.AttributeValueMemberN:
		return "N"
	case *types.AttributeValueMemberB:
		return "B"
	case *types.AttributeValueMemberBOOL:
		return "BOOL"
	case *types.AttributeValueMemberNULL:
		return "NULL"
	case *types.AttributeValueMemberSS:
		return "SS"
	case *types.AttributeValueMemberNS:
		return "NS"
	case *types.AttributeValueMemberBS:
		return "BS"
	case *types.AttributeValueMemberL:
		return "L"
	case *types.AttributeValueMemberM:
		return "M"
	}
	return "none"
}

// ordered reports whether values of v's type can be compared by less and greater.
func ordered(v types.AttributeValue) bool {
	switch typeOf(v) {
	case "S", "N", "B":
		return true
	}
	return false
}

// normal checks a value that a request brings, and returns it as it is stored:
// numbers in their normal form.
func normal(v types.AttributeValue) (types.AttributeValue, error) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS, *types.AttributeValueMemberB, *types.AttributeValueMemberBOOL:
		return v, nil
	case *types.AttributeValueMemberN:
		n, reason := parseNumber(v.Value)
		if reason != "" {
			return nil, invalid("%s", reason)
		}
		if text := n.String(); text != v.Value {
			return &types.AttributeValueMemberN{Value: text}, nil
		}
		return v, nil
	case *types.AttributeValueMemberNULL:
		if !v.Value {
			return nil, invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
		return v, nil
	case *types.AttributeValueMemberL:
		list := make([]types.AttributeValue, len(v.Value))
		for i, element := range v.Value {
			var err error
			if list[i], err = normal(element); err != nil {
				return nil, err
			}
		}
		return &types.AttributeValueMemberL{Value: list}, nil
	case *types.AttributeValueMemberM:
		m, err := normalItem(v.Value)
		return &types.AttributeValueMemberM{Value: m}, err
	}
	return nil, &UnmodelledError{"values of type " + typeOf(v)}
}

func normalItem(item Item) (Item, error) {
	out := make(Item, len(item))
	for name, v := range item {
		var err error
		if out[name], err = normal(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// equal reports whether two values are of one type and the same. Both are normal.
func equal(a, b types.AttributeValue) bool {
	if typeOf(a) != typeOf(b) {
		return false
	}
	switch a := a.(type) {
	case *types.AttributeValueMemberBOOL:
		return a.Value == b.(*types.AttributeValueMemberBOOL).Value
	case *types.AttributeValueMemberNULL:
		return true
	case *types.AttributeValueMemberL:
		return slices.EqualFunc(a.Value, b.(*types.AttributeValueMemberL).Value, equal)
	case *types.AttributeValueMemberM:
		return maps.EqualFunc(a.Value, b.(*types.AttributeValueMemberM).Value, equal)
	}
	c, ok := compare(a, b)
	return ok && c == 0
}

// compare compares two values of one type: numbers by value, strings and binary
// by bytes. ok is false where there is no order between them.
func compare(a, b types.AttributeValue) (c int, ok bool) {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		if b, ok := b.(*types.AttributeValueMemberS); ok {
			return strings.Compare(a.Value, b.Value), true
		}
	case *types.AttributeValueMemberN:
		if b, ok := b.(*types.AttributeValueMemberN); ok {
			x, reasonX := parseNumber(a.Value)
			y, reasonY := parseNumber(b.Value)
			return x.compare(y), reasonX == "" && reasonY == ""
		}
	case *types.AttributeValueMemberB:
		if b, ok := b.(*types.AttributeValueMemberB); ok {
			return bytes.Compare(a.Value, b.Value), true
		}
	}
	return 0, false
}

// size returns the size of an item as DynamoDB counts it, as far as it matters
// here: names and values by their bytes.
func size(item Item) int {
	n := 0
	for name, v := range item {
		n += len(name) + sizeOf(v)
	}
	return n
}

func sizeOf(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)/2 + 2
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberL:
		n := 3
		for _, element := range v.Value {
			n += 1 + sizeOf(element)
		}
		return n
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + size(v.Value)
	}
	return 1
}
