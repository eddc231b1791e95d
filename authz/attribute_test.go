package authz_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// tellers is a policy with conditions: environment, scope, network, hours, amount.
func tellers(t testing.TB) *policy.Engine {
	t.Helper()
	template, err := policy.FindTemplate("conditions")
	if err != nil {
		t.Fatal(err)
	}
	model, _, err := template.Files().Read()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.ParseRules("policy.csv", `
p, role:teller, *, account:*,  read,     allow, live,    *, *,                *, *
p, role:teller, *, report:*,   read,     allow, sandbox, *, *,                *, *
p, role:teller, *, transfer:*, initiate, allow, *,       *, 203.0.113.0/24,   *, 1000
p, role:teller, *, transfer:*, initiate, deny,  *,       *, 203.0.113.192/26, *, *
`)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := policy.New(policy.Config{Model: model, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// bankWithTellers is an authorization server with guarded routes behind a proxy on the
// loopback address, and a token of a teller's key.
func bankWithTellers(t *testing.T, resolver *clientip.Resolver) (base, bearer string) {
	t.Helper()
	store := memory.New()
	server, err := issuer.New(t.Context(), issuer.Config{Issuer: "https://as.example", Store: store, Keys: []keyring.Root{keyring.NewRoot()},
		Policy: tellers(t), Profile: authz.Merchant(), ClientIP: resolver})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close(context.Background()) })
	secret := token.NewSecret()
	if err := store.CreateOrganization(t.Context(), storage.Organization{ID: "acme", Status: storage.Active}, storage.Event{}); err != nil {
		t.Fatal(err)
	}
	if err := store.CreateClient(t.Context(), storage.Client{ID: "till", Organization: "acme", Environment: "live", Status: storage.Active, Roles: []string{"teller"},
		GrantTypes: []string{"client_credentials"}, Secrets: []storage.Secret{{ID: "1", Hash: server.Installation().Keyring().HashSecret(secret)}}}, storage.Event{}); err != nil {
		t.Fatal(err)
	}

	guard := server.Guard()
	done := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux := http.NewServeMux()
	mux.Handle("/oauth2/", server)
	mux.Handle("GET /accounts", guard.Require(authz.Permission("account:read"))(done))
	mux.Handle("GET /reports", guard.Require(authz.Permission("report:read"))(done))
	mux.Handle("POST /transfers", guard.Require(authz.Authenticated())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var order struct{ Amount json.Number }
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		// A caller who could name the environment or the network would decide for itself.
		facts := map[string]any{"amount": order.Amount, "environment": "sandbox", "client": "203.0.113.9"}
		if order.Amount == "" {
			delete(facts, "amount")
		}
		if guard.Allow(w, r, authz.Permission("transfer:initiate"), facts) {
			w.WriteHeader(http.StatusNoContent)
		}
	})))
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)

	req, err := http.NewRequestWithContext(t.Context(), "POST", web.URL+"/oauth2/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("till", secret)
	resp, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var issued struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&issued); err != nil || issued.Token == "" {
		t.Fatalf("%d, no token: %v", resp.StatusCode, err)
	}
	return web.URL, issued.Token
}

func TestConditionsGetTheirFacts(t *testing.T) {
	t.Parallel()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, tc := range map[string]struct {
		resolver  *clientip.Resolver
		route     string
		forwarded string
		body      string
		status    int
	}{
		"the environment of the profile":   {route: "GET /accounts", status: 204},
		"another environment":              {route: "GET /reports", status: 403},
		"amount and network":               {resolver: clientip.FromHeader(clientip.XForwardedFor, loopback), route: "POST /transfers", forwarded: "203.0.113.9", body: `{"amount":999.99}`, status: 204},
		"amount too high":                  {resolver: clientip.FromHeader(clientip.XForwardedFor, loopback), route: "POST /transfers", forwarded: "203.0.113.9", body: `{"amount":1000.01}`, status: 403},
		"amount not known":                 {resolver: clientip.FromHeader(clientip.XForwardedFor, loopback), route: "POST /transfers", forwarded: "203.0.113.9", body: `{}`, status: 403},
		"another network":                  {resolver: clientip.FromHeader(clientip.XForwardedFor, loopback), route: "POST /transfers", forwarded: "198.51.100.1", body: `{"amount":1}`, status: 403},
		"a network that is denied":         {resolver: clientip.FromHeader(clientip.XForwardedFor, loopback), route: "POST /transfers", forwarded: "203.0.113.200", body: `{"amount":1}`, status: 403},
		"an address that cannot be known":  {resolver: clientip.FromHeader(clientip.XForwardedFor, loopback), route: "POST /transfers", forwarded: "203.0.113.9, nonsense", body: `{"amount":1}`, status: 403},
		"the host says where none can see": {route: "POST /transfers", body: `{"amount":1}`, status: 204},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, bearer := bankWithTellers(t, tc.resolver)
			method, path, _ := strings.Cut(tc.route, " ")
			req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+bearer)
			if tc.forwarded != "" {
				req.Header.Set("X-Forwarded-For", tc.forwarded)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tc.status || tc.status == 403 && !strings.Contains(string(body), "permission_denied") {
				t.Errorf("%d %s, want %d", resp.StatusCode, body, tc.status)
			}
		})
	}
}

