package issuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/storage"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challenge(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func mobileRequest(change ...string) url.Values {
	q := url.Values{"response_type": {"code"}, "client_id": {"mobile"}, "redirect_uri": {mobileRedirect}, "scope": {"transaction:read"},
		"state": {"xyz"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == "" {
			q.Del(change[i])
		} else {
			q.Set(change[i], change[i+1])
		}
	}
	return q
}

// authorize shows the consent page; decide answers it.
func (w *world) authorize(q url.Values) answer {
	w.Helper()
	return w.do(w.request("GET", "/oauth2/authorize?"+q.Encode(), "", ""))
}

func (w *world) decide(q url.Values, consent, decision string) answer {
	w.Helper()
	return w.do(w.request("POST", "/oauth2/authorize?"+q.Encode(), formType, url.Values{"consent": {consent}, "decision": {decision}}.Encode()))
}

// code goes all the way to an authorization code.
func (w *world) code(q url.Values) string {
	w.Helper()
	page := w.authorize(q)
	if page.Status != 200 {
		w.Fatalf("authorize: %d %s %v", page.Status, page.Body, page.Header)
	}
	back := w.decide(q, page.str(w, "consent"), "allow")
	if back.Status != http.StatusSeeOther {
		w.Fatalf("decide: %d %s", back.Status, back.Body)
	}
	to, err := url.Parse(back.Header.Get("Location"))
	if err != nil {
		w.Fatal(err)
	}
	if to.Query().Get("iss") != w.web.URL || to.Query().Get("state") != q.Get("state") {
		w.Fatalf("want iss and state in %s", to)
	}
	return to.Query().Get("code")
}

func (w *world) exchange(client, code, redirect, codeVerifier string) answer {
	w.Helper()
	pairs := []string{"grant_type", "authorization_code", "code", code}
	if redirect != "" {
		pairs = append(pairs, "redirect_uri", redirect)
	}
	if codeVerifier != "" {
		pairs = append(pairs, "code_verifier", codeVerifier)
	}
	return w.post("/oauth2/token", client, pairs...)
}

func TestCodeGivesTokensOfThePerson(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		a := w.exchange("mobile", w.code(mobileRequest()), mobileRedirect, verifier)
		w.want(a, 200, "")
		called := w.call("GET", "/v1/transactions", a.str(t, "access_token"))
		w.want(called, 200, "")
		if called.Body != "user:ada" {
			t.Errorf("actor %q, want the person", called.Body)
		}
		// Ada is an operator and may initiate transfers, but the scopes do not say so.
		w.want(w.call("POST", "/v1/transfers", a.str(t, "access_token")), 403, "permission_denied")
		next := w.refresh("mobile", a.str(t, "refresh_token"))
		w.want(next, 200, "")
		w.want(w.call("GET", "/v1/transactions", a.str(t, "access_token")), 401, "invalid_token")
		w.want(w.call("GET", "/v1/transactions", next.str(t, "access_token")), 200, "")
	})
}

// Plain fosite deletes the PKCE session before it verifies, so that a second try
// without a verifier passes.
func TestPKCEDowngradeAfterFailedTry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.code(mobileRequest())
	w.want(w.exchange("mobile", code, mobileRedirect, strings.Repeat("w", 43)), 400, "invalid_grant")
	w.want(w.exchange("mobile", code, mobileRedirect, ""), 400, "invalid_grant")
	w.want(w.exchange("mobile", code, mobileRedirect, verifier[:42]), 400, "invalid_grant")
	w.want(w.exchange("mobile", code, mobileRedirect, verifier), 200, "")
}

func TestCodeRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.code(mobileRequest())
	for name, refused := range map[string]answer{
		"another redirect URI": w.exchange("mobile", code, mobileRedirect+"x", verifier),
		"no redirect URI":      w.exchange("mobile", code, "", verifier),
		"another client":       w.exchange("shop", code, mobileRedirect, verifier),
		"truncated":            w.exchange("mobile", code[:len(code)-1], mobileRedirect, verifier),
		"tampered":             w.exchange("mobile", flip(code), mobileRedirect, verifier),
		"another kind":         w.exchange("mobile", "gwa_"+code[4:], mobileRedirect, verifier),
	} {
		t.Run(name, func(t *testing.T) {
			if refused.Status != 400 || refused.str(t, "error") != "invalid_grant" {
				t.Errorf("%d %s", refused.Status, refused.Body)
			}
		})
	}
	// None of it spent the code.
	w.want(w.exchange("mobile", code, mobileRedirect, verifier), 200, "")
}

