package authz_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatewright/gatewright/authz"
)

// verifier is a host's own.
type verifier func(ctx context.Context, bearer string) (*authz.Principal, error)

func (v verifier) Verify(ctx context.Context, bearer string) (*authz.Principal, error) {
	return v(ctx, bearer)
}

// A host's own verifier that gets it wrong opens nothing.
func TestVerifierThatNamesNobody(t *testing.T) {
	t.Parallel()
	var none *authz.Refusal
	for name, v := range map[string]verifier{
		"no principal, no error": func(context.Context, string) (*authz.Principal, error) { return nil, nil },
		"an empty principal":     func(context.Context, string) (*authz.Principal, error) { return &authz.Principal{}, nil },
		"an organization alone": func(context.Context, string) (*authz.Principal, error) {
			return &authz.Principal{Organization: "acme"}, nil
		},
		"no principal, nil refusal": func(context.Context, string) (*authz.Principal, error) {
			return nil, none
		},
		"a principal and a nil refusal": func(context.Context, string) (*authz.Principal, error) {
			return &authz.Principal{Client: "till", Organization: "acme", Roles: []string{"admin"}}, none
		},
	} {
		log := &trail{}
		g, err := authz.NewGuard(authz.GuardConfig{Verifier: v, Policy: defaultPolicy(t), Audit: log})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []authz.Requirement{authz.Authenticated(), authz.Permission("transaction:read"), authz.Scope("reports"), authz.Delegated(), authz.Subscribed("cards")} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Authorization", "Bearer x")
			w := httptest.NewRecorder()
			g.Require(q)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s, %s: let through", name, q) })).ServeHTTP(w, r)
			if w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s, %s: %d, want 503", name, q, w.Code)
			}
		}
		if len(log.events) != 5 {
			t.Errorf("%s: %d events, want 5", name, len(log.events))
		}
		if _, err := g.Explain(t.Context(), "x", "transaction:read"); err == nil {
			t.Errorf("%s: explained", name)
		}
	}
}

func TestZeroGuardExplainsNothing(t *testing.T) {
	t.Parallel()
	for _, g := range []*authz.Guard{nil, {}} {
		if e, err := g.Explain(t.Context(), "x", "transaction:read"); err == nil || e.Allowed {
			t.Errorf("%+v %v", e, err)
		}
	}
}
