package main

import (
	"encoding/base64"
	"encoding/json"
	"math"
)

// message has what matters of a request to DynamoDB and of its answer.
type message struct {
	Key, Item, Attributes map[string]any
	ConsistentRead        bool
}

// parse takes what can't be read for an empty message: an error page, say.
func parse(body []byte) message {
	var m message
	if json.Unmarshal(body, &m) != nil {
		return message{}
	}
	return m
}

// key returns the one string among the key's attributes that differs from lock to
// lock; the Python client's sort key is always "-".
func (m message) key() string {
	attrs := m.Key
	if attrs == nil {
		attrs = m.Item
	}
	for _, name := range []string{"name", "key", "lock_key"} {
		if value, ok := attrs[name].(map[string]any); ok {
			s, _ := value["S"].(string)
			return s
		}
	}
	return ""
}

// units returns the capacity units that a request consumes, by the rules of the
// developer guide's "read and write operations": a read is billed by 4 KB of the
// item, half of it unless consistent, a write by 1 KB of the item, whether or not
// its condition holds. Where neither request nor answer shows the whole item it
// counts as below one unit's size, as all items of these benchmarks are.
func units(op string, req, ans message) (read, write float64) {
	switch op {
	case "GetItem":
		read = math.Max(1, math.Ceil(size(ans.Item)/4096))
		if !req.ConsistentRead {
			read /= 2
		}
	case "Query", "Scan":
		read = 0.5
		if req.ConsistentRead {
			read = 1
		}
	case "PutItem", "UpdateItem", "DeleteItem":
		bytes := math.Max(size(req.Item), math.Max(size(ans.Item), size(ans.Attributes)))
		write = math.Max(1, math.Ceil(bytes/1024))
	case "TransactWriteItems":
		write = 2
	}
	return read, write
}

// size returns an item's size in bytes: names and values, as the developer guide's
// "item sizes and formats" counts them.
func size(item map[string]any) float64 {
	var n float64
	for name, v := range item {
		n += float64(len(name))
		if value, ok := v.(map[string]any); ok {
			n += valueSize(value)
		}
	}
	return n
}

func valueSize(value map[string]any) float64 {
	for kind, v := range value {
		switch v := v.(type) {
		case string:
			switch kind {
			case "N":
				return math.Ceil(float64(len(v))/2) + 1
			case "B":
				return float64(base64.StdEncoding.DecodedLen(len(v)))
			}
			return float64(len(v))
		case map[string]any:
			return 3 + size(v)
		case []any:
			n := 3.0
			for _, e := range v {
				switch e := e.(type) {
				case string:
					n += float64(len(e))
				case map[string]any:
					n += 1 + valueSize(e)
				}
			}
			return n
		}
	}
	return 1
}
