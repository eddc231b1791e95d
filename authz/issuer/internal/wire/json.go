package wire

import (
	"encoding/json"
	"slices"
	"strconv"
)

// encode writes what json.Marshal writes. Token answers (RFC 6749 section 5.1)
// are maps of plain strings and integers, and need no reflection.
func encode(v any) ([]byte, error) {
	members, ok := v.(map[string]any)
	if !ok || members == nil {
		return json.Marshal(v)
	}
	names := make([]string, 0, 8)
	size := len("{}\n")
	for name, value := range members {
		switch value := value.(type) {
		case string:
			ok = plain(value)
			size += len(value)
		case int64:
			size += len("-9223372036854775808")
		default:
			ok = false
		}
		if !ok || !plain(name) {
			return json.Marshal(v)
		}
		names = append(names, name)
		size += len(name) + len(`"":"",`)
	}
	slices.Sort(names)
	b := append(make([]byte, 0, size), '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `":`...)
		switch value := members[name].(type) {
		case string:
			b = append(b, '"')
			b = append(b, value...)
			b = append(b, '"')
		case int64:
			b = strconv.AppendInt(b, value, 10)
		}
	}
	return append(b, '}'), nil
}

// plain reports whether encoding/json writes a text as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
