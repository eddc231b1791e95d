package wire

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// TestEncode: the answer is json.Marshal's, to the byte.
func TestEncode(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"Answer":      map[string]any{"access_token": "gwa_abc-_", "token_type": "bearer", "expires_in": int64(1800), "scope": "account:read transfer:initiate"},
		"Bank":        map[string]any{"access_token": "a", "refresh_token": "b", "expires_in": int64(3600), "consented_on": int64(1700000000), "refresh_token_expires_in": int64(94608000)},
		"Empty":       map[string]any{},
		"Nil":         map[string]any(nil),
		"Extremes":    map[string]any{"a": int64(math.MinInt64), "b": int64(math.MaxInt64), "c": int64(0), "d": ""},
		"Quotes":      map[string]any{"scope": `a"b\c`},
		"HTML":        map[string]any{"scope": `<script>&`},
		"Control":     map[string]any{"scope": "a\nb\x00\x7f"},
		"Unicode":     map[string]any{"scope": "ü\u2028"},
		"NotUTF8":     map[string]any{"scope": "\xff"},
		"OddName":     map[string]any{"a\"b": "c", "ü": "d"},
		"OtherTypes":  map[string]any{"a": 1, "b": 1.5, "c": true, "d": nil, "e": []string{"f"}},
		"ManyMembers": map[string]any{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6", "g": "7", "h": "8", "i": "9", "j": "10"},
		"Struct":      struct{ A string }{"b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got, err := encode(v)
			if err != nil || string(got) != string(want) {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
		})
	}
	if _, err := encode(map[string]any{"a": func() {}}); err == nil {
		t.Error("what cannot be encoded was encoded")
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("scope", "account:read", int64(1800))
	f.Add("a\"<", "\xffü\u2028", int64(-1))
	f.Fuzz(func(t *testing.T, name, value string, number int64) {
		v := map[string]any{name: value, "expires_in": number, "z" + value: name}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := encode(v); err != nil || string(got) != string(want) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	v := map[string]any{"access_token": strings.Repeat("a", 250), "token_type": "bearer", "expires_in": int64(1800), "scope": "account:read"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(v); err != nil {
			b.Fatal(err)
		}
	}
}
