package client

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/jose"
)

// TestRetryOnce: a refused token costs one retry with a new token and a new
// message id, if the body can be sent again.
func TestRetryOnce(t *testing.T) {
	t.Parallel()
	const path = "customers"
	for name, tt := range map[string]struct {
		body         func() io.Reader
		status       int
		calls, asked int64
	}{
		"no body":              {nil, 200, 2, 2},
		"a body that rewinds":  {func() io.Reader { return strings.NewReader(`{"amount":"1.00"}`) }, 200, 2, 2},
		"a body that does not": {func() io.Reader { return io.NopCloser(strings.NewReader(`{"amount":"1.00"}`)) }, 401, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, jose.Strict)
			c := b.client(t, nil)
			h := as(t, c, Application(Metadata{AccountID: testAccount}, "send_money"))
			url := c.URL(path, "1234xxxxxx567", "transfers")
			if _, _, err := get(t, h, url); err != nil {
				t.Fatal(err)
			}
			b.killTokens()
			b.calls.Store(0)
			call := func() (answer, *http.Response, error) {
				if tt.body == nil {
					return get(t, h, url)
				}
				return post(t, h, url, tt.body())
			}
			a, _, err := call()
			if err != nil || a.status != tt.status || b.calls.Load() != tt.calls || b.tokenRequests.Load() != tt.asked {
				t.Errorf("%+v %v, %d calls, %d token requests", a, err, b.calls.Load(), b.tokenRequests.Load())
			}
			if tt.status == 401 && a.Code != "invalid_token" {
				t.Errorf("the refusal's body is gone: %+v", a)
			}
			// The refused token is not used again.
			if a, _, err := call(); err != nil || a.status != 200 {
				t.Errorf("the next call: %+v %v", a, err)
			}
		})
	}
}

// TestNoSecondRetry: if the new token is refused too, that is the answer.
func TestNoSecondRetry(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status    int
		challenge string
		body      string
		calls     int
		who       Identity
	}{
		"invalid_token in the challenge": {401, `Bearer realm="x", error="invalid_token"`, ``, 2, Application(Metadata{}, "s")},
		"invalid_token in a problem":     {401, ``, `{"code":"invalid_token"}`, 2, Application(Metadata{}, "s")},
		"invalid_token in OAuth's form":  {401, `Bearer`, `{"error":"invalid_token"}`, 2, Application(Metadata{}, "s")},
		"nothing but 401":                {401, ``, ``, 2, Application(Metadata{}, "s")},
		"another error":                  {401, `Bearer error="invalid_request"`, `{"code":"invalid_token"}`, 1, Application(Metadata{}, "s")},
		"about the secret":               {401, ``, `{"code":"invalid_client"}`, 1, Application(Metadata{}, "s")},
		"forbidden":                      {403, ``, `{"code":"insufficient_scope"}`, 1, Application(Metadata{}, "s")},
		"unavailable":                    {503, ``, `{"code":"temporarily_unavailable"}`, 1, Application(Metadata{}, "s")},
		"no token was sent":              {401, `Bearer error="invalid_token"`, ``, 1, KeyID()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, jose.Compatible)
			calls := 0
			b.hook = func(w http.ResponseWriter, r *http.Request) {
				calls++
				if tt.challenge != "" {
					w.Header().Set("WWW-Authenticate", tt.challenge)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}
			c := b.client(t, nil)
			a, res, err := get(t, as(t, c, tt.who), c.URL("hook"))
			if err != nil || a.status != tt.status || calls != tt.calls {
				t.Errorf("%+v %v, %d calls", a, err, calls)
			}
			if MsgID(res) == "" {
				t.Error("no message id")
			}
		})
	}
}
