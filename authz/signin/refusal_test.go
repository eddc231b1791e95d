package signin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/storage"
)

func styleHash(page string) string {
	sum := sha256.Sum256([]byte(between(page, "<style>", "</style>")))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Whatever is wrong with a login form, nobody is signed in and the form comes
// again.
func TestLoginRefusals(t *testing.T) {
	t.Parallel()
	type try struct {
		name   string
		change func(b *browser, form url.Values)
		status int
		says   string
		asked  bool // the host is asked for the password
	}
	wrong := "The name or the password is wrong."
	lapsed := "This page was open for too long"
	tries := []try{
		{"wrong password", func(_ *browser, f url.Values) { f.Set("password", "wrong") }, 400, wrong, true},
		{"unknown user", func(_ *browser, f url.Values) { f.Set("username", "nobody") }, 400, wrong, true},
		{"password with a space behind", func(_ *browser, f url.Values) { f.Set("password", password+" ") }, 400, wrong, true},
		{"password in another case", func(_ *browser, f url.Values) { f.Set("password", strings.ToUpper(password)) }, 400, wrong, true},
		{"endless password", func(_ *browser, f url.Values) { f.Set("password", strings.Repeat("x", signin.MaxPassword+1)) }, 400, wrong, false},
		{"endless name", func(_ *browser, f url.Values) { f.Set("username", strings.Repeat("x", 300)) }, 400, wrong, false},
		{"no password", func(_ *browser, f url.Values) { f.Del("password") }, 400, "Please enter both", false},
		{"empty password", func(_ *browser, f url.Values) { f.Set("password", "") }, 400, "Please enter both", false},
		{"no name", func(_ *browser, f url.Values) { f.Del("username") }, 400, "Please enter both", false},
		{"name of white space", func(_ *browser, f url.Values) { f.Set("username", "  ") }, 400, "Please enter both", false},
		{"no token", func(_ *browser, f url.Values) { f.Del("token") }, 400, lapsed, false},
		{"tampered token", func(_ *browser, f url.Values) { f.Set("token", tamper(f.Get("token"))) }, 400, lapsed, false},
		{"token of another browser", func(b *browser, f url.Values) {
			f.Set("token", b.world.browser().get(authorize()).fields().Get("token"))
		}, 400, lapsed, false},
		{"the cookie as token", func(b *browser, f url.Values) { f.Set("token", b.cookie("login").Value) }, 400, lapsed, false},
		{"no cookie", func(b *browser, _ url.Values) { b.http.Jar = nil }, 400, lapsed, false},
		{"another browser's cookie", func(b *browser, _ url.Values) {
			other := b.world.browser()
			other.get(authorize())
			b.plant(other.cookie("login"))
		}, 400, lapsed, false},
		{"tampered cookie", func(b *browser, _ url.Values) {
			c := b.cookie("login")
			c.Value = tamper(c.Value)
			b.plant(c)
		}, 400, lapsed, false},
		{"form of yesterday", func(b *browser, _ url.Values) { b.clock.advance(24 * time.Hour) }, 400, lapsed, false},
		{"repeated name", func(_ *browser, f url.Values) { f.Add("username", "ada@example.com") }, 400, "Sign-in cannot continue", false},
		{"control character", func(_ *browser, f url.Values) { f.Set("username", "bob\x00") }, 400, "Sign-in cannot continue", false},
	}
	for _, try := range tries {
		t.Run(try.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser()
			form := b.get(authorize()).fields()
			form.Set("username", "bob")
			form.Set("password", password)
			try.change(b, form)
			got := b.do("POST", authorize(), form)
			if got.Status != try.status || !strings.Contains(got.Body, try.says) {
				t.Errorf("status %d, want %d with %q:\n%s", got.Status, try.status, try.says, got.Body)
			}
			if !strings.Contains(got.Body, "cannot continue") && !strings.Contains(got.Body, loginForm) {
				t.Error("the form does not come again")
			}
			if strings.Contains(got.Body, password) {
				t.Error("the page repeats the password")
			}
			if asked := w.users.asked.Load() > 0; asked != try.asked {
				t.Errorf("the host was asked: %v", asked)
			}
			for _, line := range got.Header.Values("Set-Cookie") {
				if strings.Contains(line, "session") {
					t.Error("a session was begun")
				}
			}
		})
	}
}