func flip(s string) string {
	b := []byte(s)
	if b[len(b)/2] == 'A' {
		b[len(b)/2] = 'B'
	} else {
		b[len(b)/2] = 'A'
	}
	return string(b)
}

func TestSecondUseOfACodeEndsWhatTheFirstIssued(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		code := w.code(mobileRequest())
		first := w.exchange("mobile", code, mobileRedirect, verifier)
		w.want(first, 200, "")
		// Another client's replay ends nothing.
		w.want(w.exchange("shop", code, mobileRedirect, verifier), 400, "invalid_grant")
		w.want(w.call("GET", "/v1/transactions", first.str(t, "access_token")), 200, "")
		w.want(w.exchange("mobile", code, mobileRedirect, verifier), 400, "invalid_grant")
		w.want(w.call("GET", "/v1/transactions", first.str(t, "access_token")), 401, "invalid_token")
		w.want(w.refresh("mobile", first.str(t, "refresh_token")), 400, "invalid_grant")
	})
}

// Plain fosite answers a lost race with 500.
func TestLostRedemptionIsInvalidGrant(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		code := w.code(mobileRequest())
		const racers = 16
		answers := make(chan answer, racers)
		for range racers {
			go func() { answers <- w.exchange("mobile", code, mobileRedirect, verifier) }()
		}
		won := 0
		for range racers {
			switch a := <-answers; {
			case a.Status == 200:
				won++
			case a.Status != 400 || a.str(t, "error") != "invalid_grant":
				t.Errorf("a loser got %d %s", a.Status, a.Body)
			}
		}
		if won != 1 {
			t.Errorf("%d redemptions won, want exactly 1", won)
		}
	})
}

func TestExpiredCode(t *testing.T) {
	t.Parallel()
	clock := newClock()
	w := newWorld(t, func(o *options) { o.now = clock.now })
	code := w.code(mobileRequest())
	clock.advance(61 * time.Second)
	w.want(w.exchange("mobile", code, mobileRedirect, verifier), 400, "invalid_grant")
}

// Errors before the redirect URI is known to be the client's are shown, never
// sent anywhere; later ones go back to the client with state and iss.
func TestAuthorizationRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		name   string
		change []string
		shown  string // error code on the page
		sent   string // error code in the redirect
	}{
		{"unknown client", []string{"client_id", "nobody"}, "invalid_request", ""},
		{"no client", []string{"client_id", ""}, "invalid_request", ""},
		{"look-alike host", []string{"redirect_uri", "http://127.0.0.1.evil.example:7777/callback"}, "invalid_request", ""},
		{"extra path", []string{"redirect_uri", mobileRedirect + "/more"}, "invalid_request", ""},
		{"dot segments", []string{"redirect_uri", "http://127.0.0.1:7777/x/../callback"}, "invalid_request", ""},
		{"extra query", []string{"redirect_uri", mobileRedirect + "?x=1"}, "invalid_request", ""},
		{"port zero", []string{"redirect_uri", "http://127.0.0.1:0/callback"}, "invalid_request", ""},
		{"port out of range", []string{"redirect_uri", "http://127.0.0.1:65536/callback"}, "invalid_request", ""},
		{"port with a leading zero", []string{"redirect_uri", "http://127.0.0.1:07777/callback"}, "invalid_request", ""},
		{"empty port", []string{"redirect_uri", "http://127.0.0.1:/callback"}, "invalid_request", ""},
		{"userinfo", []string{"redirect_uri", "http://127.0.0.1:7777@evil.example/callback"}, "invalid_request", ""},
		{"userinfo before loopback", []string{"redirect_uri", "http://evil@127.0.0.1:7777/callback"}, "invalid_request", ""},
		{"fragment", []string{"redirect_uri", mobileRedirect + "#x"}, "invalid_request", ""},
		{"backslash", []string{"redirect_uri", "http://127.0.0.1:7777\\@evil.example/callback"}, "invalid_request", ""},
		{"https on loopback", []string{"redirect_uri", "https://127.0.0.1:7777/callback"}, "invalid_request", ""},
		{"localhost for 127.0.0.1", []string{"redirect_uri", "http://localhost:7777/callback"}, "invalid_request", ""},
		{"IPv6 for IPv4", []string{"redirect_uri", "http://[::1]:7777/callback"}, "invalid_request", ""},
		{"case of the scheme", []string{"redirect_uri", "HTTP://127.0.0.1:7777/callback"}, "invalid_request", ""},
		{"several registered and none sent", []string{"redirect_uri", ""}, "invalid_request", ""},
		{"secret in the query", []string{"client_secret", "gws_x"}, "invalid_request", ""},
		{"implicit", []string{"response_type", "token"}, "", "unsupported_response_type"},
		{"hybrid", []string{"response_type", "code token"}, "", "unsupported_response_type"},
		{"no response type", []string{"response_type", ""}, "", "invalid_request"},
		{"fragment mode", []string{"response_mode", "fragment"}, "", "invalid_request"},
		{"request object", []string{"request", "x.y.z"}, "", "request_not_supported"},
		{"no challenge", []string{"code_challenge", "", "code_challenge_method", ""}, "", "invalid_request"},
		{"plain", []string{"code_challenge_method", "plain"}, "", "invalid_request"},
		{"method left out", []string{"code_challenge_method", ""}, "", "invalid_request"},
		{"short challenge", []string{"code_challenge", "abc"}, "", "invalid_request"},
		{"unknown scope", []string{"scope", "transaction:read everything"}, "", "invalid_scope"},
		{"scope in another case", []string{"scope", "Transaction:Read"}, "", "invalid_scope"},
		{"audience", []string{"audience", "https://elsewhere.example"}, "", "invalid_target"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := w.authorize(mobileRequest(tc.change...))
			if tc.shown != "" {
				if a.Status != 400 || a.str(t, "error") != tc.shown || a.Header.Get("Location") != "" {
					t.Errorf("want %s shown: %d %v %s", tc.shown, a.Status, a.Header, a.Body)
				}
				return
			}
			to, err := url.Parse(a.Header.Get("Location"))
			if err != nil || a.Status != http.StatusSeeOther {
				t.Fatalf("want a redirect: %d %s %v", a.Status, a.Body, err)
			}
			if q := to.Query(); q.Get("error") != tc.sent || q.Get("state") != "xyz" || q.Get("iss") != w.web.URL || !strings.HasPrefix(to.String(), mobileRedirect) {
				t.Errorf("redirect %s, want error %s", to, tc.sent)
			}
		})
	}
	duplicate := w.do(w.request("GET", "/oauth2/authorize?"+mobileRequest().Encode()+"&scope=more", "", ""))
	w.want(duplicate, 400, "invalid_request")
}

