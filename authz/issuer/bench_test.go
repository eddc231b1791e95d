package issuer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// benchServer is a server over memory with one key, without a listener: what is
// measured is Gatewright and fosite, not the network.
func benchServer(b *testing.B) (*issuer.Server, string) {
	b.Helper()
	decider, err := policy.Default()
	if err != nil {
		b.Fatal(err)
	}
	store := memory.New()
	server, err := issuer.New(b.Context(), issuer.Config{Issuer: "https://as.example", Store: store, Keys: []keyring.Root{keyring.NewRoot()}, Policy: decider, Profile: authz.Merchant()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Close(context.Background()) })
	secret := token.NewSecret()
	if err := store.CreateOrganization(b.Context(), storage.Organization{ID: "acme", Status: storage.Active}, storage.Event{}); err != nil {
		b.Fatal(err)
	}
	if err := store.CreateClient(b.Context(), storage.Client{ID: "key", Organization: "acme", Environment: "live", Status: storage.Active, Roles: []string{"viewer"},
		GrantTypes: []string{"client_credentials", "refresh_token"}, Secrets: []storage.Secret{{ID: "1", Hash: server.Installation().Keyring().HashSecret(secret)}}}, storage.Event{}); err != nil {
		b.Fatal(err)
	}
	return server, secret
}

func tokenRequest(b *testing.B, secret string) *http.Request {
	req, err := http.NewRequestWithContext(b.Context(), "POST", "https://as.example/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.RemoteAddr = "127.0.0.1:1"
	req.SetBasicAuth("key", secret)
	return req
}

func BenchmarkClientCredentials(b *testing.B) {
	server, secret := benchServer(b)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, tokenRequest(b, secret))
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

func BenchmarkGuardedRequest(b *testing.B) {
	server, secret := benchServer(b)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, tokenRequest(b, secret))
	bearer := answer{Body: w.Body.String()}.str(b, "access_token")
	guarded := server.Guard().Require(authz.Permission("transaction:read"))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), "GET", "https://as.example/v1/transactions", nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		w := httptest.NewRecorder()
		guarded.ServeHTTP(w, req)
		if w.Code != 204 {
			b.Fatal(w.Body)
		}
	}
}
