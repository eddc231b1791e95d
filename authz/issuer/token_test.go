package issuer_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

func withJSON(o *options) { o.profile = func(p *authz.Profile) { p.JSON = true } }

func TestTokenRequestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withJSON)
	secret := secrets["viewer"]
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("viewer:"+secret))
	jsonBody := func(extra string) string {
		return `{"grant_type":"client_credentials","client_id":"viewer","client_secret":"` + secret + `"` + extra + `}`
	}
	const form, json = formType, "application/json"
	for _, tc := range []struct {
		name, contentType, body, authorization string
		path                                   string
		status                                 int
		code                                   string
	}{
		{name: "unknown grant", contentType: form, body: "grant_type=telepathy", authorization: basic, status: 400, code: "unsupported_grant_type"},
		{name: "grant in another case", contentType: form, body: "grant_type=Client_Credentials", authorization: basic, status: 400, code: "unsupported_grant_type"},
		{name: "implicit as grant", contentType: form, body: "grant_type=implicit", authorization: basic, status: 400, code: "unsupported_grant_type"},
		{name: "password", contentType: form, body: "grant_type=password&username=a&password=b", authorization: basic, status: 400, code: "unsupported_grant_type"},
		{name: "two grants", contentType: form, body: "grant_type=client_credentials+refresh_token", authorization: basic, status: 400, code: "unsupported_grant_type"},
		{name: "no grant", contentType: form, body: "scope=transaction:read", authorization: basic, status: 400, code: "invalid_request"},
		{name: "empty body", contentType: form, body: "", authorization: basic, status: 400, code: "invalid_request"},
		{name: "unknown key", contentType: form, body: "grant_type=client_credentials&client_id=nobody&client_secret=" + secret, status: 401, code: "invalid_client"},
		{name: "wrong secret", contentType: form, body: "grant_type=client_credentials&client_id=viewer&client_secret=" + token.NewSecret(), status: 401, code: "invalid_client"},
		{name: "empty secret", contentType: form, body: "grant_type=client_credentials&client_id=viewer&client_secret=", status: 401, code: "invalid_client"},
		{name: "no secret", contentType: form, body: "grant_type=client_credentials&client_id=viewer", status: 401, code: "invalid_client"},
		{name: "empty secret in Basic", contentType: form, body: "grant_type=client_credentials", authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte("viewer:")), status: 401, code: "invalid_client"},
		{name: "no client", contentType: form, body: "grant_type=client_credentials", status: 401, code: "invalid_client"},
		{name: "malformed Basic", contentType: form, body: "grant_type=client_credentials", authorization: "Basic !!!", status: 401, code: "invalid_client"},
		{name: "Bearer as client authentication", contentType: form, body: "grant_type=client_credentials", authorization: "Bearer " + secret, status: 401, code: "invalid_client"},
		{name: "two authentications", contentType: form, body: "grant_type=client_credentials&client_id=viewer&client_secret=" + secret, authorization: basic, status: 400, code: "invalid_request"},
		{name: "another client_id in the body", contentType: form, body: "grant_type=client_credentials&client_id=admin", authorization: basic, status: 400, code: "invalid_request"},
		{name: "secret in the query", path: "/oauth2/token?client_id=viewer&client_secret=" + secret, contentType: form, body: "grant_type=client_credentials", status: 400, code: "invalid_request"},
		{name: "grant in the query", path: "/oauth2/token?grant_type=client_credentials", contentType: form, body: "scope=", authorization: basic, status: 400, code: "invalid_request"},
		{name: "duplicate parameter", contentType: form, body: "grant_type=client_credentials&scope=a&scope=b", authorization: basic, status: 400, code: "invalid_request"},
		{name: "duplicate grant_type", contentType: form, body: "grant_type=client_credentials&grant_type=client_credentials", authorization: basic, status: 400, code: "invalid_request"},
		{name: "malformed form", contentType: form, body: "grant_type=%zz", authorization: basic, status: 400, code: "invalid_request"},
		{name: "not UTF-8", contentType: form, body: "grant_type=\xff", authorization: basic, status: 400, code: "invalid_request"},
		{name: "NUL", contentType: form, body: "grant_type=client_credentials&scope=%00", authorization: basic, status: 400, code: "invalid_request"},
		{name: "no content type", contentType: "", body: "grant_type=client_credentials", authorization: basic, status: 400, code: "invalid_request"},
		{name: "text", contentType: "text/plain", body: "grant_type=client_credentials", authorization: basic, status: 400, code: "invalid_request"},
		{name: "multipart", contentType: "multipart/form-data; boundary=x", body: "--x--", authorization: basic, status: 400, code: "invalid_request"},
		{name: "another charset", contentType: form + "; charset=utf-16", body: "grant_type=client_credentials", authorization: basic, status: 400, code: "invalid_request"},
		{name: "scope that the client lacks", contentType: form, body: "grant_type=client_credentials&scope=key:manage", authorization: basic, status: 400, code: "invalid_scope"},
		{name: "scope in another case", contentType: form, body: "grant_type=client_credentials&scope=Transaction:read", authorization: basic, status: 400, code: "invalid_scope"},
		{name: "audience", contentType: form, body: "grant_type=client_credentials&audience=https://x.example", authorization: basic, status: 400, code: "invalid_target"},
		{name: "public client", contentType: form, body: "grant_type=client_credentials&client_id=mobile", status: 400, code: "unauthorized_client"},
		{name: "grant the client lacks", contentType: form, body: "grant_type=authorization_code&code=x", authorization: basic, status: 400, code: "unauthorized_client"},
		{name: "10 MiB", contentType: form, body: "grant_type=client_credentials&x=" + strings.Repeat("a", 10<<20), authorization: basic, status: 413, code: "invalid_request"},
		{name: "10 MiB of JSON", contentType: json, body: jsonBody(`,"scope":"` + strings.Repeat("a", 10<<20) + `"`), status: 413, code: "invalid_request"},
		{name: "unknown member", contentType: json, body: jsonBody(`,"extra":"1"`), status: 400, code: "invalid_request"},
		{name: "case-folded member", contentType: json, body: jsonBody(`,"Scope":"transaction:read"`), status: 400, code: "invalid_request"},
		{name: "duplicate member", contentType: json, body: jsonBody(`,"client_id":"viewer"`), status: 400, code: "invalid_request"},
		{name: "duplicate member, escaped", contentType: json, body: jsonBody(`,"client\u005fid":"viewer"`), status: 400, code: "invalid_request"},
		{name: "number", contentType: json, body: jsonBody(`,"scope":1`), status: 400, code: "invalid_request"},
		{name: "null", contentType: json, body: jsonBody(`,"scope":null`), status: 400, code: "invalid_request"},
		{name: "array", contentType: json, body: jsonBody(`,"scope":["transaction:read"]`), status: 400, code: "invalid_request"},
		{name: "object", contentType: json, body: jsonBody(`,"scope":{}`), status: 400, code: "invalid_request"},
		{name: "trailing data", contentType: json, body: jsonBody("") + "{}", status: 400, code: "invalid_request"},
		{name: "array instead of object", contentType: json, body: "[" + jsonBody("") + "]", status: 400, code: "invalid_request"},
		{name: "truncated", contentType: json, body: strings.TrimSuffix(jsonBody(""), "}"), status: 400, code: "invalid_request"},
		{name: "lone surrogate is one odd string", contentType: json, body: jsonBody(`,"scope":"\ud800"`), status: 400, code: "invalid_scope"},
		{name: "empty JSON", contentType: json, body: `{}`, status: 400, code: "invalid_request"},
		{name: "form in JSON's clothes", contentType: json, body: "grant_type=client_credentials", authorization: basic, status: 400, code: "invalid_request"},
		{name: "form at a JSON endpoint", path: "/v1/auth/token/issue", contentType: form, body: "grant_type=client_credentials", authorization: basic, status: 400, code: "invalid_request"},
		{name: "issuing at the refresh endpoint", path: "/v1/auth/token/refresh", contentType: json, body: jsonBody(""), status: 400, code: "unsupported_grant_type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := tc.path
			if path == "" {
				path = "/oauth2/token"
			}
			req := w.request("POST", path, tc.contentType, tc.body)
			if tc.authorization != "" {
				req.Header.Set("Authorization", tc.authorization)
			}
			a := w.do(req)
			if a.Status != tc.status || a.str(t, "error") != tc.code {
				t.Errorf("%d %s, want %d %s", a.Status, a.Body, tc.status, tc.code)
			}
			if a.Header.Get("Cache-Control") != "no-store" {
				t.Error("want Cache-Control: no-store")
			}
			if strings.Contains(a.Body, secret) {
				t.Error("the answer repeats the secret")
			}
			// Plain fosite sends no WWW-Authenticate with its 401s.
			if challenge := a.Header.Get("WWW-Authenticate"); (a.Status == 401) != (challenge != "") {
				t.Errorf("WWW-Authenticate %q with status %d", challenge, a.Status)
			}
		})
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		a := w.do(w.request(method, "/oauth2/token", form, "grant_type=client_credentials"))
		w.want(a, 405, "invalid_request")
	}
	for path, allow := range map[string]string{"/oauth2/token": "POST", "/oauth2/revoke": "POST", "/oauth2/introspect": "POST", "/oauth2/authorize": "GET, POST"} {
		a := w.do(w.request("PUT", path, form, "grant_type=client_credentials"))
		w.want(a, 405, "invalid_request")
		if got := a.Header.Get("Allow"); got != allow { // RFC 9110 section 15.5.6
			t.Errorf("%s: Allow %q, want %q", path, got, allow)
		}
	}
}

