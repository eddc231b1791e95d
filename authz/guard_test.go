package authz_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

// tokens is a verifier that knows a few principals by token.
type tokens map[string]*authz.Principal

func (t tokens) Verify(_ context.Context, bearer string) (*authz.Principal, error) {
	switch p, ok := t[bearer]; {
	case ok:
		return p, nil
	case bearer == "storeless":
		return nil, fmt.Errorf("reading: %w", storage.ErrUnavailable)
	case bearer == "odd":
		return nil, errors.New("disk on fire")
	}
	return nil, &authz.Refusal{Status: 401, Code: "invalid_token", Reason: "token_unknown", Challenge: `Bearer error="invalid_token"`}
}

// trail collects events.
type trail struct{ events []storage.Event }

func (t *trail) Record(e storage.Event) { t.events = append(t.events, e) }

// broken is a policy that cannot decide.
type broken struct{}

func (broken) Decide(context.Context, authz.Question) (authz.Decision, error) {
	return authz.Decision{Allowed: true}, errors.New("rules are gone")
}

var known = tokens{
	"viewer":  {Client: "till", Organization: "acme", Roles: []string{"viewer"}},
	"admin":   {Client: "root", Organization: "acme", Roles: []string{"admin"}},
	"narrow":  {Client: "root", Organization: "acme", Roles: []string{"admin"}, Scopes: []string{"transaction:read"}},
	"person":  {Client: "app", Organization: "acme", Subject: "ada", Roles: []string{"admin"}, Scopes: []string{"transaction:read", "profile"}},
	"bare":    {Client: "app", Organization: "acme", Subject: "ada", Roles: []string{"admin"}},
	"bounded": {Client: "cap", Organization: "acme", Roles: []string{"admin"}, Boundary: []string{"account:read"}},
	"nobody":  {Client: "none", Organization: "acme"},
}

func newGuard(t testing.TB, decider authz.Decider) (*authz.Guard, *trail) {
	t.Helper()
	log := &trail{}
	g, err := authz.NewGuard(authz.GuardConfig{Verifier: known, Policy: decider, Audit: log})
	if err != nil {
		t.Fatal(err)
	}
	return g, log
}

func defaultPolicy(t testing.TB) *policy.Engine {
	t.Helper()
	e, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGuardDecisions(t *testing.T) {
	t.Parallel()
	g, log := newGuard(t, defaultPolicy(t))
	mux := http.NewServeMux()
	called := 0
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { called++; w.WriteHeader(204) })
	mux.Handle("GET /transactions", g.Require(authz.Permission("transaction:read"))(ok))
	mux.Handle("GET /transactions/{id}", g.Require(authz.Permission("transaction:read").Of("id"))(ok))
	mux.Handle("POST /transfers", g.Require(authz.Permission("transfer:initiate"))(ok))
	mux.Handle("GET /profile", g.Require(authz.Scope("profile"), authz.Delegated())(ok))
	mux.Handle("GET /any", g.Require(authz.Authenticated())(ok))
	for _, tc := range []struct {
		method, path, bearer string
		status               int
		reason               string
	}{
		{"GET", "/transactions", "viewer", 204, ""},
		{"GET", "/transactions/42", "viewer", 204, ""},
		{"GET", "/transactions/4%3A2", "viewer", 403, "object_id_invalid"},
		{"GET", "/transactions/%2A", "admin", 403, "object_id_invalid"},
		{"GET", "/transactions/a%00b", "admin", 403, "object_id_invalid"},
		{"POST", "/transfers", "viewer", 403, "no_matching_rule"},
		{"POST", "/transfers", "admin", 204, ""},
		{"POST", "/transfers", "narrow", 403, "scope"},
		{"GET", "/transactions", "narrow", 204, ""},
		{"GET", "/transactions", "person", 204, ""},
		{"POST", "/transfers", "person", 403, "scope"},
		{"GET", "/transactions", "bare", 403, "scope"}, // delegated without scopes: nothing
		{"POST", "/transfers", "bounded", 403, "boundary"},
		{"GET", "/transactions", "nobody", 403, "no_matching_rule"},
		{"GET", "/any", "nobody", 204, ""},
		{"GET", "/profile", "person", 204, ""},
		{"GET", "/profile", "viewer", 403, "insufficient_scope"},
		{"GET", "/any", "unknown", 401, "token_unknown"},
		{"GET", "/any", "storeless", 503, "store_unavailable"},
		{"GET", "/any", "odd", 503, "internal_error"},
		{"GET", "/any", "", 401, "token_missing"},
	} {
		t.Run(tc.method+tc.path+" "+tc.bearer, func(t *testing.T) {
			called, log.events = 0, nil
			req := httptest.NewRequest(tc.method, tc.path, nil)
			if tc.bearer != "" {
				req.Header.Set("Authorization", "Bearer "+tc.bearer)
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, req)
			if w.Code != tc.status || (called == 1) != (tc.status == 204) {
				t.Fatalf("%d, handler called %d times: %s", w.Code, called, w.Body)
			}
			if tc.status == 204 {
				return
			}
			if len(log.events) != 1 || log.events[0].Reason != tc.reason || strings.Contains(log.events[0].Route, "42") {
				t.Errorf("audited %+v, want reason %s", log.events, tc.reason)
			}
			if w.Code == 503 && w.Header().Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		})
	}
}