func TestLoopbackRedirectTakesAnyPort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const other = "http://127.0.0.1:51004/callback"
	w.want(w.exchange("mobile", w.code(mobileRequest("redirect_uri", other)), other, verifier), 200, "")
	const scheme = "com.example.app:/callback"
	w.want(w.exchange("mobile", w.code(mobileRequest("redirect_uri", scheme)), scheme, verifier), 200, "")
}

func TestRedirectKeepsItsOwnQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const redirect = "https://shop.example/second?keep=1"
	q := mobileRequest("client_id", "shop", "redirect_uri", redirect)
	page := w.authorize(q)
	to := w.decide(q, page.str(t, "consent"), "allow").Header.Get("Location")
	if !strings.HasPrefix(to, redirect+"&") {
		t.Errorf("redirect %s, want it to begin with %s&", to, redirect)
	}
}

func TestConsentIsBoundAndSingleUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := mobileRequest()
	consent := w.authorize(q).str(t, "consent")

	other := mobileRequest("scope", "transaction:read transfer:initiate")
	w.wantRedirectError(w.decide(other, consent, "allow"), "access_denied")
	w.wantRedirectError(w.decide(q, "gwi_nothing", "allow"), "access_denied")
	w.wantRedirectError(w.decide(q, "", "allow"), "access_denied")
	w.wantRedirectError(w.decide(q, consent, "maybe"), "invalid_request")
	w.person.Session = "s2"
	w.wantRedirectError(w.decide(q, consent, "allow"), "access_denied")
	w.person.Session, w.person.Subject = "s1", "eve"
	w.wantRedirectError(w.decide(q, consent, "allow"), "access_denied")
	w.person.Subject = "ada"

	if a := w.decide(q, consent, "allow"); !strings.Contains(a.Header.Get("Location"), "code=") {
		t.Fatalf("want a code: %d %s", a.Status, a.Header.Get("Location"))
	}
	w.wantRedirectError(w.decide(q, consent, "allow"), "access_denied")

	w.wantRedirectError(w.decide(q, w.authorize(q).str(t, "consent"), "deny"), "access_denied")
}

