package signin_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/storage"
)

// The whole way of a mobile app: login, consent, code, token, a guarded call,
// the list of consents, withdrawal, sign-out.
func TestCodeFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()

	login := b.get(authorize())
	b.wantPage(login, http.StatusOK, loginForm)
	b.wantPage(login, http.StatusOK, "<bdi>Corner Shop</bdi>")
	signed := b.submit(login, "username", " Ada@Example.com ", "password", password)
	if got := signed.Header.Get("Location"); "/oauth2/authorize"+got != authorize() {
		t.Errorf("sent to %q, want the same query", got)
	}
	consent := b.follow(signed)
	for _, says := range []string{consentForm, "<bdi>Corner Shop</bdi>", "<bdi>Acme &amp; Sons</bdi>", "<bdi>transaction:read</bdi>", "<bdi>Ada</bdi>", "<bdi>shop.example</bdi>"} {
		b.wantPage(consent, http.StatusOK, says)
	}
	told := b.answered(b.submit(consent, "decision", "allow"))
	if told.Get("state") != "st ate&x" || told.Get("iss") != w.web.URL || told.Get("error") != "" {
		t.Errorf("the client is told %v", told)
	}
	tokens := b.redeem(told.Get("code"))
	if status := b.call(tokens["access_token"]); status != http.StatusOK {
		t.Errorf("guarded call: %d", status)
	}

	// The session lasts: no second login, but a second question.
	b.wantPage(b.get(authorize("state", "2")), http.StatusOK, consentForm)

	own := b.get("/oauth2/session/")
	b.wantPage(own, http.StatusOK, "<bdi>Corner Shop</bdi>")
	id := between(own.Body, `name="withdraw" value="`, `"`)
	b.wantPage(b.follow(b.submit(own, "withdraw", id)), http.StatusOK, `role="status">The access has been withdrawn.`)
	if status := b.call(tokens["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("guarded call after withdrawal: %d, want 401", status)
	}
	b.wantPage(b.get("/oauth2/session/"), http.StatusOK, "None has access in your name.")

	copied := b.cookie("session")
	b.wantPage(b.follow(b.submit(own, "sign_out", "1")), http.StatusOK, "You are signed out in this browser.")
	if b.cookie("session") != nil {
		t.Error("the session cookie outlives the sign-out")
	}
	b.wantPage(b.get(authorize()), http.StatusOK, loginForm)
	b.plant(copied)
	b.wantPage(b.get(authorize()), http.StatusOK, loginForm)

	if e := w.events("signin.succeeded", 1)[0]; e.Actor != "user:ada" || e.Address != "127.0.0.1" || e.Client != "mobile" || e.Outcome != "ok" {
		t.Errorf("event %+v", e)
	}
	if e := w.events("signin.ended", 1)[0]; e.Actor != "user:ada" || e.Reason != "signed_out" {
		t.Errorf("event %+v", e)
	}
}

func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	return s
}

// Where tokens will be bound to an account, the person sees which, masked.
func TestConsentShowsTheMaskedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for account, says := range map[string]string{
		"1234xxxxxx567": "For your account <strong><bdi>1234xxxxxx567</bdi></strong> and no other.",
		"<b>xxxx</b>":   "<bdi>&lt;b&gt;xxxx&lt;/b&gt;</bdi>",
		"":              "",
	} {
		rec := httptest.NewRecorder()
		w.pages.Consent(rec, httptest.NewRequestWithContext(t.Context(), "GET", authorize(), nil), &issuer.Consent{ID: "gwi_question",
			Person:  issuer.Person{Subject: "ada", Session: "s", Name: "Ada"},
			Request: &issuer.AuthorizationRequest{ClientID: "mobile", ClientName: "Corner Shop", RedirectURI: redirect, MaskedAccount: account}})
		page := rec.Body.String()
		if rec.Code != http.StatusOK || !strings.Contains(page, says) || strings.Contains(page, "your account") != (account != "") {
			t.Errorf("account %q: %d\n%s", account, rec.Code, page)
		}
	}
}

// given is a list of consents that never changes.
type given []issuer.GivenConsent

func (g given) Consents(context.Context, string) ([]issuer.GivenConsent, error) { return g, nil }
func (g given) WithdrawConsent(context.Context, string, storage.ID) error       { return nil }

func TestOwnPageShowsTheMaskedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	b.signIn(authorize(), "ada@example.com")
	w.pages.AttachConsents(given{{Client: "Money Manager", MaskedAccount: "1234xxxxxx567"}, {Client: "Corner Shop"}})
	page := b.get("/oauth2/session/")
	b.wantPage(page, http.StatusOK, "For your account <strong><bdi>1234xxxxxx567</bdi></strong>.")
	if n := strings.Count(page.Body, "For your account"); n != 1 {
		t.Errorf("%d accounts shown, want 1", n)
	}
}

