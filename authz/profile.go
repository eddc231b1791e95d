package authz

import (
	"fmt"
	"time"
)

// TokenFormat says what an access token is.
type TokenFormat uint8

// The formats of access tokens. Callers cannot tell what is inside either.
const (
	// SealedTokens carry their content encrypted; issuing one writes nothing.
	SealedTokens TokenFormat = iota
	// ReferenceTokens name a row in the store.
	ReferenceTokens
)

// MaxRefreshGrace is the longest grace window that a profile or client may set.
const MaxRefreshGrace = 5 * time.Minute

// Profile is how a deployment behaves, as one value. Start from a preset, such
// as [Merchant], and change members of the copy.
type Profile struct {
	// Name appears in reports.
	Name string
	// Environment enters every derived key: tokens and credentials of one
	// environment do not work in another.
	Environment string

	// Format is that of access tokens.
	Format TokenFormat
	// Access is the lifetime of access tokens, at most MaxAccess.
	Access time.Duration
	// MaxAccess is the ceiling that no setting of a client may exceed, and above
	// which verification refuses a token.
	MaxAccess time.Duration
	// Code is the lifetime of authorization codes, at most ten minutes.
	Code time.Duration
	// RefreshAbsolute limits a grant from consent on, whatever happens;
	// RefreshIdle is the time within which a refresh token must be exchanged.
	RefreshAbsolute time.Duration
	RefreshIdle     time.Duration
	// RefreshGrace lets a client that lost the answer to a refresh retry once.
	RefreshGrace time.Duration
	// ClientCredentialsRefresh issues refresh tokens for client_credentials as
	// well, which RFC 6749 section 4.4.3 discourages.
	ClientCredentialsRefresh bool
	// Strict asks the store about every token instead of following its changes.
	Strict bool
	// JSON accepts application/json at the OAuth endpoints beside forms.
	JSON bool
	// PKCEOptional lets confidential clients leave PKCE out. Public clients never
	// may.
	PKCEOptional bool

	// TLSRequired refuses requests that came neither over TLS nor from an
	// authenticated TLS proxy.
	TLSRequired bool
	// ClientHeaders has clients name themselves in headers, see [Config].Headers.
	ClientHeaders bool
	// AddressList lets a client call from its registered addresses only.
	AddressList bool
	// MutualTLS demands a registered certificate of the client on every request.
	MutualTLS bool
	// SealedMessages demands bodies that are signed, then encrypted, and seals
	// the answers.
	SealedMessages bool
	// BoundAccounts binds the tokens of customers to the account that the
	// authorization request names, and asks the host for whom a client may act.
	BoundAccounts bool
	// ConsentedOn adds consented_on and refresh_token_expires_in to token answers.
	ConsentedOn bool
}

// Merchant is the profile of a platform that gives API keys to organizations:
// keys with roles, refresh tokens for client_credentials, PKCE for everybody.
func Merchant() Profile {
	return Profile{
		Name:        "merchant",
		Environment: "live",
		Access:      30 * time.Minute, MaxAccess: 24 * time.Hour, Code: time.Minute,
		RefreshAbsolute: 90 * 24 * time.Hour, RefreshIdle: 30 * 24 * time.Hour,
		ClientCredentialsRefresh: true,
	}
}

func (p *Profile) validate() error {
	positive := []struct {
		name  string
		value time.Duration
		max   time.Duration
	}{
		{"Access", p.Access, p.MaxAccess},
		{"MaxAccess", p.MaxAccess, 7 * 24 * time.Hour},
		{"Code", p.Code, 10 * time.Minute},
		{"RefreshAbsolute", p.RefreshAbsolute, 10 * 366 * 24 * time.Hour},
		{"RefreshIdle", p.RefreshIdle, p.RefreshAbsolute},
	}
	switch {
	case p.Name == "":
		return fmt.Errorf("authz: Config.Profile.Name is empty: start from a preset, for instance authz.Merchant()")
	case p.Environment == "":
		return fmt.Errorf("authz: Config.Profile.Environment is empty: name the environment, it enters every key")
	case p.Format > ReferenceTokens:
		return fmt.Errorf("authz: Config.Profile.Format is neither SealedTokens nor ReferenceTokens")
	case p.RefreshGrace < 0 || p.RefreshGrace > MaxRefreshGrace:
		return fmt.Errorf("authz: Config.Profile.RefreshGrace must be between 0 and 5 minutes")
	}
	for _, d := range positive {
		if d.value <= 0 || d.value > d.max {
			return fmt.Errorf("authz: Config.Profile.%s is %v: it must be above 0 and at most %v", d.name, d.value, d.max)
		}
	}
	return p.checkEnvironment()
}
