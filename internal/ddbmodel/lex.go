package ddbmodel

import "strings"

// kind is what a piece of an expression is.
type kind int

const (
	end    kind = iota
	word        // keyword or function
	name        // #name
	value       // :value
	symbol      // ( ) , = <> < <= > >= + -
)

// piece is a word or symbol of an expression.
type piece struct {
	kind kind
	text string
}

// is reports whether the piece is this symbol, or this keyword in any case.
func (p piece) is(text string) bool {
	switch p.kind {
	case word:
		return strings.EqualFold(p.text, text)
	case symbol:
		return p.text == text
	}
	return false
}

// lex cuts an expression into pieces.
func lex(text string) ([]piece, error) {
	var pieces []piece
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '#' || c == ':' || letter(c):
			j := i + 1
			for j < len(text) && (letter(text[j]) || '0' <= text[j] && text[j] <= '9') {
				j++
			}
			p := piece{word, text[i:j]}
			switch {
			case c == '#':
				p.kind = name
			case c == ':':
				p.kind = value
			}
			if p.kind != word && j == i+1 {
				return nil, invalid("Invalid expression: Syntax error; token: %q", p.text)
			}
			pieces, i = append(pieces, p), j
		default:
			s := symbolAt(text[i:])
			if s == "" {
				return nil, &UnmodelledError{"the character " + string(c) + " in expression " + text}
			}
			pieces, i = append(pieces, piece{symbol, s}), i+len(s)
		}
	}
	return pieces, nil
}

func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// symbolAt returns the symbol that text begins with.
func symbolAt(text string) string {
	if len(text) >= 2 {
		switch text[:2] {
		case "<>", "<=", ">=":
			return text[:2]
		}
	}
	if strings.ContainsRune("(),=<>+-", rune(text[0])) {
		return text[:1]
	}
	return ""
}