// The address of the peer may be a proxy's: without a resolver it is no fact.
func TestPeerAddressIsNoFact(t *testing.T) {
	t.Parallel()
	var asked []authz.Question
	decider := deciderFunc(func(q authz.Question) authz.Decision {
		asked = append(asked, q)
		return authz.Decision{Allowed: true}
	})
	g, _ := newGuard(t, decider)
	ask := func(ctx context.Context) map[string]any {
		asked = nil
		req := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
		req.Header.Set("Authorization", "Bearer viewer")
		w := httptest.NewRecorder()
		g.Require(authz.Permission("transaction:read"))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, req)
		if len(asked) != 1 {
			t.Fatalf("asked %d times: %d", len(asked), w.Code)
		}
		return asked[0].Attributes
	}
	if facts := ask(t.Context()); len(facts) != 0 {
		t.Errorf("facts out of nowhere: %v", facts)
	}
	behind := clientip.NewContext(t.Context(), netip.MustParseAddr("203.0.113.9"))
	if facts := ask(behind); facts["client"] != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("a resolver in front found an address, and the policy got %v", facts)
	}
	outer := authz.WithAttributes(t.Context(), map[string]any{"amount": 1, "currency": "EUR", "environment": "mine"})
	if facts := ask(authz.WithAttributes(outer, map[string]any{"amount": 2})); len(facts) != 2 || facts["amount"] != 2 || facts["currency"] != "EUR" {
		t.Errorf("facts of the host: %v", facts)
	}
}

type deciderFunc func(authz.Question) authz.Decision

func (f deciderFunc) Decide(_ context.Context, q authz.Question) (authz.Decision, error) {
	return f(q), nil
}

func TestAllowRefuses(t *testing.T) {
	t.Parallel()
	g, log := newGuard(t, defaultPolicy(t))
	none := new(authz.Guard)
	for name, tc := range map[string]struct {
		guard   *authz.Guard
		through bool
		bearer  string
		status  int
		reason  string
	}{
		"outside of a guarded handler": {g, false, "admin", 503, "guard_not_passed"},
		"the zero guard":               {none, true, "admin", 503, ""},
		"nothing allows it":            {g, true, "viewer", 403, "no_matching_rule"},
		"allowed":                      {g, true, "admin", 204, ""},
	} {
		log.events = nil
		var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if tc.guard.Allow(w, r, authz.Permission("transfer:initiate"), nil) {
				w.WriteHeader(http.StatusNoContent)
			}
		})
		if tc.through {
			handler = g.Require(authz.Authenticated())(handler)
		}
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
		req.Header.Set("Authorization", "Bearer "+tc.bearer)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if w.Code != tc.status {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, tc.status)
		}
		if tc.reason != "" && (len(log.events) != 1 || log.events[0].Reason != tc.reason) {
			t.Errorf("%s: audited %+v, want %s", name, log.events, tc.reason)
		}
	}
}

func TestGuardRefusesAHalfMadeResolver(t *testing.T) {
	t.Parallel()
	half := new(clientip.Resolver)
	if _, err := authz.NewGuard(authz.GuardConfig{Verifier: known, Policy: defaultPolicy(t), Audit: &trail{}, ClientIP: half}); err == nil || !strings.Contains(err.Error(), "GuardConfig.ClientIP") {
		t.Errorf("NewGuard: %v", err)
	}
	_, err := authz.Open(t.Context(), authz.Config{Issuer: "https://as.example", Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()},
		Policy: defaultPolicy(t), Profile: authz.Merchant(), ClientIP: half})
	if err == nil || !strings.Contains(err.Error(), "Config.ClientIP") {
		t.Errorf("Open: %v", err)
	}
}

// A rule lets tellers send at most 1,000. How much it is stands in the body, which
// only the handler reads.
func ExampleGuard_Allow() {
	engine := tellers(new(testing.T))
	guard, err := authz.NewGuard(authz.GuardConfig{
		Verifier: tokens{"teller": {Client: "till", Organization: "acme", Roles: []string{"teller"}}},
		Policy:   engine, Audit: &trail{}, ClientIP: clientip.Direct(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	transfers := guard.Require(authz.Authenticated())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		amount := r.FormValue("amount")
		if !guard.Allow(w, r, authz.Permission("transfer:initiate"), map[string]any{"amount": amount}) {
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	for _, amount := range []string{"250", "1000.01"} {
		r := httptest.NewRequest("POST", "/transfers?amount="+amount, nil)
		r.RemoteAddr = "203.0.113.9:4711"
		r.Header.Set("Authorization", "Bearer teller")
		w := httptest.NewRecorder()
		transfers.ServeHTTP(w, r)
		fmt.Println(amount, w.Code)
	}
	// Output:
	// 250 202
	// 1000.01 403
}