// tamper changes one character in the middle of a base64url text.
func tamper(s string) string {
	i := len(s) / 2
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

// A failed login is recorded with its exact reason, and without what was typed.
func TestFailuresAreRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	page := b.get(authorize())
	b.submit(page, "username", "my-secret-by-mistake", "password", "wrong")
	b.submit(page, "username", "bob", "password", "wrong")
	reasons := map[string]bool{}
	for _, e := range w.events("signin.failed", 2) {
		reasons[e.Reason] = true
		if e.Actor != "" || e.Target != "" || e.Outcome != "access_denied" || e.Address != "127.0.0.1" || e.Before != nil || e.After != nil {
			t.Errorf("event %+v", e)
		}
	}
	if !reasons["unknown_user"] || !reasons["wrong_password"] {
		t.Errorf("reasons %v", reasons)
	}
}

// A session ends in more ways than one, and then nothing can be decided with it.
func TestSessionRefusals(t *testing.T) {
	t.Parallel()
	spoil := func(change func(string) string) func(*browser) {
		return func(b *browser) {
			c := b.cookie("session")
			c.Value = change(c.Value)
			b.plant(c)
		}
	}
	for name, change := range map[string]func(b *browser){
		"expired":   func(b *browser) { b.clock.advance(8*time.Hour + time.Second) },
		"tampered":  spoil(tamper),
		"cut":       spoil(func(s string) string { return s[:len(s)-4] }),
		"empty":     spoil(func(string) string { return "" }),
		"junk":      spoil(func(string) string { return "junk" }),
		"plain":     spoil(func(string) string { return base64.RawURLEncoding.EncodeToString([]byte(`{"id":"x","sub":"ada"}`)) }),
		"login's":   func(b *browser) { spoil(func(string) string { return b.cookie("login").Value })(b) },
		"device's":  func(b *browser) { spoil(func(string) string { return b.cookie("device").Value })(b) },
		"removed":   func(b *browser) { b.users.gone.Store(true) },
		"other key": func(b *browser) { b.plant(newWorld(b.T).signedIn("ada@example.com")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser()
			consent := b.signIn(authorize(), "ada@example.com")
			change(b)
			b.wantPage(b.submit(consent, "decision", "allow"), http.StatusBadRequest, "Your sign-in has ended.")
			b.wantPage(b.get(authorize()), http.StatusOK, loginForm)
			b.wantPage(b.get("/oauth2/session/"), http.StatusOK, loginForm)
		})
	}
}

// signedIn returns the session cookie of a browser in which somebody signed in.
func (w *world) signedIn(username string) *http.Cookie {
	w.Helper()
	b := w.browser()
	b.signIn(authorize(), username)
	return b.cookie("session")
}

// A consent is answered once, by whom it was shown to, about what it said.
func TestConsentRefusals(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b *browser, consent *answer){
		"replayed":          func(b *browser, c *answer) { b.answered(b.submit(*c, "decision", "allow")) },
		"replayed denial":   func(b *browser, c *answer) { b.answered(b.submit(*c, "decision", "deny")) },
		"another person":    func(b *browser, _ *answer) { b.plant(b.world.signedIn("bob")) },
		"another session":   func(b *browser, _ *answer) { b.plant(b.world.signedIn("ada@example.com")) },
		"another state":     func(_ *browser, c *answer) { c.At = authorize("state", "other") },
		"more scopes":       func(_ *browser, c *answer) { c.At = authorize("scope", "transaction:read account:read") },
		"another challenge": func(_ *browser, c *answer) { c.At = authorize("code_challenge", strings.Repeat("A", 43)) },
		"another client":    func(_ *browser, c *answer) { c.At = authorize("client_id", "evil") },
		"a parameter more":  func(_ *browser, c *answer) { c.At = authorize("nonce", "1") },
		"lapsed":            func(b *browser, _ *answer) { b.clock.advance(11 * time.Minute) },
		"tampered": func(_ *browser, c *answer) {
			c.Body = strings.Replace(c.Body, `"consent" value="gwi_A`, `"consent" value="gwi_B`, 1)
		},
		"the token as an id": func(_ *browser, c *answer) { c.Body = strings.Replace(c.Body, `name="consent"`, `name="other"`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser()
			consent := b.signIn(authorize(), "ada@example.com")
			change(b, &consent)
			told := b.answered(b.submit(consent, "decision", "allow"))
			if told.Get("code") != "" || told.Get("error") != "access_denied" {
				t.Errorf("the client is told %v", told)
			}
		})
	}
	for name, decision := range map[string]string{"maybe": "maybe", "upper case": "ALLOW"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newWorld(t).browser()
			if told := b.answered(b.submit(b.signIn(authorize(), "bob"), "decision", decision)); told.Get("error") != "invalid_request" {
				t.Errorf("the client is told %v", told)
			}
		})
	}
}

