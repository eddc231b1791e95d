package gormstore

import (
	"encoding/json"
	"strings"
)

// encode writes a document. Text that is not UTF-8 would come back as another,
// so it is refused.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", &invalid{"cannot encode a record: " + err.Error()}
	}
	if err := checkBytes("a record", b, largest); err != nil {
		return "", err
	}
	text := string(b)
	if mangled(text) {
		return "", &invalid{"text must be UTF-8"}
	}
	return text, nil
}

// mangled reports whether the encoder has replaced bytes that are no UTF-8: it
// writes the replacement as an escape, and the character itself never so.
func mangled(text string) bool {
	const escaped = `\ufffd`
	for {
		at := strings.Index(text, escaped)
		if at < 0 {
			return false
		}
		before := strings.TrimRight(text[:at], `\`)
		if (at-len(before))%2 == 0 {
			return true
		}
		text = text[at+len(escaped):]
	}
}
