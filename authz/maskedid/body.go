package maskedid

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// member returns the string at path in a JSON text. The text is one object and
// nothing else; at each level on the way, the name of path comes once in any
// spelling that a lenient decoder would take for it.
func member(text []byte, path []string) (string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	value, err := object(d, path)
	if err != nil {
		return "", err
	}
	if _, err := d.Token(); err != io.EOF {
		return "", ErrMalformed
	}
	return value, nil
}

// object reads one object from d, to its end, and returns the string at path.
func object(d *json.Decoder, path []string) (string, error) {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", ErrMalformed
	}
	found := false
	var value string
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return "", ErrMalformed
		}
		name, _ := t.(string)
		if !strings.EqualFold(name, path[0]) {
			var skipped json.RawMessage
			if d.Decode(&skipped) != nil {
				return "", ErrMalformed
			}
			continue
		}
		if found || name != path[0] {
			return "", ErrMalformed
		}
		found = true
		if value, err = memberValue(d, path[1:]); err != nil {
			return "", err
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return "", ErrMalformed
	}
	if !found {
		return "", ErrMissing
	}
	return value, nil
}

// memberValue reads the value of a member of path: an object if more names
// follow, else a string.
func memberValue(d *json.Decoder, rest []string) (string, error) {
	if len(rest) > 0 {
		return object(d, rest)
	}
	t, err := d.Token()
	if err != nil {
		return "", ErrMalformed
	}
	s, ok := t.(string)
	if !ok {
		return "", ErrMalformed
	}
	return s, nil
}
