package grants

import (
	"context"
	"net/url"

	"github.com/ory/fosite"

	"github.com/gatewright/gatewright/authz"
)

// Provider is fosite with exactly one handler: fosite asks every handler it has,
// and the ones that do not match cost time.
type Provider struct{ *fosite.Fosite }

// Token returns a provider for one grant type at the token endpoint.
func newTokenProvider(h fosite.TokenEndpointHandler) Provider {
	cfg := newConfig()
	cfg.TokenEndpointHandlers = fosite.TokenEndpointHandlers{h}
	return Provider{fosite.NewOAuth2Provider(clientStore{}, cfg)}
}

func newAuthorizeProvider(h fosite.AuthorizeEndpointHandler) Provider {
	cfg := newConfig()
	cfg.AuthorizeEndpointHandlers = fosite.AuthorizeEndpointHandlers{h}
	return Provider{fosite.NewOAuth2Provider(clientStore{}, cfg)}
}

// newConfig presets everything that fosite would otherwise initialise lazily,
// which races, or choose loosely: scopes and audiences match exactly. There is no
// catalog of messages: fosite's words reach nobody.
func newConfig() *fosite.Config {
	return &fosite.Config{
		ScopeStrategy:                fosite.ExactScopeStrategy,
		AudienceMatchingStrategy:     fosite.ExactAudienceMatchingStrategy,
		ClientAuthenticationStrategy: authenticated,
		ClientSecretsHasher:          noSecrets{},
		RefreshTokenScopes:           []string{},
		EnforcePKCE:                  true,
		EnforcePKCEForPublicClients:  true,
		MinParameterEntropy:          1,
		RedirectSecureChecker:        func(context.Context, *url.URL) bool { return true }, // redirect URIs were checked before
		AllowedPromptValues:          []string{},
	}
}

// noSecrets refuses every comparison: fosite never sees a secret.
type noSecrets struct{}

func (noSecrets) Compare(context.Context, []byte, []byte) error { return fosite.ErrInvalidClient }
func (noSecrets) Hash(context.Context, []byte) ([]byte, error)  { return nil, fosite.ErrServerError }

// Grants are the grant handlers over one installation.
type Grants struct {
	in *authz.Installation
	// ByType are the token endpoint's providers by grant type.
	ByType map[string]Provider
	// Authorize is the authorization endpoint's provider for response type code.
	Authorize Provider
}

// The grant types served.
const (
	ClientCredentials = "client_credentials"
	RefreshToken      = "refresh_token"
	AuthorizationCode = "authorization_code"
)

// New returns the handlers.
func New(in *authz.Installation) *Grants {
	g := &Grants{in: in}
	g.ByType = map[string]Provider{
		ClientCredentials: newTokenProvider(&clientCredentials{g}),
		RefreshToken:      newTokenProvider(&refreshToken{g}),
		AuthorizationCode: newTokenProvider(&authorizationCode{g}),
	}
	g.Authorize = newAuthorizeProvider(&authorizationCode{g})
	return g
}
