package ddbmodel

import (
	"slices"
	"strings"
)

// parser reads the pieces of one expression from left to right.
type parser struct {
	text   string
	pieces []piece
	at     int

	names, values []string // that were met, each once
}

// parsed is an expression that was understood. It does not depend on the request
// that it came with, so that a [Store] keeps it for the next one.
type parsed struct {
	condition     condition // nil for an update expression
	update        update
	names, values []string
}

// parseCondition reads a condition expression.
func parseCondition(text string) (*parsed, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.next().kind != end {
		return nil, p.unexpected()
	}
	return &parsed{condition: c, names: p.names, values: p.values}, nil
}

// parseUpdate reads an update expression: a SET list, a REMOVE list or both.
func parseUpdate(text string) (*parsed, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	var u update
	seen := make(map[string]bool)
	for p.peek().kind != end {
		section := p.next()
		key := strings.ToUpper(section.text)
		switch {
		case section.kind == word && seen[key]:
			return nil, invalid("Invalid UpdateExpression: The %q section can only be used once in an update expression;", key)
		case section.is("SET"):
			err = p.list(func() error {
				a, err := p.assignment()
				u.set = append(u.set, a)
				return err
			})
		case section.is("REMOVE"):
			err = p.list(func() error {
				path, err := p.path()
				u.remove = append(u.remove, path)
				return err
			})
		case section.is("ADD"), section.is("DELETE"):
			return nil, &UnmodelledError{"section " + key + " of an update expression"}
		default:
			return nil, p.unexpected()
		}
		if err != nil {
			return nil, err
		}
		seen[key] = true
	}
	if len(seen) == 0 {
		return nil, invalid("Invalid UpdateExpression: The expression can not be empty;")
	}
	return &parsed{update: u, names: p.names, values: p.values}, nil
}

func newParser(text string) (*parser, error) {
	pieces, err := lex(text)
	if err == nil && len(pieces) == 0 {
		err = invalid("Invalid expression: The expression can not be empty;")
	}
	return &parser{text: text, pieces: pieces}, err
}

// list reads elements with commas between them.
func (p *parser) list(element func() error) error {
	for {
		if err := element(); err != nil {
			return err
		}
		if !p.peek().is(",") {
			return nil
		}
		p.next()
	}
}

// or, and, not and primary read conditions, from the weakest binding on.
func (p *parser) or() (condition, error) {
	a, err := p.and()
	for err == nil && p.peek().is("OR") {
		p.next()
		var b condition
		if b, err = p.and(); err == nil {
			a = either{a, b}
		}
	}
	return a, err
}

func (p *parser) and() (condition, error) {
	a, err := p.not()
	for err == nil && p.peek().is("AND") {
		p.next()
		var b condition
		if b, err = p.not(); err == nil {
			a = both{a, b}
		}
	}
	return a, err
}

func (p *parser) not() (condition, error) {
	if !p.peek().is("NOT") {
		return p.primary()
	}
	p.next()
	c, err := p.not()
	return negation{c}, err
}

func (p *parser) primary() (condition, error) {
	switch first := p.peek(); {
	case first.is("("):
		return p.group()
	case first.is("attribute_exists"), first.is("attribute_not_exists"):
		return p.existence()
	case first.is("begins_with"):
		return p.beginning()
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	switch op := p.next(); {
	case op.is("BETWEEN"):
		low, err := p.operand()
		if err != nil {
			return nil, err
		}
		if !p.next().is("AND") {
			return nil, p.unexpected()
		}
		high, err := p.operand()
		return between{a, low, high}, err
	case op.kind == symbol && slices.Contains(comparators, op.text):
		b, err := p.operand()
		return comparison{op.text, a, b}, err
	case op.is("IN"):
		return nil, &UnmodelledError{"IN in expression " + p.text}
	}
	return nil, p.unexpected()
}

var comparators = []string{"=", "<>", "<", "<=", ">", ">="}

// group reads a condition in parentheses. DynamoDB refuses a second pair around
// the first.
func (p *parser) group() (condition, error) {
	open := p.at
	p.next()
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.next().is(")") {
		return nil, p.unexpected()
	}
	if inner := p.pieces[open+1]; inner.is("(") && p.closes(open+1) == p.at-2 {
		return nil, invalid("Invalid expression: The expression has redundant parentheses;")
	}
	return c, nil
}

// closes returns where the pair of parentheses that opens at i closes.
func (p *parser) closes(i int) int {
	depth := 0
	for ; i < len(p.pieces); i++ {
		switch {
		case p.pieces[i].is("("):
			depth++
		case p.pieces[i].is(")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (p *parser) existence() (condition, error) {
	function := p.next()
	if !p.next().is("(") {
		return nil, p.unexpected()
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if !p.next().is(")") {
		return nil, p.unexpected()
	}
	return existence{path, function.is("attribute_exists")}, nil
}

// path reads an attribute's name. Only #names of whole attributes are modelled,
// since the others are subject to a long list of reserved words.
func (p *parser) path() (string, error) {
	t := p.next()
	switch t.kind {
	case name:
		p.names = add(p.names, t.text)
		return t.text, nil
	case word:
		return "", &UnmodelledError{"the bare word " + t.text + " in expression " + p.text}
	}
	return "", p.unexpected()
}

func (p *parser) operand() (operand, error) {
	if p.peek().kind != value {
		path, err := p.path()
		return operand(path), err
	}
	t := p.next()
	p.values = add(p.values, t.text)
	return operand(t.text), nil
}

func (p *parser) peek() piece {
	if p.at >= len(p.pieces) {
		return piece{}
	}
	return p.pieces[p.at]
}

func (p *parser) next() piece {
	t := p.peek()
	p.at++
	return t
}

// unexpected is the error for the piece that was read last.
func (p *parser) unexpected() error {
	return invalid("Invalid expression: Syntax error; piece %d of: %s", p.at, p.text)
}

func add(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
