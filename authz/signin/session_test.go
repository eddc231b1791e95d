package signin_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// A session id that an attacker planted, or that was there before, does not live
// on after a login.
func TestNoSessionFixation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	attacker := w.browser()
	attacker.signIn(authorize(), "bob")
	planted := attacker.cookie("session")

	victim := w.browser()
	victim.plant(planted)
	// The consent page shows whose session it is; the victim signs in.
	victim.wantPage(victim.signIn(authorize("prompt", "login"), "ada@example.com"), http.StatusOK, "<bdi>Ada</bdi>")
	if victim.cookie("session").Value == planted.Value {
		t.Error("the planted session lives on")
	}
	// The planted session is over, so that it never becomes Ada's.
	attacker.wantPage(attacker.get(authorize()), http.StatusOK, loginForm)
	if e := w.events("signin.ended", 1)[0]; e.Actor != "user:bob" || e.Reason != "replaced" {
		t.Errorf("event %+v", e)
	}
}

func TestEachLoginIsAnotherSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, desk := w.browser(), w.browser()
	phone.signIn(authorize(), "ada@example.com")
	desk.signIn(authorize(), "ada@example.com")
	own := desk.get("/oauth2/session/")
	desk.submit(own, "sign_out", "1")
	// Signing out of one leaves the other alone.
	phone.wantPage(phone.get(authorize()), http.StatusOK, consentForm)
	desk.wantPage(desk.get(authorize()), http.StatusOK, loginForm)
}

func TestSessionForIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.SessionFor = time.Hour })
	b := w.browser()
	b.signIn(authorize(), "bob")
	w.clock.advance(59 * time.Minute)
	b.wantPage(b.get(authorize()), http.StatusOK, consentForm)
	w.clock.advance(2 * time.Minute) // using it has not made it longer
	b.wantPage(b.get(authorize()), http.StatusOK, loginForm)
}

// Instances over one store and one set of keys share sessions and their end.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	var roots setup
	one := newWorld(t, func(s *setup) { s.name = "https://as.example"; roots = *s })
	two := newWorld(t, func(s *setup) { s.name, s.store, s.roots = "https://as.example", roots.store, roots.roots })
	b, c := one.browser(), two.browser()
	b.signIn(authorize(), "ada@example.com")
	c.plant(b.cookie("session"))
	c.wantPage(c.get(authorize()), http.StatusOK, consentForm)
	b.submit(b.get("/oauth2/session/"), "sign_out", "1")
	c.wantPage(c.get(authorize()), http.StatusOK, loginForm)
}

// A session outlives the rotation of the key that sealed it.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	consent := b.signIn(authorize(), "ada@example.com")
	ring := w.server.Installation().Keyring()
	must(t, ring.Rotate(t.Context(), keyring.Tokens, "test"))
	w.clock.advance(time.Minute)
	must(t, ring.Tick(t.Context()))
	if told := b.answered(b.submit(consent, "decision", "allow")); told.Get("code") == "" {
		t.Errorf("the client is told %v", told)
	}
	b.wantPage(b.get("/oauth2/session/"), http.StatusOK, "Your sign-in")
}

// A cookie sealed with a key that another instance has just made is not taken
// for a forged one.
func TestKeyOfAnotherInstance(t *testing.T) {
	t.Parallel()
	var shared setup
	one := newWorld(t, func(s *setup) { s.name = "https://as.example"; shared = *s })
	two := newWorld(t, func(s *setup) { s.name, s.store, s.roots = "https://as.example", shared.store, shared.roots })
	ring := one.server.Installation().Keyring()
	before := ring.CurrentKey(keyring.Cookie)
	must(t, ring.Rotate(t.Context(), keyring.Tokens, "test"))
	one.clock.advance(time.Minute)
	must(t, ring.Tick(t.Context()))
	if ring.CurrentKey(keyring.Cookie) == before {
		t.Fatal("the key was not rotated")
	}
	b, c := one.browser(), two.browser()
	b.signIn(authorize(), "ada@example.com")
	c.plant(b.cookie("session"))
	two.clock.advance(time.Minute) // two leases since it read the keys
	c.wantPage(c.get("/oauth2/session/"), http.StatusOK, "Your sign-in")
}

