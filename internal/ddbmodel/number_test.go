package ddbmodel

import (
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "007": "7", "+1": "1", "-12.50": "-12.5", "1e3": "1000", "1.5E-3": "0.0015", ".5": "0.5", "5.": "5",
		"9.9999999999999999999999999999999999999E125": "99999999999999999999999999999999999999" + strings.Repeat("0", 88),
		"1e-130": "0." + strings.Repeat("0", 129) + "1",
	} {
		n, reason := parseNumber(text)
		if n.String() != want || reason != "" {
			t.Errorf("parseNumber(%q) = %v, %q, want %v", text, n, reason, want)
		}
	}
	for _, text := range []string{
		"", "-", ".", "x", "1x", "1 ", "1e", "1e1.5", "--1", "0x1", "NaN", "Infinity",
		"1e126", "1e-131", "123456789012345678901234567890123456789",
	} {
		if n, reason := parseNumber(text); reason == "" {
			t.Errorf("parseNumber(%q) = %v, want a reason why not", text, n)
		}
	}
}

// TestNumberArithmetic compares with math/big.
func TestNumberArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func() (number, *big.Rat) {
		text := strconv.FormatInt(r.Int64N(2000)-1000, 10) + "e" + strconv.Itoa(r.IntN(12)-6)
		n, reason := parseNumber(text)
		if reason != "" {
			t.Fatalf("parseNumber(%q): %s", text, reason)
		}
		rat, _ := new(big.Rat).SetString(text)
		return n, rat
	}
	for range 2000 {
		a, x := draw()
		b, y := draw()
		if got, want := a.compare(b), x.Cmp(y); got != want {
			t.Errorf("%v compared with %v = %d, want %d", a, b, got, want)
		}
		sum, reason := a.add(b, false)
		if back, _ := new(big.Rat).SetString(sum.String()); reason != "" || back.Cmp(new(big.Rat).Add(x, y)) != 0 {
			t.Errorf("%v + %v = %v, %q", a, b, sum, reason)
		}
		difference, reason := a.add(b, true)
		if back, _ := new(big.Rat).SetString(difference.String()); reason != "" || back.Cmp(new(big.Rat).Sub(x, y)) != 0 {
			t.Errorf("%v - %v = %v, %q", a, b, difference, reason)
		}
	}
}