func TestJSONSpellings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(path, body string) answer { return w.do(w.request("POST", path, "application/json", body)) }
	auth := `"client_id":"viewer","client_secret":"` + secrets["viewer"] + `"`
	a := post("/v1/auth/token/issue", `{"grant_type":"client_credentials",`+auth+`}`)
	w.want(a, 200, "")
	b := post("/v1/auth/token/refresh", `{"refresh_token":"`+a.str(t, "refresh_token")+`",`+auth+`}`)
	w.want(b, 200, "")
	c := post("/v1/auth/token/refresh", `{"grant_type":"refresh_token","refresh_token":"`+b.str(t, "refresh_token")+`",`+auth+`}`)
	w.want(c, 200, "")
	w.want(post("/v1/auth/token/revoke", `{"token":"`+c.str(t, "access_token")+`",`+auth+`}`), 200, "")
	w.want(w.call("GET", "/v1/transactions", c.str(t, "access_token")), 401, "invalid_token")
	// JSON at the standard endpoint is off unless the profile turns it on.
	w.want(post("/oauth2/token", `{"grant_type":"client_credentials",`+auth+`}`), 400, "invalid_request")
}

// fosite unescapes Basic credentials, so that a secret with a raw + or % fails.
func TestPlusInBasicSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const imported = "a+b%2B/c d"
	c, err := w.store.Client(t.Context(), "viewer")
	if err != nil {
		t.Fatal(err)
	}
	c.Secrets[0].Hash = w.server.Installation().Keyring().HashSecret(imported)
	change, err := w.store.UpdateClient(t.Context(), c, storage.Quorum{}, time.Time{}, storage.Event{})
	if err != nil {
		t.Fatal(err)
	}
	w.server.Installation().Feed().Apply(change)
	for name, sent := range map[string]string{"raw": imported, "encoded": "a%2Bb%252B%2Fc+d"} {
		req := w.request("POST", "/oauth2/token", formType, "grant_type=client_credentials")
		req.SetBasicAuth("viewer", sent)
		if a := w.do(req); a.Status != 200 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.post("/oauth2/token", "viewer", "grant_type", "client_credentials", "scope", "transaction:read")
	w.want(a, 200, "")
	m := a.json(t)
	if m["token_type"] != "bearer" || m["expires_in"] != 1800.0 || m["scope"] != "transaction:read" {
		t.Errorf("answer %v", m)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", a.Header)
	}
	// A token that was narrowed by scope may do no more than that.
	w.want(w.call("GET", "/v1/scoped", a.str(t, "access_token")), 200, "")
	admin := w.post("/oauth2/token", "admin", "grant_type", "client_credentials", "scope", "transaction:read")
	narrowed := w.call("POST", "/v1/transfers", admin.str(t, "access_token"))
	w.want(narrowed, 403, "permission_denied")
	if c := narrowed.Header.Get("WWW-Authenticate"); c != `Bearer error="insufficient_scope", scope="transfer:initiate"` {
		t.Errorf("challenge %q", c)
	}
	plain, _ := w.issue("admin")
	w.want(w.call("POST", "/v1/transfers", plain), 200, "")
	w.want(w.call("GET", "/v1/scoped", plain), 403, "insufficient_scope")
}

