package ddbmodel

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// scope is what the names and values of an expression stand for, in one request.
type scope struct {
	names  map[string]string
	values Item // by placeholder; normal
}

// operand is a placeholder: #name or :value.
type operand string

func (o operand) isValue() bool { return strings.HasPrefix(string(o), ":") }

// in returns what the operand stands for; nil for an attribute that the item
// lacks.
func (o operand) in(s scope, item Item) types.AttributeValue {
	if o.isValue() {
		return s.values[string(o)]
	}
	return item[s.names[string(o)]]
}

// condition is a node of a condition expression.
type condition interface {
	// check finds what DynamoDB refuses before it looks at any item.
	check(s scope) error
	// holds evaluates the node on an item; of one that doesn't exist, on no
	// attributes.
	holds(s scope, item Item) bool
}

type either struct{ a, b condition }

func (c either) check(s scope) error           { return checkBoth(c.a, c.b, s) }
func (c either) holds(s scope, item Item) bool { return c.a.holds(s, item) || c.b.holds(s, item) }

type both struct{ a, b condition }

func (c both) check(s scope) error           { return checkBoth(c.a, c.b, s) }
func (c both) holds(s scope, item Item) bool { return c.a.holds(s, item) && c.b.holds(s, item) }

func checkBoth(a, b condition, s scope) error {
	if err := a.check(s); err != nil {
		return err
	}
	return b.check(s)
}

type negation struct{ c condition }

func (c negation) check(s scope) error           { return c.c.check(s) }
func (c negation) holds(s scope, item Item) bool { return !c.c.holds(s, item) }

// existence is attribute_exists or attribute_not_exists.
type existence struct {
	path   string
	exists bool
}

func (c existence) check(scope) error { return nil }

func (c existence) holds(s scope, item Item) bool {
	return (item[s.names[c.path]] != nil) == c.exists
}

// comparison is false when either side is missing, or the types differ; only <>
// is then true.
type comparison struct {
	op   string
	a, b operand
}

func (c comparison) check(s scope) error {
	if same(c.a, c.b, s) {
		return invalid("Invalid expression: The first operand must be distinct from the remaining operands for this operator or function; operator: %s", c.op)
	}
	if c.op == "=" || c.op == "<>" {
		return nil
	}
	return checkOrdered(s, c.op, c.a, c.b)
}

func (c comparison) holds(s scope, item Item) bool {
	a, b := c.a.in(s, item), c.b.in(s, item)
	if a == nil || b == nil {
		return c.op == "<>"
	}
	switch c.op {
	case "=":
		return equal(a, b)
	case "<>":
		return !equal(a, b)
	}
	r, ok := compare(a, b)
	if !ok {
		return false
	}
	switch c.op {
	case "<":
		return r < 0
	case "<=":
		return r <= 0
	case ">":
		return r > 0
	default: // ">="; the parser admits no other
		return r >= 0
	}
}

// between includes both bounds.
type between struct{ v, low, high operand }

func (c between) check(s scope) error {
	if err := checkOrdered(s, "BETWEEN", c.v, c.low, c.high); err != nil {
		return err
	}
	if same(c.v, c.low, s) || same(c.v, c.high, s) {
		return invalid("Invalid expression: The first operand must be distinct from the remaining operands for this operator or function; operator: BETWEEN")
	}
	if !c.low.isValue() || !c.high.isValue() {
		return nil
	}
	low, high := s.values[string(c.low)], s.values[string(c.high)]
	if typeOf(low) != typeOf(high) {
		return invalid("Invalid expression: The BETWEEN operator requires same data type for lower and upper bounds")
	}
	if r, ok := compare(low, high); ok && r > 0 {
		return invalid("Invalid expression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
	}
	return nil
}

func (c between) holds(s scope, item Item) bool {
	return comparison{">=", c.v, c.low}.holds(s, item) && comparison{"<=", c.v, c.high}.holds(s, item)
}

// same reports whether two operands are one attribute, or one value.
func same(a, b operand, s scope) bool {
	if a.isValue() || b.isValue() {
		return a == b
	}
	return s.names[string(a)] == s.names[string(b)]
}

// checkOrdered refuses values of types that have no order.
func checkOrdered(s scope, op string, operands ...operand) error {
	for _, o := range operands {
		if v := s.values[string(o)]; o.isValue() && !ordered(v) {
			return invalid("Invalid expression: Incorrect operand type for operator or function; operator: %s, operand type: %s", op, typeOf(v))
		}
	}
	return nil
}
