package faulthttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Edit sends the request and changes the answer, of which edit may replace every
// part but the body: see [EditBody].
func Edit(edit func(*http.Response)) Fault {
	return func(c *Call) (*http.Response, error) {
		resp, err := c.Send()
		if err == nil {
			edit(resp)
		}
		return resp, err
	}
}

// Header sends the request and sets a header of the answer; an empty value
// removes it.
func Header(key, value string) Fault {
	return Edit(func(resp *http.Response) {
		if value == "" {
			resp.Header.Del(key)
		} else {
			resp.Header.Set(key, value)
		}
	})
}

// ShiftDate sends the request and moves the Date of the answer by d: a front end
// whose clock is wrong.
func ShiftDate(d time.Duration) Fault {
	return Edit(func(resp *http.Response) {
		if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			resp.Header.Set("Date", date.Add(d).UTC().Format(http.TimeFormat))
		}
	})
}

// WrongChecksum sends the request and spoils the checksum of the answer.
func WrongChecksum() Fault {
	return func(c *Call) (*http.Response, error) {
		resp, err := c.Send()
		if err != nil {
			return nil, err
		}
		sum, err := strconv.ParseUint(resp.Header.Get("X-Amz-Crc32"), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("faulthttp: the answer has no checksum to spoil: %w", err)
		}
		resp.Header.Set("X-Amz-Crc32", strconv.FormatUint(sum^1, 10))
		return resp, nil
	}
}

// Truncate sends the request and cuts the answer's body short after n bytes: the
// connection breaks within the answer.
func Truncate(n int) Fault {
	return Edit(func(resp *http.Response) {
		resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, int64(n)), broken{}))
	})
}

// broken is what follows the last byte that came through.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// EditBody sends the request and changes the body of the answer, whose length and
// checksum then are right again.
func EditBody(edit func([]byte) ([]byte, error)) Fault {
	return func(c *Call) (*http.Response, error) {
		resp, err := c.Send()
		if err != nil {
			return nil, err
		}
		b, err := readAll(resp.Body)
		if err != nil {
			return nil, err
		}
		if b, err = edit(b); err != nil {
			return nil, fmt.Errorf("faulthttp: edit %s: %w", c.Operation, err)
		}
		setBody(resp, b)
		return resp, nil
	}
}

// NotJSON sends the request and replaces the body of the answer, whose status
// stays: what a proxy may do.
func NotJSON() Fault {
	return EditBody(func([]byte) ([]byte, error) { return []byte("<html><body>Welcome</body></html>"), nil })
}

// Echo sends the request and sets an attribute of the item that the answer shows,
// such as {"S": "x"}: an answer that belongs to another write. A nil value removes
// the attribute. An answer that shows no item stays as it is.
func Echo(attribute string, value map[string]any) Fault {
	return EditBody(func(b []byte) ([]byte, error) {
		var answer map[string]any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&answer); err != nil {
			return nil, err
		}
		for _, member := range []string{"Attributes", "Item"} {
			item, ok := answer[member].(map[string]any)
			switch {
			case !ok:
			case value == nil:
				delete(item, attribute)
			default:
				item[attribute] = value
			}
		}
		return json.Marshal(answer)
	})
}
