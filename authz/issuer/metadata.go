package issuer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatewright/gatewright/authz/issuer/internal/grants"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
)

// MetadataPath returns where the metadata of an issuer is found (RFC 8414
// section 3.1): the well-known path, then the issuer's own path, if it has one.
func MetadataPath(issuer string) string {
	const wellKnown = "/.well-known/oauth-authorization-server"
	u, err := url.Parse(issuer)
	if err != nil {
		return wellKnown
	}
	return wellKnown + strings.TrimSuffix(u.Path, "/")
}

// metadata is the document of RFC 8414 section 2.
type metadata struct {
	Issuer                 string   `json:"issuer"`
	AuthorizationEndpoint  string   `json:"authorization_endpoint,omitempty"`
	TokenEndpoint          string   `json:"token_endpoint"`
	RevocationEndpoint     string   `json:"revocation_endpoint"`
	IntrospectionEndpoint  string   `json:"introspection_endpoint"`
	JWKSURI                string   `json:"jwks_uri"`
	ResponseTypes          []string `json:"response_types_supported"`
	ResponseModes          []string `json:"response_modes_supported,omitempty"`
	GrantTypes             []string `json:"grant_types_supported"`
	TokenAuthMethods       []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods  []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectAuthMethods  []string `json:"introspection_endpoint_auth_methods_supported"`
	CodeChallengeMethods   []string `json:"code_challenge_methods_supported,omitempty"`
	IssuerInAuthorizations bool     `json:"authorization_response_iss_parameter_supported,omitempty"`
}

// Metadata returns the authorization server metadata (RFC 8414), with the same
// statements signed as signed_metadata (section 2.1). The endpoints that it names
// are those of ServeHTTP, below Prefix, wherever else they are mounted as well.
func (s *Server) Metadata() http.Handler {
	withSecret := []string{"client_secret_basic", "client_secret_post"}
	m := metadata{Issuer: s.cfg.Issuer, TokenEndpoint: s.endpoint("token"), RevocationEndpoint: s.endpoint("revoke"),
		IntrospectionEndpoint: s.endpoint("introspect"), JWKSURI: s.endpoint("jwks"), ResponseTypes: []string{},
		GrantTypes:       []string{grants.ClientCredentials, grants.RefreshToken},
		TokenAuthMethods: append([]string{"none"}, withSecret...), RevocationAuthMethods: append([]string{"none"}, withSecret...), IntrospectAuthMethods: withSecret}
	if s.cfg.SignIn != nil {
		m.AuthorizationEndpoint, m.ResponseTypes, m.ResponseModes = s.endpoint("authorize"), []string{"code"}, []string{"query"}
		m.GrantTypes = append(m.GrantTypes, grants.AuthorizationCode)
		m.CodeChallengeMethods, m.IssuerInAuthorizations = []string{"S256"}, true
	}
	return public(func(w http.ResponseWriter, r *http.Request) {
		signed, err := s.signMetadata(m)
		if err != nil {
			s.fail(w, r, fmt.Errorf("issuer: signing the metadata: %w", err))
			return
		}
		wire.WriteJSON(cacheable{w}, http.StatusOK, struct {
			metadata
			Signed string `json:"signed_metadata"`
		}{m, signed})
	})
}

// signMetadata makes the JWT of RFC 8414 section 2.1 with the key in use.
func (s *Server) signMetadata(m metadata) (string, error) {
	kid, key := s.in.Keyring().Signer()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(struct {
		metadata
		Iss string `json:"iss"`
		Iat int64  `json:"iat"`
	}{m, s.cfg.Issuer, s.in.Now().Unix()})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// JWKS returns the server's public signing keys (RFC 7517 section 5), announced
// ones included, so that nobody meets a signature before its key.
func (s *Server) JWKS() http.Handler {
	return public(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("Cache-Control", "public, max-age=60")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(s.in.Keyring().JWKS())
	})
}

// public serves a document that every page of every origin may read.
func public(get http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			wire.MethodNotAllowed("GET, HEAD", "Use GET.").Write(w)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		get(w, r)
	})
}

// cacheable lets a JSON answer be cached for a minute.
type cacheable struct{ http.ResponseWriter }

func (c cacheable) WriteHeader(status int) {
	c.Header().Set("Cache-Control", "public, max-age=60")
	c.ResponseWriter.WriteHeader(status)
}
