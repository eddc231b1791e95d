package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/jose"
)

func TestAuthorizeURL(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, binding jose.Binding) {
		b := newBank(t, binding)
		c := fintech(t, b, new(MemoryStore), func(c *Config) { c.SignIn.AuthorizeURL = "https://login.bank.example/oauth/authorize" })
		raw, err := c.AuthorizeURL(t.Context(), AuthorizeRequest{
			Customer: customer, Scopes: []string{"transfers", "account_transactions"}, State: "a-state-that-is-long", RedirectURI: "https://app.example/cb",
			Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(raw)
		if err != nil || u.Host != "login.bank.example" || strings.Contains(raw, testAccount) {
			t.Fatalf("%s %v", raw, err)
		}
		q := u.Query()
		for name, want := range map[string]string{
			"response_type": "code", "client_id": testClient, "scope": "account_transactions transfers", "state": "a-state-that-is-long",
			"redirect_uri": "https://app.example/cb", "uuid": testUUID,
			"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256", // RFC 7636 appendix B
		} {
			if q.Get(name) != want {
				t.Errorf("%s = %q", name, q.Get(name))
			}
		}
		opener, err := jose.NewAccountOpener(jose.AccountConfig{Keys: b.keys, Binding: binding, Spend: func(context.Context, string, string, time.Time) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := opener.Open(t.Context(), q.Get("account_id"), testClient, testUUID); err != nil || got != testAccount {
			t.Errorf("%q %v", got, err)
		}
	})
	b := newBank(t, jose.Compatible)
	c := fintech(t, b, new(MemoryStore), nil)
	good := AuthorizeRequest{Customer: customer, Scopes: []string{"a"}, State: NewState(), Verifier: NewState()}
	if raw, err := c.AuthorizeURL(t.Context(), good); err != nil || !strings.HasPrefix(raw, b.url+"/oauth/authorize?") {
		t.Errorf("%q %v", raw, err)
	}
	for name, change := range map[string]func(*AuthorizeRequest){
		"no scope":         func(a *AuthorizeRequest) { a.Scopes = nil },
		"no state":         func(a *AuthorizeRequest) { a.State = "" },
		"a short state":    func(a *AuthorizeRequest) { a.State = "1" },
		"a short verifier": func(a *AuthorizeRequest) { a.Verifier = "1" },
		"no customer":      func(a *AuthorizeRequest) { a.Customer = Customer{} },
		"no account":       func(a *AuthorizeRequest) { a.Customer.AccountID = "" },
	} {
		a := good
		change(&a)
		if _, err := c.AuthorizeURL(t.Context(), a); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCallback(t *testing.T) {
	t.Parallel()
	const state = "the-state-of-this-browser"
	for name, tt := range map[string]struct {
		query, state string
		code, want   string
	}{
		"good":                 {"code=c1&state=" + state, state, "c1", ""},
		"declined":             {"error=access_denied&error_description=no&state=" + state, state, "", "access_denied"},
		"declined, other form": {"error=a+b&state=" + state, state, "", CodeMalformed},
		"another's state":      {"code=c1&state=other", state, "", "state"},
		"no state":             {"code=c1", state, "", "state"},
		"two states":           {"code=c1&state=" + state + "&state=" + state, state, "", "state"},
		"a session without":    {"code=c1&state=", "", "", "state"},
		"no code":              {"state=" + state, state, "", CodeMalformed},
		"two codes":            {"code=c1&code=c2&state=" + state, state, "", CodeMalformed},
		"an empty code":        {"code=&state=" + state, state, "", CodeMalformed},
		"code and error":       {"code=c1&error=access_denied&state=" + state, state, "", "access_denied"},
		"two errors":           {"error=a&error=b&state=" + state, state, "", CodeMalformed},
		"declined, no state":   {"error=access_denied", state, "", "state"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			code, err := Callback(q, tt.state)
			var e *Error
			switch {
			case code != tt.code, (err == nil) != (tt.want == ""):
				t.Errorf("%q %v", code, err)
			case tt.want == "state" && !errors.Is(err, ErrState):
				t.Error(err)
			case tt.want != "" && tt.want != "state" && (!errors.As(err, &e) || e.Code != tt.want):
				t.Error(err)
			}
		})
	}
}

// TestCheckResponse reads refusals in the bank's forms.
func TestCheckResponse(t *testing.T) {
	t.Parallel()
	b := newBank(t, jose.Compatible)
	b.hook = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		writeJSON(w, http.StatusTooManyRequests, map[string]any{"code": "slow_down", "detail": "Come back later."})
	}
	c := b.client(t, nil)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL("hook"), nil)
	res, err := as(t, c, KeyID()).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for range 2 { // the body stays
		var e *Error
		if err := CheckResponse(res); !errors.As(err, &e) || e.Status != 429 || e.Code != "slow_down" || e.Description != "Come back later." ||
			e.RetryAfter != 7*time.Second || e.MsgID != MsgID(res) || e.Op != "response" {
			t.Errorf("%+v", e)
		} else if strings.Contains(e.Error(), "later") || !strings.Contains(e.Error(), "HTTP 429 slow_down") {
			t.Error(e)
		}
	}
	if err := CheckResponse(&http.Response{StatusCode: 204}); err != nil {
		t.Error(err)
	}
	if err := CheckResponse(&http.Response{StatusCode: 500}); err == nil {
		t.Error("500 is none")
	}
}