func TestRefreshNarrowsOnly(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		a := w.post("/oauth2/token", "admin", "grant_type", "client_credentials", "scope", "transaction:read transfer:initiate")
		ask := func(refresh, scope string) answer {
			return w.post("/oauth2/token", "admin", "grant_type", "refresh_token", "refresh_token", refresh, "scope", scope)
		}
		first := a.str(t, "refresh_token")
		w.want(ask(first, "key:manage"), 400, "invalid_scope")
		// The refusal did not rotate, and narrowing lasts for one access token only.
		b := ask(first, "transaction:read")
		w.want(b, 200, "")
		if b.str(t, "scope") != "transaction:read" {
			t.Errorf("scope %q", b.str(t, "scope"))
		}
		w.want(w.call("POST", "/v1/transfers", b.str(t, "access_token")), 403, "permission_denied")
		w.want(ask(b.str(t, "refresh_token"), "key:manage"), 400, "invalid_scope")
		c := w.refresh("admin", b.str(t, "refresh_token"))
		if c.str(t, "scope") != "transaction:read transfer:initiate" {
			t.Errorf("scope %q, want the grant's own again", c.str(t, "scope"))
		}
	})
}

func TestAnotherClientsRefreshTokenDoesNothing(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		access, first := w.issue("viewer")
		w.want(w.refresh("admin", first), 400, "invalid_grant")
		w.want(w.call("GET", "/v1/transactions", access), 200, "")
		second := w.refresh("viewer", first)
		w.want(second, 200, "")
		// A replay by somebody else is not reuse.
		w.want(w.refresh("admin", first), 400, "invalid_grant")
		w.want(w.post("/oauth2/revoke", "admin", "token", second.str(t, "access_token")), 200, "")
		w.want(w.post("/oauth2/revoke", "admin", "token", second.str(t, "refresh_token")), 200, "")
		w.want(w.call("GET", "/v1/transactions", second.str(t, "access_token")), 200, "")
		w.want(w.refresh("viewer", second.str(t, "refresh_token")), 200, "")
	})
}

