package maskedid

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"
)

// FuzzQuery: what the strict reader accepts, url.ParseQuery reads the same way.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"account_id=1234xxxxxx567", "a=1&account_id=1234xxxxxx567", "account%5fid=1", "account_id=%31", ";", "%", "account_id=1&account_id=2", "account_id=1234xxxxxx567&a=%4", "+=account_id"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := queryValue(query, "account_id")
		values, parseErr := url.ParseQuery(query)
		if err == nil {
			if parseErr != nil || len(values["account_id"]) != 1 || values.Get("account_id") != got {
				t.Fatalf("%q: got %q, but %v, %v", query, got, values, parseErr)
			}
		}
		if parseErr == nil && len(values["account_id"]) == 0 && !errors.Is(err, ErrMissing) {
			t.Fatalf("%q: %v although it is not there", query, err)
		}
	})
}

// FuzzBody: an accepted member is one that a lenient decoder reads alike, and is
// of the right form when Extract returns it.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{"account_id":"1234xxxxxx567"}`, `{"a":[{}],"account_id":"1"}`, `{"account_id":"1","Account_id":"2"}`, `{"account_id":{"account_id":""}}`, `{}{}`, `[`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sources, err := NewSources(Body(payload(text), "account_id"))
		if err != nil {
			t.Fatal(err)
		}
		masked, err := sources.Extract(&http.Request{URL: &url.URL{}})
		if err != nil {
			return
		}
		if !maskForm.MatchString(masked) {
			t.Fatalf("%q gave %q", text, masked)
		}
		if lenient := decodeLeniently(t, text); lenient != masked {
			t.Fatalf("%q gave %q, a lenient decoder reads %q", text, masked, lenient)
		}
	})
}

// decodeLeniently reads the member as a handler with encoding/json would.
func decodeLeniently(t *testing.T, text string) string {
	t.Helper()
	var v struct {
		AccountID string `json:"account_id"`
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%q was accepted, but is no JSON: %v", text, err)
	}
	return v.AccountID
}
