package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

func (w *world) introspect(client, presented string) map[string]any {
	w.Helper()
	a := w.post("/oauth2/introspect", client, "token", presented)
	w.want(a, 200, "")
	return a.json(w)
}

// Plain fosite lets any client, and any valid bearer token, introspect any token.
func TestIntrospectionOfOwnTokensOrByAResourceServer(t *testing.T) {
	t.Parallel()
	inEveryFormat(t, func(t *testing.T, format func(*options)) {
		w := newWorld(t, format)
		access, refresh := w.issue("viewer")
		own := w.introspect("viewer", access)
		if own["active"] != true || own["client_id"] != "viewer" || own["token_type"] != "Bearer" || own["organization"] != "acme" || own["iss"] != w.web.URL {
			t.Errorf("own token: %v", own)
		}
		if got := w.introspect("rs", access); got["active"] != true {
			t.Errorf("resource server: %v", got)
		}
		for _, stranger := range []string{"admin", "other"} {
			for _, tok := range []string{access, refresh} {
				if got := w.introspect(stranger, tok); got["active"] != false || len(got) != 1 {
					t.Errorf("%s: %v", stranger, got)
				}
			}
		}
		// Refresh introspection reports the refresh token's own expiry.
		r := w.introspect("viewer", refresh)
		if r["active"] != true || r["token_type"] != "refresh_token" || r["exp"].(float64) <= own["exp"].(float64) {
			t.Errorf("refresh token: %v", r)
		}
		for _, bad := range []string{flip(access), "nonsense", access[:20]} {
			if got := w.introspect("viewer", bad); got["active"] != false || len(got) != 1 {
				t.Errorf("bad token: %v", got)
			}
		}
		bearer := w.request("POST", "/oauth2/introspect", formType, "token="+access)
		bearer.Header.Set("Authorization", "Bearer "+access)
		w.want(w.do(bearer), 401, "invalid_client")
		w.want(w.post("/oauth2/introspect", "mobile", "token", access), 401, "invalid_client")
		w.want(w.post("/oauth2/introspect", "viewer"), 400, "invalid_request")

		w.post("/oauth2/revoke", "viewer", "token", refresh)
		for _, tok := range []string{access, refresh} {
			if got := w.introspect("rs", tok); got["active"] != false {
				t.Errorf("revoked: %v", got)
			}
		}
	})
}

func TestIntrospectionOutageIs503(t *testing.T) {
	t.Parallel()
	w, store := newFlakyWorld(t, func(o *options) { o.profile = func(p *authz.Profile) { p.Format = authz.ReferenceTokens } })
	access, refresh := w.issue("viewer")
	store.away.Store(true)
	w.wantUnavailable(w.post("/oauth2/introspect", "viewer", "token", access))
	w.wantUnavailable(w.post("/oauth2/introspect", "viewer", "token", refresh))
	w.wantUnavailable(w.call("GET", "/v1/transactions", access))
}

// A guard in another process, that shares nothing but HTTP with the server.
func TestIntrospectingGuard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	remote, err := authz.NewIntrospection(authz.IntrospectionConfig{URL: w.web.URL + "/oauth2/introspect", ClientID: "rs",
		ClientSecret: secrets["rs"], Environment: "live", Client: w.web.Client()})
	if err != nil {
		t.Fatal(err)
	}
	decider, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	guard, err := authz.NewGuard(authz.GuardConfig{Verifier: remote, Policy: decider, Audit: discard{}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(authz.FromContext(r.Context()).Actor()))
	})
	mux.Handle("GET /v1/transactions", guard.Require(authz.Permission("transaction:read"))(ok))
	mux.Handle("POST /v1/transfers", guard.Require(authz.Permission("transfer:initiate"))(ok))
	local := w.web
	defer func() { w.web = local }()
	w.web = httptest.NewServer(mux)
	defer w.web.Close()
	call := func(method, path, tok string) answer { return w.call(method, path, tok) }

	w.web, local = local, w.web
	access, refresh := w.issue("viewer")
	person := w.exchange("mobile", w.code(mobileRequest()), mobileRedirect, verifier).str(t, "access_token")
	w.web, local = local, w.web
	w.want(call("GET", "/v1/transactions", access), 200, "")
	w.want(call("POST", "/v1/transfers", access), 403, "permission_denied")
	w.want(call("GET", "/v1/transactions", refresh), 401, "invalid_token")
	w.want(call("GET", "/v1/transactions", flip(access)), 401, "invalid_token")
	if a := call("GET", "/v1/transactions", person); a.Body != "user:ada" {
		t.Errorf("delegated: %d %s", a.Status, a.Body)
	}
	w.update("viewer", func(c *storage.Client) { c.Status = storage.Suspended })
	began := time.Now()
	for call("GET", "/v1/transactions", access).Status != 401 {
		if time.Since(began) > time.Second {
			t.Fatal("a suspension was not seen within one second")
		}
	}
	local.Close()
	time.Sleep(100 * time.Millisecond) // past the cache
	w.want(call("GET", "/v1/transactions", access), 503, "temporarily_unavailable")
}

type discard struct{}

func (discard) Record(storage.Event) {}
