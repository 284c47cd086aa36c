package ddbmodel

import (
	"math/big"
	"strconv"
	"strings"
)

// number is a DynamoDB number in normal form: 0.digits times ten to the power of
// exponent, without zeros at either end of digits. Zero has no digits.
//
// DynamoDB developer guide, "Naming rules and data types", Number: 38 digits,
// magnitudes from 1E-130 to 9.99…E+125.
type number struct {
	negative bool
	digits   string
	exponent int
}

const (
	maxDigits   = 38
	maxExponent = 126  // of 0.digits: 9.99…E+125
	minExponent = -129 // 1E-130
)

// parseNumber reads the text of a number. reason says why it can't be one.
func parseNumber(text string) (n number, reason string) {
	rest := text
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		n.negative = rest[0] == '-'
		rest = rest[1:]
	}
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		exponent, err := strconv.ParseInt(rest[i+1:], 10, 32)
		if err != nil {
			return number{}, "The parameter cannot be converted to a numeric value: " + text
		}
		n.exponent, rest = int(exponent), rest[:i]
	}
	whole, fraction, _ := strings.Cut(rest, ".")
	n.digits = whole + fraction
	if n.digits == "" || strings.Trim(n.digits, "0123456789") != "" {
		return number{}, "The parameter cannot be converted to a numeric value: " + text
	}
	n.exponent += len(whole)
	trimmed := strings.TrimLeft(n.digits, "0")
	n.exponent -= len(n.digits) - len(trimmed)
	n.digits = strings.TrimRight(trimmed, "0")
	switch {
	case n.digits == "":
		return number{}, ""
	case len(n.digits) > maxDigits:
		return number{}, "Attempting to store more than 38 significant digits in a Number"
	case n.exponent > maxExponent:
		return number{}, "Number overflow. Attempting to store a number with magnitude larger than supported range"
	case n.exponent < minExponent:
		return number{}, "Number underflow. Attempting to store a number with magnitude smaller than supported range"
	}
	return n, ""
}

// compare returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n number) compare(m number) int {
	if n.negative != m.negative {
		if n.negative {
			return -1
		}
		return 1
	}
	c := n.magnitude(m)
	if n.negative {
		return -c
	}
	return c
}

// magnitude compares without the signs. Digits have no zeros at the end, so a
// shorter one that begins a longer one is the lesser, as with strings.
func (n number) magnitude(m number) int {
	switch {
	case n.digits == "" || m.digits == "":
		return min(len(n.digits), 1) - min(len(m.digits), 1)
	case n.exponent < m.exponent:
		return -1
	case n.exponent > m.exponent:
		return 1
	}
	return strings.Compare(n.digits, m.digits)
}

// String returns the number as DynamoDB returns it: without an exponent.
func (n number) String() string {
	sign := ""
	if n.negative {
		sign = "-"
	}
	switch point := n.exponent; {
	case n.digits == "":
		return "0"
	case point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + n.digits
	case point >= len(n.digits):
		return sign + n.digits + strings.Repeat("0", point-len(n.digits))
	default:
		return sign + n.digits[:point] + "." + n.digits[point:]
	}
}

// add returns the sum of n and m, or their difference.
func (n number) add(m number, subtract bool) (number, string) {
	lowest := min(n.exponent-len(n.digits), m.exponent-len(m.digits))
	a, b := n.integer(lowest), m.integer(lowest)
	if subtract {
		b.Neg(b)
	}
	return parseNumber(a.Add(a, b).String() + "E" + strconv.Itoa(lowest))
}

// integer returns n divided by ten to the power of lowest.
func (n number) integer(lowest int) *big.Int {
	if n.digits == "" {
		return new(big.Int)
	}
	i, _ := new(big.Int).SetString(n.digits+strings.Repeat("0", n.exponent-len(n.digits)-lowest), 10)
	if n.negative {
		i.Neg(i)
	}
	return i
}
