package ddbmodel

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// update is an update expression: assignments, then attributes to remove.
type update struct {
	set    []assignment
	remove []string
}

// assignment sets an attribute to a, to a+b or to a-b.
type assignment struct {
	path string
	a, b term
	op   string // "", "+" or "-"
}

// term is an operand or, with a path, if_not_exists(path, operand).
type term struct {
	path string
	operand
}

func (p *parser) assignment() (a assignment, err error) {
	if a.path, err = p.path(); err != nil {
		return a, err
	}
	if !p.next().is("=") {
		return a, p.unexpected()
	}
	if a.a, err = p.term(); err != nil {
		return a, err
	}
	if op := p.peek(); op.is("+") || op.is("-") {
		a.op = p.next().text
		a.b, err = p.term()
	}
	return a, err
}

func (p *parser) term() (t term, err error) {
	if !p.peek().is("if_not_exists") {
		t.operand, err = p.operand()
		return t, err
	}
	p.next()
	if !p.next().is("(") {
		return t, p.unexpected()
	}
	if t.path, err = p.path(); err != nil {
		return t, err
	}
	if !p.next().is(",") {
		return t, p.unexpected()
	}
	if t.operand, err = p.operand(); err != nil {
		return t, err
	}
	if !p.next().is(")") {
		return t, p.unexpected()
	}
	return t, nil
}

// check finds what DynamoDB refuses before it looks at the item: one attribute
// twice, and sums of what can't be added.
func (u update) check(s scope) error {
	seen := make(map[string]bool, len(u.set)+len(u.remove))
	target := func(path string) error {
		attr := s.names[path]
		if seen[attr] {
			return invalid("Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%s]", attr, attr)
		}
		seen[attr] = true
		return nil
	}
	for _, a := range u.set {
		if err := target(a.path); err != nil {
			return err
		}
		for _, t := range []term{a.a, a.b} {
			if v := s.values[string(t.operand)]; a.op != "" && t.isValue() && typeOf(v) != "N" {
				return invalid("Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: %s, operand type: %s", a.op, typeOf(v))
			}
		}
	}
	for _, path := range u.remove {
		if err := target(path); err != nil {
			return err
		}
	}
	return nil
}

// touches returns the names of all attributes that the update sets or removes.
func (u update) touches(s scope) []string {
	attrs := make([]string, 0, len(u.set)+len(u.remove))
	for _, a := range u.set {
		attrs = append(attrs, s.names[a.path])
	}
	for _, path := range u.remove {
		attrs = append(attrs, s.names[path])
	}
	return attrs
}

// apply returns the item that the update makes of old, which stays as it is.
// Every operand is read from old. The key can't be changed.
func (u update) apply(s scope, old Item, key string) (Item, error) {
	if slices.Contains(u.touches(s), key) {
		return nil, invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", key)
	}
	item := maps.Clone(old)
	for _, a := range u.set {
		v, err := a.value(s, old)
		if err != nil {
			return nil, err
		}
		item[s.names[a.path]] = v
	}
	for _, path := range u.remove {
		delete(item, s.names[path])
	}
	return item, nil
}

func (a assignment) value(s scope, old Item) (types.AttributeValue, error) {
	x, err := a.a.value(s, old)
	if err != nil || a.op == "" {
		return x, err
	}
	y, err := a.b.value(s, old)
	if err != nil {
		return nil, err
	}
	m, ok1 := x.(*types.AttributeValueMemberN)
	n, ok2 := y.(*types.AttributeValueMemberN)
	if !ok1 || !ok2 {
		return nil, invalid("An operand in the update expression has an incorrect data type")
	}
	left, _ := parseNumber(m.Value)
	right, _ := parseNumber(n.Value)
	sum, reason := left.add(right, a.op == "-")
	if reason != "" {
		return nil, invalid("%s", reason)
	}
	return &types.AttributeValueMemberN{Value: sum.String()}, nil
}

func (t term) value(s scope, old Item) (types.AttributeValue, error) {
	if t.path != "" {
		if v := old[s.names[t.path]]; v != nil {
			return v, nil
		}
	}
	if v := t.in(s, old); v != nil {
		return v, nil
	}
	return nil, invalid("The provided expression refers to an attribute that does not exist in the item")
}