func (w *world) wantRedirectError(a answer, code string) {
	w.Helper()
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || to.Query().Get("error") != code || to.Query().Has("code") {
		w.Errorf("want a redirect with error %s, got %d %q", code, a.Status, a.Header.Get("Location"))
	}
}

func TestCrossOriginFormIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := mobileRequest()
	consent := w.authorize(q).str(t, "consent")
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		req := w.request("POST", "/oauth2/authorize?"+q.Encode(), formType, url.Values{"consent": {consent}, "decision": {"allow"}}.Encode())
		req.Header.Set(header, value)
		w.want(w.do(req), 400, "invalid_request")
	}
}

func TestSuspendedMemberGetsNothing(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		a := w.exchange("mobile", w.code(mobileRequest()), mobileRedirect, verifier)
		w.want(a, 200, "")
		code := w.code(mobileRequest())

		m, err := w.store.Member(t.Context(), "acme", "ada")
		if err != nil {
			t.Fatal(err)
		}
		m.Status = storage.Suspended
		change, err := w.store.UpdateMember(t.Context(), m, storage.Quorum{}, w.server.Installation().Until(), storage.Event{})
		if err != nil {
			t.Fatal(err)
		}
		w.server.Installation().Feed().Apply(change)
		w.want(w.call("GET", "/v1/transactions", a.str(t, "access_token")), 401, "invalid_token")
		w.want(w.refresh("mobile", a.str(t, "refresh_token")), 400, "invalid_grant")
		w.want(w.exchange("mobile", code, mobileRedirect, verifier), 400, "invalid_grant")

		if m, err = w.store.Member(t.Context(), "acme", "ada"); err != nil {
			t.Fatal(err)
		}
		m.Status = storage.Active
		if change, err = w.store.UpdateMember(t.Context(), m, storage.Quorum{}, w.server.Installation().Until(), storage.Event{}); err != nil {
			t.Fatal(err)
		}
		w.server.Installation().Feed().Apply(change)
		// Nothing was consumed, nothing counted as reuse.
		w.want(w.call("GET", "/v1/transactions", a.str(t, "access_token")), 200, "")
		w.want(w.refresh("mobile", a.str(t, "refresh_token")), 200, "")
		w.want(w.exchange("mobile", code, mobileRedirect, verifier), 200, "")
	})
}

func TestConsentsCanBeListedAndWithdrawn(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		a := w.exchange("mobile", w.code(mobileRequest()), mobileRedirect, verifier)
		given, err := w.server.Consents(t.Context(), "ada")
		if err != nil || len(given) != 1 || given[0].ClientID != "mobile" {
			t.Fatalf("consents %v, %v", given, err)
		}
		if err := w.server.WithdrawConsent(t.Context(), "eve", given[0].ID); err == nil {
			t.Error("eve withdrew ada's consent")
		}
		if err := w.server.WithdrawConsent(t.Context(), "ada", given[0].ID); err != nil {
			t.Fatal(err)
		}
		w.want(w.call("GET", "/v1/transactions", a.str(t, "access_token")), 401, "invalid_token")
		w.want(w.refresh("mobile", a.str(t, "refresh_token")), 400, "invalid_grant")
	})
}

func TestPKCEOptionalForConfidentialClientsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.profile = func(p *authz.Profile) { p.PKCEOptional = true } })
	q := mobileRequest("client_id", "shop", "redirect_uri", webRedirect, "code_challenge", "", "code_challenge_method", "")
	// A verifier for a code without a challenge is the downgrade of RFC 9700 section 4.8.2.
	code := w.code(q)
	w.want(w.exchange("shop", code, webRedirect, verifier), 400, "invalid_grant")
	w.want(w.exchange("shop", code, webRedirect, ""), 200, "")
	w.wantRedirectError(w.authorize(mobileRequest("code_challenge", "", "code_challenge_method", "")), "invalid_request")
}

// fosite demands a state of every request; with PKCE it is the client's to use.
func TestStateIsOptionalAndComesBackUnchanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, state := range []string{"", "x", "a b&c=d", strings.Repeat("s", 500)} {
		q := mobileRequest("state", state)
		page := w.authorize(q)
		to, err := url.Parse(w.decide(q, page.str(t, "consent"), "allow").Header.Get("Location"))
		if err != nil || to.Query().Get("code") == "" || to.Query().Get("state") != state || to.Query().Has("state") != (state != "") {
			t.Errorf("state %q: redirect %v, %v", state, to, err)
		}
	}
}
