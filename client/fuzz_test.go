package client

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzRefusal: whatever a refusal says, the error is one line without control
// characters, and the body stays as it came.
func FuzzRefusal(f *testing.F) {
	f.Add(401, `Bearer error="invalid_token"`, "7", []byte(`{"error":"invalid_token","error_description":"x"}`))
	f.Add(401, `Bearer realm="error=invalid_token", error=x`, "-1", []byte(`{"code":"a b"}`))
	f.Add(500, ``, "", []byte("\xff{"))
	f.Fuzz(func(t *testing.T, status int, challenge, retry string, body []byte) {
		res := &http.Response{StatusCode: status, Header: http.Header{"Www-Authenticate": {challenge}, "Retry-After": {retry}}, Body: io.NopCloser(strings.NewReader(string(body)))}
		refused := tokenRefused(res)
		if refused && status != 401 {
			t.Error("refused without 401")
		}
		err := CheckResponse(res)
		var e *Error
		if errors.As(err, &e) != (status >= 400) {
			t.Fatal(err)
		}
		if e != nil && (strings.ContainsAny(e.Error()+e.Description, "\n\r\x00\x1b") || len(e.Description) > 304 || len(e.Code) > 64 || e.RetryAfter < 0) {
			t.Errorf("%q %q", e.Error(), e.Description)
		}
		if got, _ := io.ReadAll(res.Body); string(got) != string(body) {
			t.Errorf("the body is %q, was %q", got, body)
		}
	})
}

// FuzzRecord: only what was sealed for a name opens under it.
func FuzzRecord(f *testing.F) {
	s, err := newRecordSealer([][]byte{testKey(1)}, Production, testClient)
	if err != nil {
		f.Fatal(err)
	}
	name := s.name(customer)
	good, err := s.seal(name, &record{RefreshToken: "r"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{recordVersion})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		r, err := s.open(name, sealed)
		if err == nil && *r != (record{RefreshToken: "r"}) {
			t.Errorf("%+v", r)
		}
		if r, err := s.open(s.name(Customer{testUUID, otherAccount}), sealed); err == nil {
			t.Errorf("opens under another name: %+v", r)
		}
	})
}

// FuzzCallback: a code comes only with the right state.
func FuzzCallback(f *testing.F) {
	f.Add("code=a&state=s")
	f.Add("error=a&state=s")
	f.Add("code=a&code=b&state=s&state=t")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		code, err := Callback(q, "s")
		if (code == "") == (err == nil) || err == nil && (len(q["state"]) != 1 || q.Get("state") != "s" || q.Has("error") || len(q["code"]) != 1) {
			t.Errorf("%q: %q %v", raw, code, err)
		}
	})
}
