package signin_test

import (
	"net/http"
	"testing"
	"time"
)

// prompt=login asks again although somebody is signed in, once, and does not
// loop (OpenID Connect Core section 3.1.2.1).
func TestPromptLogin(t *testing.T) {
	t.Parallel()
	for _, prompt := range []string{"login", "select_account", "login consent"} {
		t.Run(prompt, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser()
			b.signIn(authorize(), "ada@example.com")
			fresh := authorize("prompt", prompt)
			login := b.get(fresh)
			b.wantPage(login, http.StatusOK, loginForm)
			consent := b.follow(b.submit(login, "username", "ada@example.com", "password", password))
			b.wantPage(consent, http.StatusOK, consentForm)
			if told := b.answered(b.submit(consent, "decision", "allow")); told.Get("code") == "" {
				t.Errorf("the client is told %v", told)
			}
			// The login counts for that request once, and for no other.
			b.wantPage(b.get(fresh), http.StatusOK, loginForm)
			b.wantPage(b.get(authorize("prompt", prompt, "state", "other")), http.StatusOK, loginForm)
			b.wantPage(b.get(authorize()), http.StatusOK, consentForm)
		})
	}
}

func TestFreshLoginRefusals(t *testing.T) {
	t.Parallel()
	fresh := authorize("prompt", "login")
	for name, change := range map[string]func(b *browser, back *answer){
		"too late":         func(b *browser, _ *answer) { b.clock.advance(6 * time.Minute) },
		"another request":  func(_ *browser, back *answer) { back.Header.Set("Location", fresh[len("/oauth2/authorize"):]+"&x=1") },
		"an older session": func(b *browser, _ *answer) { b.plant(b.world.signedIn("ada@example.com")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser()
			back := b.submit(b.get(fresh), "username", "ada@example.com", "password", password)
			change(b, &back)
			b.wantPage(b.follow(back), http.StatusOK, loginForm)
		})
	}
	t.Run("a form that decides nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		b := w.browser()
		b.signIn(authorize(), "ada@example.com")
		b.wantPage(b.do("POST", fresh, map[string][]string{"decision": {""}}), http.StatusOK, loginForm)
		b.wantPage(b.do("POST", fresh, map[string][]string{"other": {"1"}}), http.StatusOK, loginForm)
	})
	t.Run("HEAD", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		b := w.browser()
		back := b.submit(b.get(fresh), "username", "ada@example.com", "password", password)
		b.do("HEAD", fresh, nil) // uses nothing up
		b.wantPage(b.follow(back), http.StatusOK, consentForm)
	})
}

// prompt=none shows no page: the client is told what is missing.
func TestPromptNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	silent := authorize("prompt", "none")
	if told := b.answered(b.get(silent)); told.Get("error") != "login_required" || told.Get("iss") != w.web.URL || told.Get("state") == "" {
		t.Errorf("nobody signed in: the client is told %v", told)
	}
	b.signIn(authorize(), "bob")
	if told := b.answered(b.get(silent)); told.Get("error") != "consent_required" {
		t.Errorf("signed in: the client is told %v", told)
	}
	if told := b.answered(b.get(authorize("prompt", "none login"))); told.Get("error") != "invalid_request" {
		t.Errorf("none and login: the client is told %v", told)
	}
}