func TestGraceWindow(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		clock := newClock()
		w := newWorld(t, format, func(o *options) {
			o.now = clock.now
			o.profile = func(p *authz.Profile) { p.RefreshGrace = 30 * time.Second }
		})
		_, first := w.issue("viewer")
		lost := w.refresh("viewer", first)
		retried := w.refresh("viewer", first)
		w.want(retried, 200, "")
		w.want(w.call("GET", "/v1/transactions", lost.str(t, "access_token")), 401, "invalid_token")
		w.want(w.call("GET", "/v1/transactions", retried.str(t, "access_token")), 200, "")
		// Once only.
		w.want(w.refresh("viewer", first), 400, "invalid_grant")
		w.want(w.call("GET", "/v1/transactions", retried.str(t, "access_token")), 401, "invalid_token")

		_, first = w.issue("viewer")
		w.refresh("viewer", first)
		clock.advance(31 * time.Second)
		w.want(w.refresh("viewer", first), 400, "invalid_grant")

		// The lost pair, shown after the retry, is reuse.
		_, first = w.issue("viewer")
		lost = w.refresh("viewer", first)
		retried = w.refresh("viewer", first)
		w.want(w.refresh("viewer", lost.str(t, "refresh_token")), 400, "invalid_grant")
		w.want(w.refresh("viewer", retried.str(t, "refresh_token")), 400, "invalid_grant")
	})
}

func TestRefreshLifetimes(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		clock := newClock()
		w := newWorld(t, format, func(o *options) {
			o.now = clock.now
			o.profile = func(p *authz.Profile) { p.RefreshAbsolute, p.RefreshIdle = 72*time.Hour, 24*time.Hour }
		})
		_, idle := w.issue("viewer")
		_, kept := w.issue("viewer")
		clock.advance(23 * time.Hour)
		kept = w.refresh("viewer", kept).str(t, "refresh_token")
		clock.advance(2 * time.Hour)
		w.want(w.refresh("viewer", idle), 400, "invalid_grant") // not exchanged in time
		clock.advance(20 * time.Hour)
		kept = w.refresh("viewer", kept).str(t, "refresh_token")
		clock.advance(20 * time.Hour)
		kept = w.refresh("viewer", kept).str(t, "refresh_token")
		clock.advance(6*time.Hour + 50*time.Minute)
		last := w.refresh("viewer", kept)
		w.want(last, 200, "")
		// Nothing outlives the absolute limit, the access token neither.
		if got := last.json(t)["expires_in"].(float64); got > 610 {
			t.Errorf("expires_in %v beyond the absolute limit", got)
		}
		clock.advance(11 * time.Minute)
		w.want(w.refresh("viewer", last.str(t, "refresh_token")), 400, "invalid_grant")
		w.want(w.call("GET", "/v1/transactions", last.str(t, "access_token")), 401, "invalid_token")
	})
}

