package locker

import (
	"encoding/base32"
	"encoding/binary"
)

// idEncoding writes 128 bits as 26 characters of [0-9a-v].
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// newID returns a random ID of 26 characters of [0-9a-z] for an acquisition.
func (c *Client) newID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], c.opts.Rand())
	binary.BigEndian.PutUint64(b[8:], c.opts.Rand())
	return idEncoding.EncodeToString(b[:])
}