// Browsers tell where a form comes from; forms of other sites do nothing.
func TestOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	origins := map[string]func(*http.Request){
		"cross-site":     func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same-site":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"opaque origin":  func(r *http.Request) { r.Header.Set("Origin", "null") },
	}
	for name, header := range origins {
		t.Run(name, func(t *testing.T) {
			b := w.browser()
			login := b.get(authorize())
			b.send = header
			if got := b.submit(login, "username", "bob", "password", password); got.Status < 400 {
				t.Errorf("login: %d", got.Status)
			}
			b.send = nil
			consent := b.signIn(authorize(), "bob")
			own := b.get("/oauth2/session/")
			b.send = header
			if got := b.submit(consent, "decision", "allow"); got.Status < 400 {
				t.Errorf("consent: %d", got.Status)
			}
			b.wantPage(b.submit(own, "sign_out", "1"), http.StatusForbidden, "This form was not sent by our own page.")
			b.send = nil
			b.wantPage(b.get("/oauth2/session/"), http.StatusOK, "Your sign-in")
		})
	}
}

// Whatever the URL looks like, a login leads back to this server.
func TestNoOpenRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, at := range []string{
		"/oauth2/session/",
		authorize("state", "//evil.example"),
		authorize("redirect", "https://evil.example", "return_to", "//evil.example"),
	} {
		b := w.browser()
		got := b.submit(b.get(at), "username", "bob", "password", password)
		location := got.Header.Get("Location")
		if got.Status != http.StatusSeeOther || !strings.HasPrefix(location, "?") && !strings.HasPrefix(location, "./") {
			t.Errorf("%s: status %d to %q", at, got.Status, location)
		}
		b.follow(got)
	}
	// Requests whose answer would lead elsewhere never get as far as a page.
	for _, to := range []string{"https://evil.example/callback", "https://shop.example.evil.example/callback", "https://shop.example/callback/../x", "//shop.example/callback", "javascript:alert(1)"} {
		b := w.browser()
		if got := b.get(authorize("redirect_uri", to)); got.Status != http.StatusBadRequest || got.Header.Get("Location") != "" {
			t.Errorf("%s: status %d to %q", to, got.Status, got.Header.Get("Location"))
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		for _, at := range []string{authorize(), "/oauth2/session/"} {
			if got := b.do(method, at, nil); got.Status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d, want 405", method, at, got.Status)
			}
		}
	}
	// An authorization request is no question that a HEAD could ask.
	for at, want := range map[string]int{authorize(): http.StatusMethodNotAllowed, "/oauth2/session/": http.StatusOK} {
		if got := b.do("HEAD", at, nil); got.Status != want || got.Body != "" {
			t.Errorf("HEAD %s: %d with %q", at, got.Status, got.Body)
		}
	}
	if got := b.get("/oauth2/session/other"); got.Status != http.StatusNotFound {
		t.Errorf("another page: %d", got.Status)
	}
	long := url.Values{"sign_out": {strings.Repeat("x", 20<<10)}}
	if got := b.do("POST", "/oauth2/session/", long); got.Status != http.StatusBadRequest {
		t.Errorf("long form: %d", got.Status)
	}
}

// Buttons of the person's own page need its token, and end nobody else's.
func TestOwnPageRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.browser()
	consent := ada.signIn(authorize(), "ada@example.com")
	ada.redeem(ada.answered(ada.submit(consent, "decision", "allow")).Get("code"))
	id := between(ada.get("/oauth2/session/").Body, `name="withdraw" value="`, `"`)

	bob := w.browser()
	bob.signIn(authorize(), "bob")
	own := bob.get("/oauth2/session/")
	bob.wantPage(bob.submit(own, "withdraw", id), http.StatusNotFound, "There is no such access")
	bob.wantPage(bob.submit(own, "withdraw", "junk"), http.StatusNotFound, "There is no such access")
	bob.wantPage(bob.submit(own, "withdraw", storage.ID{}.String()), http.StatusNotFound, "There is no such access")
	bob.wantPage(bob.submit(own, "sign_out", "1", "token", ""), http.StatusBadRequest, "Nothing has changed.")
	bob.wantPage(bob.submit(own, "sign_out", "1", "token", ada.get("/oauth2/session/").fields().Get("token")), http.StatusBadRequest, "Nothing has changed.")
	bob.wantPage(bob.follow(bob.submit(own)), http.StatusOK, "Your sign-in")
	bob.wantPage(bob.follow(answer{Status: 303, Header: http.Header{"Location": {"?signed_out"}}, At: "/oauth2/session/"}), http.StatusSeeOther, "")
	ada.wantPage(ada.get("/oauth2/session/"), http.StatusOK, "<bdi>Corner Shop</bdi>")
}