func TestNothingOutlivesTheKeysOwnExpiry(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		clock := newClock()
		w := newWorld(t, format, func(o *options) { o.now = clock.now })
		w.update("viewer", func(c *storage.Client) { c.ExpiresAt = time.Now().Add(10 * time.Minute) })
		a := w.post("/oauth2/token", "viewer", "grant_type", "client_credentials")
		if got := a.json(t)["expires_in"].(float64); got > 600 {
			t.Errorf("expires_in %v beyond the key's expiry", got)
		}
		early, _ := w.issue("admin") // issued before its expiry was set
		w.update("admin", func(c *storage.Client) { c.ExpiresAt = time.Now().Add(time.Minute) })
		clock.advance(61 * time.Second)
		w.want(w.call("GET", "/v1/transactions", early), 401, "invalid_token")
		clock.advance(10 * time.Minute)
		w.want(w.refresh("viewer", a.str(t, "refresh_token")), 401, "invalid_client")
		w.want(w.post("/oauth2/token", "viewer", "grant_type", "client_credentials"), 401, "invalid_client")
	})
}

// update changes a client as administration would.
func (w *world) update(id string, change func(*storage.Client)) {
	w.Helper()
	c, err := w.store.Client(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	change(&c)
	done, err := w.store.UpdateClient(w.Context(), c, storage.Quorum{}, w.server.Installation().Until(), storage.Event{})
	if err != nil {
		w.Fatal(err)
	}
	w.server.Installation().Feed().Apply(done)
}

func TestSuspendResumeRevokeEndTokens(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		access, refresh := w.issue("viewer")
		w.update("viewer", func(c *storage.Client) { c.Status = storage.Suspended })
		w.want(w.call("GET", "/v1/transactions", access), 401, "invalid_token")
		w.want(w.refresh("viewer", refresh), 401, "invalid_client")
		w.want(w.post("/oauth2/token", "viewer", "grant_type", "client_credentials"), 401, "invalid_client")
		w.update("viewer", func(c *storage.Client) { c.Status = storage.Active })
		w.want(w.call("GET", "/v1/transactions", access), 200, "")
		a := w.refresh("viewer", refresh)
		w.want(a, 200, "")

		w.update("viewer", func(c *storage.Client) { c.Epoch++ })
		w.want(w.call("GET", "/v1/transactions", a.str(t, "access_token")), 401, "invalid_token")
		w.want(w.refresh("viewer", a.str(t, "refresh_token")), 400, "invalid_grant")
		fresh, virtual := w.issue("viewer")
		w.want(w.call("GET", "/v1/transactions", fresh), 200, "")
		w.update("viewer", func(c *storage.Client) { c.Epoch++ })
		w.want(w.refresh("viewer", virtual), 400, "invalid_grant") // a virtual grant dies as well

		access, refresh = w.issue("viewer")
		w.update("viewer", func(c *storage.Client) { c.Status = storage.Revoked })
		w.want(w.call("GET", "/v1/transactions", access), 401, "invalid_token")
		w.want(w.refresh("viewer", refresh), 401, "invalid_client")
	})
}

func TestForeignTokens(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	access, refresh := other.issue("viewer")
	w.want(w.call("GET", "/v1/transactions", access), 401, "invalid_token")
	w.want(w.refresh("viewer", refresh), 400, "invalid_grant")
	mine, mineRefresh := w.issue("viewer")
	for _, bad := range []string{flip(mine), mine[:len(mine)-1], mine + "A", strings.ToUpper(mine), "gwr_" + mine[4:], mineRefresh, "x", strings.Repeat("a", 9000)} {
		w.want(w.call("GET", "/v1/transactions", bad), 401, "invalid_token")
	}
	for _, bad := range []string{flip(mineRefresh), mineRefresh[1:], mine} {
		w.want(w.refresh("viewer", bad), 400, "invalid_grant")
	}
	none := w.do(w.request("GET", "/v1/transactions", "", ""))
	w.want(none, 401, "token_missing")
	if none.Header.Get("WWW-Authenticate") != `Bearer realm="api"` {
		t.Errorf("challenge %q", none.Header.Get("WWW-Authenticate"))
	}
	twice := w.request("GET", "/v1/transactions", "", "")
	twice.Header["Authorization"] = []string{"Bearer " + mine, "Bearer " + mine}
	w.want(w.do(twice), 400, "invalid_request")
	query := w.do(w.request("GET", "/v1/transactions?access_token="+mine, "", ""))
	w.want(query, 401, "token_missing")
}

