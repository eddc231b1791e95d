package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// sandbox is a plain server: Basic and forms, nothing sealed.
func sandbox(t *testing.T) (base string, tokens func() int) {
	t.Helper()
	asked := 0
	mux := http.NewServeMux()
	token := func(w http.ResponseWriter, r *http.Request) {
		asked++
		id, secret, ok := r.BasicAuth()
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
		if !ok || id != "app" || secret != "s%+&:x" || r.ParseForm() != nil || r.Form.Has("oauth_metadata") || r.Form.Has("account_id") {
			writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
			return
		}
		out := map[string]any{"token_type": "Bearer", "access_token": "t", "expires_in": 3600, "scope": r.Form.Get("scope")}
		if r.Form.Get("grant_type") != "client_credentials" {
			out["refresh_token"] = "r"
		}
		writeJSON(w, http.StatusOK, out)
	}
	mux.HandleFunc("POST /rb/api/v1/partner_auth/token", token)
	mux.HandleFunc("POST /rb/api/v1/oauth/token", token)
	mux.HandleFunc("/rb/api/v1/accounts", func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 || r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("X-IBM-Client-Id") != "app" || r.Header.Get("MsgId") == "" {
			writeJSON(w, http.StatusForbidden, map[string]any{"code": "unexpected"})
			return
		}
		body, _ := io.ReadAll(r.Body)
		writeJSON(w, http.StatusOK, map[string]any{"got": string(body)})
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/rb/api/v1", func() int { return asked }
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	base, asked := sandbox(t)
	c, err := New(Config{
		Environment: Sandbox, BaseURL: base, ClientID: "app", ClientSecret: "s%+&:x",
		Certificate: fixtures().partner.TLS(), // not shown
		SignIn:      &SignIn{Store: new(MemoryStore), Keys: [][]byte{testKey(1)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := as(t, c, Application(Metadata{AccountID: testAccount}, "accounts"))
	if a, _, err := get(t, h, c.URL("accounts")); err != nil || a.status != 200 {
		t.Fatalf("%+v %v", a, err)
	}
	// Not even JSON needs to be JSON.
	if a, _, err := post(t, h, c.URL("accounts"), strings.NewReader("plain")); err != nil || a.Got != "plain" || asked() != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	someone := Customer{UUID: "someone"}
	raw, err := c.AuthorizeURL(t.Context(), AuthorizeRequest{Customer: someone, Scopes: []string{"accounts"}, State: NewState()})
	if err != nil || !strings.HasPrefix(raw, base+"/oauth/authorize?") || strings.Contains(raw, "uuid") || strings.Contains(raw, "account_id") {
		t.Errorf("%s %v", raw, err)
	}
	consent, err := c.Exchange(t.Context(), ExchangeRequest{Customer: someone, Code: "c"})
	if err != nil || !consent.RefreshExpiresAt.IsZero() || !consent.ConsentedOn.IsZero() {
		t.Errorf("%+v %v", consent, err)
	}
	if a, _, err := get(t, as(t, c, OnBehalfOf(someone)), c.URL("accounts")); err != nil || a.status != 200 {
		t.Errorf("%+v %v", a, err)
	}
	// A production certificate and secret do not help in the wrong environment.
	wrong, err := New(Config{Environment: Sandbox, BaseURL: base, ClientID: "app", ClientSecret: "other"})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, _, err := get(t, as(t, wrong, Application(Metadata{}, "accounts")), wrong.URL("accounts")); !errors.As(err, &e) || e.Code != "invalid_client" || e.Status != 401 {
		t.Errorf("%v", err)
	}
}