// flaky is a store whose artifacts can be taken away.
type flaky struct {
	storage.Store
	away bool
}

func (f *flaky) Artifact(ctx context.Context, kind storage.ArtifactKind, key []byte) (storage.Artifact, error) {
	if f.away {
		return storage.Artifact{}, storage.ErrUnavailable
	}
	return f.Store.Artifact(ctx, kind, key)
}

func (f *flaky) PutArtifact(ctx context.Context, a storage.Artifact) error {
	if f.away {
		return storage.ErrUnavailable
	}
	return f.Store.PutArtifact(ctx, a)
}

// While the store cannot say whether a session was ended, nobody is signed in:
// 503, and everything works when it is back.
func TestOutage(t *testing.T) {
	t.Parallel()
	store := &flaky{Store: memory.New()}
	w := newWorld(t, func(s *setup) { s.store = store })
	b := w.browser()
	consent := b.signIn(authorize(), "ada@example.com")
	own := b.get("/oauth2/session/")
	store.away = true
	for name, try := range map[string]func() answer{
		"consent":  func() answer { return b.get(authorize()) },
		"decision": func() answer { return b.submit(consent, "decision", "allow") },
		"own":      func() answer { return b.get("/oauth2/session/") },
		"goodbye":  func() answer { return b.get("/oauth2/session/?signed_out") },
		"sign out": func() answer { return b.submit(own, "sign_out", "1") },
		"switch":   func() answer { return b.submit(consent, "switch", "1") },
	} {
		if got := try(); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d with Retry-After %q", name, got.Status, got.Header.Get("Retry-After"))
		}
	}
	store.away = false
	if told := b.answered(b.submit(consent, "decision", "allow")); told.Get("code") == "" {
		t.Errorf("the client is told %v", told)
	}
}

// An outage of the host's accounts is no failure of the person.
func TestUsersAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Attempts.Account = 1 })
	b := w.browser()
	page := b.get(authorize())
	w.users.broken.Store(true)
	for range 3 {
		got := b.submit(page, "username", "bob", "password", password)
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("status %d", got.Status)
		}
	}
	w.users.broken.Store(false)
	b.wantPage(b.follow(b.submit(page, "username", "bob", "password", password)), http.StatusOK, consentForm)
}

// Whatever a browser sends as its session, nobody is signed in by it.
func FuzzSessionCookie(f *testing.F) {
	static, err := signin.NewStaticUsers()
	must(f, err)
	pages, err := signin.New(signin.Config{Users: static})
	must(f, err)
	decider, err := policy.Default()
	must(f, err)
	server, err := issuer.New(f.Context(), issuer.Config{Issuer: "https://as.example", Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()},
		Policy: decider, Profile: authz.Merchant(), SignIn: pages})
	must(f, err)
	f.Cleanup(func() { must(f, server.Close(context.Background())) })
	ring := server.Installation().Keyring()
	f.Add("")
	f.Add("junk")
	f.Add(base64.RawURLEncoding.EncodeToString(ring.Seal(keyring.Cookie, nil, []byte(`{"id":"x","sub":"ada","exp":"2999-01-01T00:00:00Z"}`), []byte("signin cookie login"))))
	f.Add(base64.RawURLEncoding.EncodeToString(ring.Seal(keyring.Record, nil, []byte(`{"id":"x","sub":"ada","exp":"2999-01-01T00:00:00Z"}`), []byte("signin cookie session"))))
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "__Host-gatewright_session="+value)
		rec := httptest.NewRecorder()
		if person, ok := pages.Person(rec, r, &issuer.AuthorizationRequest{ClientID: "mobile"}); ok {
			t.Errorf("%s is signed in", person.Subject)
		}
		if rec.Code != http.StatusOK {
			t.Errorf("status %d", rec.Code)
		}
	})
}
