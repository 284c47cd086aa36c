package locker

import "strconv"

// Token is a fencing token: of two leases on one name the later has the higher
// token, whoever holds them. A resource that remembers the highest token it
// has seen, and refuses lower ones, is safe from a holder that was paused past
// the end of its lease: see [Fence].
//
// Tokens of different names can't be compared. The zero Token belongs to no
// lease. Tokens are below 2^53, so that they survive being a JSON number.
type Token int64

// String returns the token in decimal, as [ParseToken] reads it.
func (t Token) String() string { return strconv.FormatInt(int64(t), 10) }

// ParseToken reads what [Token.String] wrote. Anything else, and a token that
// is not positive, is an [*InvalidError].
func ParseToken(s string) (Token, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || Token(n).String() != s {
		return 0, &InvalidError{What: "token", Value: strconv.Quote(s), Want: "a positive decimal number"}
	}
	return Token(n), nil
}
