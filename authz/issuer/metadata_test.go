package issuer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatewright/gatewright/authz/issuer"
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
