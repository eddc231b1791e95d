package storage

import (
	"context"
	"net/netip"
	"time"
)

// Client is an OAuth client, which is the same thing as an API key and as a
// registered application: one record, read in one go.
type Client struct {
	// ID is the client_id. It is public, unique over the whole store, and never
	// given out again.
	ID string
	// Organization owns the client; a client is a member of it.
	Organization string
	// Environment is the only one in which the client's credentials work.
	Environment string
	// Name is what people call it.
	Name string
	// Type is the preset that the client was registered as, for instance
	// "partner"; endpoints may serve one type only.
	Type string
	// Public clients hold no secret (RFC 6749 section 2.1).
	Public bool
	// ResourceServer clients may introspect tokens that are not their own.
	ResourceServer bool

	Status Status
	// Epoch counts end-of-all-tokens; a token of an earlier epoch is dead.
	Epoch uint64

	Secrets      []Secret
	Certificates []Certificate
	// JWKS is the client's own JSON Web Key Set, as it was registered.
	JWKS []byte
	// Prefixes are the addresses it may call from, where addresses are checked.
	Prefixes []netip.Prefix

	// Roles are held in Organization, as a human member holds them.
	Roles []string
	// Boundary, where not empty, caps what any token of this client may do:
	// permissions as "object:action", with a trailing ":*" allowed.
	Boundary []string
	// Subscriptions are the API products it may use.
	Subscriptions []string

	GrantTypes   []string
	Scopes       []string
	Audiences    []string
	RedirectURIs []string
	// Origins may call the token and revocation endpoints from a browser (CORS).
	Origins []string

	Lifetimes Lifetimes
	// TestIDs satisfy metadata and masks in a sandbox, by kind of id.
	TestIDs map[string]string
	// Labels are the host's own; Gatewright never reads them.
	Labels map[string]string

	CreatedBy  string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt time.Time
	// Version counts the updates of the record, from 1.
	Version uint64
}

// ActiveAt reports whether the client may act at the given time: its status is
// active and its own expiry has not come.
func (c *Client) ActiveAt(now time.Time) bool {
	return c.Status == Active && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt))
}

// Secret is a client secret as the store knows it.
type Secret struct {
	// ID tells the secrets of one client apart; it is no part of the secret.
	ID string
	// Hash is a keyed hash, or a password hash that was imported, with a prefix
	// that says which.
	Hash      string
	CreatedAt time.Time
	// ExpiresAt ends the overlap of a rotated secret; zero is "until replaced".
	ExpiresAt time.Time
}

// Certificate is a client certificate that was registered for one client.
type Certificate struct {
	// DER is the certificate itself; trust is in these bytes.
	DER []byte
	// Thumbprint is the SHA-256 of DER (RFC 8705 section 3.1).
	Thumbprint [32]byte
	// KeyThumbprint is the SHA-256 of the subject public key info; one public
	// key belongs to one client in one environment.
	KeyThumbprint [32]byte
	KeyID         string
	NotBefore     time.Time
	NotAfter      time.Time
	RevokedAt     time.Time
}

// Lifetimes are the client's own settings; zero takes the profile's.
type Lifetimes struct {
	Access          time.Duration
	Code            time.Duration
	RefreshAbsolute time.Duration
	RefreshIdle     time.Duration
	// RefreshGrace lets a client that lost the answer to a refresh try once more.
	RefreshGrace time.Duration
	// ClientCredentialsRefresh, where set, turns refresh tokens for the
	// client_credentials grant on or off (RFC 6749 section 4.4.3 discourages
	// them); nil takes the profile's.
	ClientCredentialsRefresh *bool
}

// Quorum is a condition on an update: when it has been made, somebody who is
// active and does not expire still holds the role in the organization: a member,
// or a client of the environment. A client with a boundary may do less than the
// role gives, and does not hold it. A member holds it in all environments, so that
// the update of a member asks for a holder in every other environment too in
// which the organization has or had a client. The zero value asks nothing.
type Quorum struct {
	Organization string
	Environment  string
	Role         string
}

// LastUse is when a client last acted, for [Clients.Touch].
type LastUse struct {
	Client string
	At     time.Time
}

// Page asks for a part of a list: at most Limit records (1 to 1000; 0 is 100)
// that come after the key After in the order of keys.
type Page struct {
	After string
	Limit int
}

// Clients keeps the clients.
type Clients interface {
	// CreateClient stores a client with Version 1. [ErrExists] if the id is
	// taken, or one of its certificates' public keys belongs to another client
	// of the same environment; [ErrNotFound] if the organization is not there.
	CreateClient(ctx context.Context, c Client, e Event) error
	// Client reads one client, [ErrNotFound] if there is none.
	Client(ctx context.Context, id string) (Client, error)
	// KeyOwner returns the id of the client to which a public key belongs in an
	// environment: the one with a certificate of that KeyThumbprint, revoked or
	// not. [ErrNotFound] if it is nobody's.
	KeyOwner(ctx context.Context, environment string, keyThumbprint [32]byte) (string, error)
	// UpdateClient replaces the record if its version is still c.Version, and
	// returns the change, whose Version is the new one. ID, Organization,
	// Environment, CreatedBy, CreatedAt and LastUsedAt are not changed by it.
	// Epoch is never lowered. [ErrConflict] if the version is another,
	// [ErrFinal] if the stored client is revoked, [ErrLastHolder] if q fails,
	// [ErrExists] for a public key of another client.
	// until bounds how long tokens issued before the update can live.
	UpdateClient(ctx context.Context, c Client, q Quorum, until time.Time, e Event) (Change, error)
	// ListClients lists the clients of one organization by id.
	ListClients(ctx context.Context, organization string, p Page) ([]Client, error)
	// Touch records last uses, never lowering one. It writes no change and does
	// not touch Version. Unknown clients are passed over.
	Touch(ctx context.Context, uses []LastUse) error
}
