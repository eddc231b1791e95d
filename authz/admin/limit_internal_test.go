package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

// words that permissions, scopes and objects are put together from.
var (
	testPermissions = []string{"transaction:read", "transaction:*", "transaction:42:read", "transaction:42:*", "=transaction:read", "=transaction:42:read",
		"*:read", "*:*", "trans:read", "transaction:*:read", "key:manage", "=key:*", "a:b:c:d"}
	testObjects = []string{"transaction", "transaction:42", "transaction:42:line", "transactions", "trans", "key", "key:app_x", "a:b:c", "a"}
	testActions = []string{"read", "manage", "write", "d", "c"}
)

// TestBoundaryMeansWhatThePolicySays: a boundary read here permits what the policy
// lets it permit.
func TestBoundaryMeansWhatThePolicySays(t *testing.T) {
	t.Parallel()
	e, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range testPermissions {
		if _, ok := parsePermission(p); ok != policy.ValidPermission(p) {
			t.Errorf("%s: valid %v, to the policy %v", p, ok, !ok)
		}
		for _, object := range testObjects {
			for _, action := range testActions {
				d, err := e.Decide(t.Context(), policy.Question{Organization: "acme", Subject: "key:x", Roles: []string{"admin"}, Boundary: []string{p}, Object: object, Action: action})
				if err != nil {
					t.Fatal(err)
				}
				if got := boundaryLimit([]string{p}).permits(object, action); got != d.Allowed {
					t.Errorf("%s on %s:%s: %v, the policy says %v", p, object, action, got, d.Allowed)
				}
			}
		}
	}
}

// oneToken verifies any token as one principal.
type oneToken struct{ p *authz.Principal }

func (o oneToken) Verify(context.Context, string) (*authz.Principal, error) { return o.p, nil }
func (oneToken) Record(storage.Event)                                       {}

// TestScopesMeanWhatTheGuardSays: scopes read here permit what the guard lets
// them permit.
func TestScopesMeanWhatTheGuardSays(t *testing.T) {
	t.Parallel()
	e, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	sets := [][]string{nil, {"openid"}, {"openid", "transaction:read"}, {"key:", "x"}, {":read"}}
	for _, p := range testPermissions {
		sets = append(sets, []string{p})
	}
	for _, scopes := range sets {
		for _, subject := range []string{"", "ada"} {
			p := &authz.Principal{Client: "x", Organization: "acme", Roles: []string{"admin"}, Scopes: scopes, Subject: subject}
			guard, err := authz.NewGuard(authz.GuardConfig{Verifier: oneToken{p}, Policy: e, Audit: oneToken{}})
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range testObjects {
				for _, action := range testActions {
					d, err := guard.Explain(t.Context(), "any", object+":"+action)
					if err != nil {
						t.Fatal(err)
					}
					l := scopeLimit(scopes, subject != "")
					if got := l == nil || l.permits(object, action); got != d.Allowed {
						t.Errorf("%q (delegated %v) on %s:%s: %v, the guard says %v (%s)", scopes, subject != "", object, action, got, d.Allowed, d.Reason)
					}
				}
			}
		}
	}
}

// TestCoversImpliesPermits: what a covered permission permits, the covering one
// permits too.
func TestCoversImpliesPermits(t *testing.T) {
	t.Parallel()
	covered := 0
	for _, a := range testPermissions {
		for _, b := range testPermissions {
			p, ok1 := parsePermission(a)
			q, ok2 := parsePermission(b)
			if !ok1 || !ok2 || !p.covers(q) {
				continue
			}
			covered++
			for _, object := range testObjects {
				for _, action := range testActions {
					if (limit{q}).permits(object, action) && !(limit{p}).permits(object, action) {
						t.Errorf("%s covers %s, which alone permits %s:%s", a, b, object, action)
					}
				}
			}
		}
	}
	if covered < 2*len(testPermissions) {
		t.Errorf("only %d pairs cover: nothing is tested", covered)
	}
	for _, p := range testPermissions {
		if p == "*:*" {
			continue
		}
		if q, ok := parsePermission(p); ok && !(limit{q}).caps() {
			t.Errorf("%s takes nothing away", p)
		}
	}
}

// FuzzPermission holds that no boundary that is accepted permits what the policy
// would not.
func FuzzPermission(f *testing.F) {
	for _, p := range testPermissions {
		f.Add(p, "transaction:42", "read")
	}
	e, err := policy.Default()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, p, object, action string) {
		if checkBoundary([]string{p}) != nil {
			return
		}
		if !policy.ValidPermission(p) {
			t.Fatalf("%q is accepted here, and not by the policy", p)
		}
		d, err := e.Decide(t.Context(), policy.Question{Organization: "acme", Subject: "key:x", Roles: []string{"admin"}, Boundary: []string{p}, Object: object, Action: action})
		if err != nil || d.Reason == policy.ReasonInvalidQuestion || strings.Contains(object, "*") || strings.Contains(action, "*") {
			return
		}
		if got := boundaryLimit([]string{p}).permits(object, action); got != d.Allowed {
			t.Fatalf("%q on %q, %q: %v, the policy says %v", p, object, action, got, d.Allowed)
		}
	})
}

// FuzzBody holds that no body is guessed at: it is refused with a code, or every
// member has the type that was asked for.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"name":"x","roles":["viewer"],"expires_at":"2100-01-01T00:00:00Z","overlap":"1h","end_tokens":true,"if_version":7}`))
	f.Add([]byte(`{"expires_at":null,"boundary":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		in := readInput(r, true, "name", "roles", "boundary", "expires_at", "overlap", "end_tokens", "if_version")
		name, roles, at := in.textIf("name"), in.list("roles"), in.momentIf("expires_at")
		in.listIf("boundary", true)
		in.duration("overlap")
		in.flag("end_tokens")
		in.version()
		if in.err != nil {
			if r := asRefusal(in.err); r.Status < 400 || r.Status > 415 || r.Code == "" {
				t.Fatalf("refused as %d %q: %v", r.Status, r.Code, in.err)
			}
			return
		}
		if len(body) > 0 && (in.Has("name") != (name != nil) || in.Has("roles") != (roles != nil) || in.Has("expires_at") != (at != nil)) {
			t.Fatalf("%q was read as something else", body)
		}
	})
}
