package dialect

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var accept = Accept{Form: true, JSON: true, Members: []string{"grant_type", "client_id", "scope"}, Objects: map[string][]string{"oauth_metadata": {"account_id", "emirates_id"}}}

// FuzzJSON holds what is accepted to what encoding/json reads: the same members,
// the same values, nothing folded, doubled or dropped.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"grant_type":"client_credentials"}`, `{"grant_type":"a","oauth_metadata":{"account_id":"1"}}`, `{}`, `[]`, `{"a":1}`,
		`{"scope":"a","scope":"b"}`, `{"Scope":"a"}`, `{"scope":"a"}x`, `{"scope":null}`, "{\"scope\":\"\xff\"}", `{"scope":"\ud800"}`, `{"scope":"a",}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		req := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		form, objects, refusal := accept.Read(req)
		if refusal != nil {
			if refusal.Code != "invalid_request" || strings.Contains(refusal.Description, "account") {
				t.Fatalf("refusal %q %q", refusal.Code, refusal.Description)
			}
			return
		}
		var read map[string]any
		if err := json.Unmarshal([]byte(body), &read); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		for name, value := range read {
			switch v := value.(type) {
			case string:
				if v != "" && form.Get(name) != v || v == "" && form.Has(name) {
					t.Fatalf("%s is %q, read as %q", name, v, form.Get(name))
				}
			case map[string]any:
				for inner, iv := range v {
					if objects[name][inner] != iv {
						t.Fatalf("%s.%s is %v, read as %q", name, inner, iv, objects[name][inner])
					}
				}
			default:
				t.Fatalf("accepted a %T", value)
			}
		}
		for name, values := range form {
			if len(values) != 1 || read[name] != values[0] {
				t.Fatalf("%s was made up", name)
			}
		}
	})
}

// FuzzForm: whatever is accepted has every parameter once and without control
// characters.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"grant_type=a", "a=1&a=2", "a=%00", "a=%zz", "a;b", "=", "audience=1&audience=2", "a=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		req := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, _, refusal := accept.Read(req)
		if refusal != nil {
			return
		}
		for name, values := range form {
			if len(values) > 1 && name != "audience" && name != "resource" {
				t.Fatalf("%q is there %d times", name, len(values))
			}
			for _, v := range values {
				if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' }) {
					t.Fatalf("%q is %q", name, v)
				}
			}
		}
	})
}