func TestDeny(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	told := b.answered(b.submit(b.signIn(authorize(), "bob"), "decision", "deny"))
	if told.Get("error") != "access_denied" || told.Get("code") != "" || told.Get("iss") != w.web.URL {
		t.Errorf("the client is told %v", told)
	}
}

func TestAnotherAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	consent := b.signIn(authorize(), "ada@example.com")
	old := b.cookie("session")

	// Without the page's token nothing happens.
	forged := b.do("POST", consent.At, map[string][]string{"switch": {"1"}})
	b.wantPage(b.follow(forged), http.StatusOK, consentForm)

	b.wantPage(b.follow(b.submit(consent, "switch", "1", "consent", "")), http.StatusOK, loginForm)
	b.wantPage(b.signIn(authorize(), "bob"), http.StatusOK, consentForm)
	b.plant(old)
	b.wantPage(b.get(authorize()), http.StatusOK, loginForm)
}

// Pages say nothing that a client or a person could make into markup, and carry
// the headers that keep them out of frames, caches and scripts.
func TestPagesAreInert(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	evilRequest := authorize("client_id", "evil", "state", evil)
	login := b.get(evilRequest)
	failed := b.submit(login, "username", evil, "password", "wrong")
	consent := b.signIn(evilRequest, "bob")
	told := b.answered(b.submit(consent, "decision", "allow"))
	if told.Get("state") != evil {
		t.Errorf("state %q", told.Get("state"))
	}
	pages := map[string]answer{"login": login, "failed": failed, "consent": consent, "own": b.get("/oauth2/session/"), "not found": b.get("/oauth2/session/" + "%3Cscript%3E")}
	for name, page := range pages {
		if strings.Contains(page.Body, "<script") || strings.Contains(page.Body, `"'&`) || strings.Contains(page.Body, "http://") || strings.Contains(page.Body, "https://") {
			t.Errorf("%s: not escaped, or it loads something:\n%s", name, page.Body)
		}
		for header, want := range map[string]string{"X-Frame-Options": "DENY", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
			"X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8"} {
			if got := page.Header.Values(header); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s: %q, want %q", name, header, got, want)
			}
		}
		policy := page.Header.Get("Content-Security-Policy")
		if want := "default-src 'none'; style-src '" + styleHash(page.Body) + "'; frame-ancestors 'none'; base-uri 'none'"; policy != want {
			t.Errorf("%s: policy %q, want %q", name, policy, want)
		}
	}
	b.wantPage(failed, http.StatusBadRequest, `role="alert"`)
	b.wantPage(failed, http.StatusBadRequest, "&lt;script&gt;")
	b.wantPage(consent, http.StatusOK, "&lt;script&gt;")
}

func TestCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	login := b.get(authorize())
	signed := b.submit(login, "username", "bob", "password", password)
	cookies := append(login.Header.Values("Set-Cookie"), signed.Header.Values("Set-Cookie")...)
	if len(cookies) != 3 {
		t.Fatalf("cookies %q, want login, session and device", cookies)
	}
	for _, line := range cookies {
		c, err := http.ParseSetCookie(line)
		must(t, err)
		if !strings.HasPrefix(c.Name, "__Host-gatewright_") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s", line)
		}
		if strings.Contains(c.Value, "bob") || strings.Contains(c.Value, "script") {
			t.Errorf("readable cookie %s", line)
		}
		if kept := c.MaxAge > 0; kept != strings.HasSuffix(c.Name, "device") {
			t.Errorf("lifetime of %s", line)
		}
	}
}

// On http, which only loopback issuers may use, a cookie can be neither Secure
// nor __Host-, and servers on other ports must not meet it.
func TestCookiesOnLoopback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.name = "http://127.0.0.1:8080" })
	page := w.browser().get(authorize())
	c, err := http.ParseSetCookie(page.Header.Get("Set-Cookie"))
	must(t, err)
	if c.Name != "gatewright_login_8080" || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %v", c)
	}
}

func TestScopeText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) {
		s.Title, s.UsernameLabel = "Corner <Bank>", "Customer number"
		s.ScopeText = func(scope string) string { return map[string]string{"transaction:read": "See <all> you paid"}[scope] }
	})
	b := w.browser()
	b.wantPage(b.get(authorize()), http.StatusOK, "<h1>Corner &lt;Bank&gt;</h1>")
	b.wantPage(b.get(authorize()), http.StatusOK, `<label for="username">Customer number</label>`)
	consent := b.signIn(authorize("scope", "transaction:read account:read", "redirect_uri", mobileBack, "client_id", "nameless"), "bob")
	for _, says := range []string{"See &lt;all&gt; you paid", "<bdi>account:read</bdi>", "com.example.app: (an app on this device)", "<bdi>nameless</bdi>"} {
		b.wantPage(consent, http.StatusOK, says)
	}
}
