package issuer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage/memory"
)

func TestMetadataIsTrueAndSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do(w.request("GET", "/.well-known/oauth-authorization-server", "", ""))
	w.want(a, 200, "")
	m := a.json(t)
	for member, want := range map[string]string{"issuer": "", "token_endpoint": "/oauth2/token", "authorization_endpoint": "/oauth2/authorize",
		"revocation_endpoint": "/oauth2/revoke", "introspection_endpoint": "/oauth2/introspect", "jwks_uri": "/oauth2/jwks"} {
		if m[member] != w.web.URL+want {
			t.Errorf("%s is %v, want %s", member, m[member], w.web.URL+want)
		}
	}
	if m["authorization_response_iss_parameter_supported"] != true {
		t.Error("RFC 9207 support is not stated")
	}
	keys := w.do(w.request("GET", "/oauth2/jwks", "", ""))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keys.Body), &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		if !k.IsPublic() || k.KeyID == "" {
			t.Errorf("key %q is not a public key with an id", k.KeyID)
		}
	}
	signed, err := jose.ParseSignedCompact(m["signed_metadata"].(string), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(set)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(payload), `"iss":"`+w.web.URL+`"`) {
		t.Errorf("signed metadata %s", payload)
	}
	if strings.Contains(a.Header.Get("Cache-Control"), "no-store") {
		t.Error("metadata may be cached")
	}
	w.want(w.do(w.request("POST", "/oauth2/jwks", "", "")), 405, "invalid_request")
}

// What the server's own mux could not serve, or would serve elsewhere than its
// metadata says, refuses to start.
func TestIssuerAndPrefixArePlain(t *testing.T) {
	t.Parallel()
	decider, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	start := func(name, prefix string) error {
		s, err := issuer.New(t.Context(), issuer.Config{Issuer: name, Prefix: prefix, Store: memory.New(), Keys: []keyring.Root{keyring.NewRoot()},
			Policy: decider, Profile: authz.Merchant()})
		if err == nil {
			err = s.Close(t.Context())
		}
		return err
	}
	for _, prefix := range []string{"oauth2", "/", "//", "/oauth2/", "/a/../b", "/./a", "/a//b", "/{a}", "/a?b", "/a#b", "/a b", "/a%2Fb"} {
		if err := start("https://as.example", prefix); err == nil || !strings.Contains(err.Error(), "Config.Prefix") {
			t.Errorf("prefix %q: %v", prefix, err)
		}
	}
	for _, path := range []string{"/{", "/{tenant}", "/%7Btenant%7D", "/a b", "/a%20b"} {
		if err := start("https://as.example"+path, ""); err == nil || !strings.Contains(err.Error(), "Config.Issuer") {
			t.Errorf("issuer path %q: %v", path, err)
		}
	}
	for name, prefix := range map[string]string{"https://as.example": "/auth/v2", "https://as.example/": "/a", "https://as.example/tenants/acme": ""} {
		if err := start(name, prefix); err != nil {
			t.Errorf("%s, prefix %q: %v", name, prefix, err)
		}
	}
}

func TestMetadataPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://as.example":        "/.well-known/oauth-authorization-server",
		"https://as.example/":       "/.well-known/oauth-authorization-server",
		"https://as.example/tenant": "/.well-known/oauth-authorization-server/tenant",
	} {
		if got := issuer.MetadataPath(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