func TestGuardFailsClosed(t *testing.T) {
	t.Parallel()
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	g, _ := newGuard(t, broken{})
	for name, h := range map[string]http.Handler{
		"a policy that cannot decide": g.Require(authz.Permission("transaction:read"))(ok),
		"the zero guard":              new(authz.Guard).Require(authz.Authenticated())(ok),
	} {
		req := httptest.NewRequest("GET", "/", nil)
		req.Header.Set("Authorization", "Bearer admin")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != 503 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestGuardIsNotBuiltHalf(t *testing.T) {
	t.Parallel()
	e := defaultPolicy(t)
	for field, cfg := range map[string]authz.GuardConfig{
		"Verifier": {Policy: e, Audit: &trail{}}, "Policy": {Verifier: known, Audit: &trail{}}, "Audit": {Verifier: known, Policy: e},
	} {
		if _, err := authz.NewGuard(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	g, _ := newGuard(t, e)
	for name, build := range map[string]func(){
		"no requirement":          func() { g.Require() },
		"no handler":              func() { g.Require(authz.Authenticated())(nil) },
		"permission, no action":   func() { authz.Permission("transaction:") },
		"permission, no object":   func() { authz.Permission(":read") },
		"permission, no colon":    func() { authz.Permission("transaction") },
		"permission, a wildcard":  func() { authz.Permission("transaction:*") },
		"of nothing":              func() { authz.Permission("transaction:read").Of("") },
		"scope, empty":            func() { authz.Scope("") },
		"scope, two":              func() { authz.Scope("a b") },
		"product, none":           func() { authz.Subscribed("") },
		"mask, no kind":           func() { authz.MaskedPath("id") },
		"mask, no place":          func() { authz.Masked(nil, "account_id") },
		"client id, no perimeter": func() { g.Require(authz.Identified()) },
		"message id, no messages": func() { g.Require(authz.Authenticated(), authz.MessageID()) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: want a panic while routes are built", name)
				}
			}()
			build()
		}()
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	g, log := newGuard(t, defaultPolicy(t))
	for _, tc := range []struct {
		bearer, permission string
		allowed            bool
		reason             string
	}{
		{"viewer", "transaction:read", true, "allowed"},
		{"viewer", "transfer:initiate", false, "no_matching_rule"},
		{"narrow", "transfer:initiate", false, "scope"},
		{"bounded", "transfer:initiate", false, "boundary"},
		{"unknown", "transfer:initiate", false, "token_unknown"},
	} {
		e, err := g.Explain(t.Context(), tc.bearer, tc.permission)
		if err != nil || e.Allowed != tc.allowed || e.Reason != tc.reason {
			t.Errorf("%s %s: %+v %v", tc.bearer, tc.permission, e, err)
		}
	}
	if _, err := g.Explain(t.Context(), "storeless", "transaction:read"); err == nil {
		t.Error("an outage was explained as a decision")
	}
	if _, err := g.Explain(t.Context(), "viewer", "transaction"); err == nil {
		t.Error("half a permission was explained")
	}
	if len(log.events) != 0 {
		t.Error("an explanation was audited as a refusal")
	}
}

func TestIntrospectionIsNotBuiltHalf(t *testing.T) {
	t.Parallel()
	good := authz.IntrospectionConfig{URL: "https://as.example/introspect", ClientID: "rs", ClientSecret: "s", Environment: "live"}
	if _, err := authz.NewIntrospection(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*authz.IntrospectionConfig){
		"no URL":          func(c *authz.IntrospectionConfig) { c.URL = "" },
		"plain http":      func(c *authz.IntrospectionConfig) { c.URL = "http://as.example/introspect" },
		"userinfo":        func(c *authz.IntrospectionConfig) { c.URL = "https://a:b@as.example/" },
		"no id":           func(c *authz.IntrospectionConfig) { c.ClientID = "" },
		"no secret":       func(c *authz.IntrospectionConfig) { c.ClientSecret = "" },
		"no environment":  func(c *authz.IntrospectionConfig) { c.Environment = "" },
		"cached too long": func(c *authz.IntrospectionConfig) { c.CacheFor = 2 * time.Second },
		"negative cache":  func(c *authz.IntrospectionConfig) { c.CacheFor = -1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := authz.NewIntrospection(cfg); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

func ExampleGuard_Explain() {
	engine, err := policy.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := authz.NewGuard(authz.GuardConfig{Verifier: known, Policy: engine, Audit: &trail{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := g.Explain(context.Background(), "viewer", "transfer:initiate")
	fmt.Println(e.Allowed, e.Reason, e.Subject, e.Roles, err)
	// Output: false no_matching_rule key:till [viewer] <nil>
}
