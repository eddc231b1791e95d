package signin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/authz/token"
)

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	users, err := signin.NewStaticUsers()
	must(t, err)
	for field, cfg := range map[string]signin.Config{
		"Config.Users":                 {},
		"Config.SessionFor":            {Users: users, SessionFor: time.Second},
		"Config.SessionFor is 7":       {Users: users, SessionFor: 31 * 24 * time.Hour},
		"Config.SessionFor is -":       {Users: users, SessionFor: -time.Hour},
		"Attempts.Account":             {Users: users, Attempts: signin.Attempts{Account: -1}},
		"Attempts.AccountAddress":      {Users: users, Attempts: signin.Attempts{Account: 5, AccountAddress: 6}},
		"Attempts.AccountAddress must": {Users: users, Attempts: signin.Attempts{AccountAddress: -1}},
		"Attempts.Address":             {Users: users, Attempts: signin.Attempts{Account: 5, Address: 4}},
		"Attempts.Address is bel":      {Users: users, Attempts: signin.Attempts{Address: -1}},
		"Attempts.Window":              {Users: users, Attempts: signin.Attempts{Window: time.Millisecond}},
		"Attempts.Window is 25h":       {Users: users, Attempts: signin.Attempts{Window: 25 * time.Hour}},
	} {
		if _, err := signin.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: error %v", field, err)
		}
	}
	if _, err := signin.New(signin.Config{Users: users}); err != nil {
		t.Errorf("defaults: %v", err)
	}
}

// Pages that were not given to a server answer without one, and do not serve two.
func TestAttach(t *testing.T) {
	t.Parallel()
	users, err := signin.NewStaticUsers()
	must(t, err)
	pages, err := signin.New(signin.Config{Users: users})
	must(t, err)
	rec := httptest.NewRecorder()
	pages.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("own page: %d", rec.Code)
	}
	rec = httptest.NewRecorder()
	if _, ok := pages.Person(rec, httptest.NewRequest("GET", "/", nil), nil); ok || rec.Code != http.StatusInternalServerError {
		t.Errorf("Person: %v, %d", ok, rec.Code)
	}
	w := newWorld(t)
	if err := w.pages.Attach(w.server.Installation()); err == nil {
		t.Error("attached twice")
	}
	// A nil pointer is no nil SignIn, and the server must not start on it.
	for _, none := range []*signin.Pages{nil, {}} {
		if err := none.Attach(w.server.Installation()); err == nil || !strings.Contains(err.Error(), "signin: these Pages") {
			t.Errorf("pages that New did not make: %v", err)
		}
	}
}

// Ids that do not fit into a cookie are a fault that is told, not a session that
// browsers throw away.
func TestTooMuchForACookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) {
		static, err := signin.NewStaticUsers(signin.Account{Username: "bob", PasswordHash: signin.CheapHash(password),
			User: signin.User{Subject: "bob", Bound: []token.Binding{{Kind: "account_id", Value: strings.Repeat("1", 4000)}}}})
		must(t, err)
		s.Users = static
	})
	b := w.browser()
	got := b.submit(b.get(authorize()), "username", "bob", "password", password)
	b.wantPage(got, http.StatusInternalServerError, "Something is wrong with this service.")
	if b.cookie("session") != nil {
		t.Error("a session was begun")
	}
}