// Copied root keys and database do not carry a token into another environment
// or to another issuer.
func TestTokensStayInTheirEnvironment(t *testing.T) {
	t.Parallel()
	var shared options
	live := newWorld(t, func(o *options) { o.issuer = "https://as.example"; shared = *o })
	access, refresh := live.issue("viewer")
	test := newWorldOver(t, shared, func(p *authz.Profile) { p.Environment = "test" })
	test.want(test.call("GET", "/v1/transactions", access), 401, "invalid_token")
	test.want(test.refresh("viewer", refresh), 401, "invalid_client") // the client is not of this environment
	test.want(test.post("/oauth2/token", "viewer", "grant_type", "client_credentials"), 401, "invalid_client")
}

func TestCORSPerClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.code(mobileRequest())
	exchange := func(origin string) answer {
		req := w.request("POST", "/oauth2/token", formType, "grant_type=authorization_code&client_id=mobile&code="+code+"&redirect_uri=http%3A%2F%2F127.0.0.1%3A7777%2Fcallback&code_verifier="+verifier)
		req.Header.Set("Origin", origin)
		return w.do(req)
	}
	if a := exchange("https://evil.example"); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin may read the answer: %v", a.Header)
	}
	if a := exchange("https://app.example"); a.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Errorf("the client's origin may not read the answer: %v", a.Header)
	}
	preflight := w.request("OPTIONS", "/oauth2/token", "", "")
	preflight.Header.Set("Origin", "https://app.example")
	preflight.Header.Set("Access-Control-Request-Method", "POST")
	if a := w.do(preflight); a.Status != http.StatusNoContent || a.Header.Get("Access-Control-Allow-Methods") != "POST" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight %d %v", a.Status, a.Header)
	}
}

func TestGuessingIsSlowedAndHonestLoadIsNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 20 {
		w.want(w.post("/oauth2/token", "", "grant_type", "client_credentials", "client_id", "viewer", "client_secret", token.NewSecret()), 401, "invalid_client")
	}
	over := w.post("/oauth2/token", "", "grant_type", "client_credentials", "client_id", "viewer", "client_secret", token.NewSecret())
	w.want(over, 429, "invalid_client")
	if over.Header.Get("Retry-After") == "" {
		t.Error("want Retry-After")
	}
	w.issue("viewer") // the right secret passes all the same
}

// fosite answers an unknown grant with invalid_request and a nil requester.
func TestUnsupportedGrantType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, grant := range []string{"implicit", "password", "urn:ietf:params:oauth:grant-type:device_code", "CLIENT_CREDENTIALS"} {
		w.want(w.post("/oauth2/token", "viewer", "grant_type", grant), 400, "unsupported_grant_type")
	}
}

// fosite sends its 401s without a challenge (RFC 6749 section 5.2, RFC 6750
// section 3).
func TestMissingWWWAuthenticate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, scheme := range map[string]string{"/oauth2/token": "Basic", "/oauth2/revoke": "Basic", "/oauth2/introspect": "Basic"} {
		a := w.post(path, "", "grant_type", "client_credentials", "token", "x", "client_id", "viewer", "client_secret", token.NewSecret())
		if a.Status != 401 || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), scheme+" ") {
			t.Errorf("%s: %d %q", path, a.Status, a.Header.Get("WWW-Authenticate"))
		}
	}
	if a := w.call("GET", "/v1/transactions", "nonsense"); !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), `Bearer error="invalid_token"`) {
		t.Errorf("guard: %q", a.Header.Get("WWW-Authenticate"))
	}
}

// fosite checks the grant type of client_credentials only once it answers, and
// grants no scope by itself.
func TestClientCredentialsGrantTypeIsCheckedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.post("/oauth2/token", "shop", "grant_type", "client_credentials", "scope", "transaction:read"), 400, "unauthorized_client")
	a := w.post("/oauth2/token", "viewer", "grant_type", "client_credentials", "scope", "transaction:read")
	if a.str(t, "scope") != "transaction:read" {
		t.Errorf("granted scope %q", a.str(t, "scope"))
	}
}
