package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/authz/maskedid"
)

type identityKind uint8

const (
	identityNone identityKind = iota
	identityKeyID
	identityKeys
	identityApplication
	identityCustomer
)

// Identity says as whom a request is made, and by which credentials: made by
// [KeyID], [KeyAndSecret], [Application] and [OnBehalfOf]. It is an immutable
// value; the zero Identity is nobody. It prints with its ids masked.
type Identity struct {
	kind     identityKind
	scopes   string // sorted, each once, joined by spaces
	badScope bool
	metadata Metadata
	customer Customer
}

// Metadata is what an application's token is bound to (oauth_metadata): one of
// the two, or neither for scopes that need none.
type Metadata struct {
	AccountID  string
	EmiratesID string
}

// Customer is the pair that the tokens of a signed-in customer are bound to. In
// the sandbox AccountID may be empty.
type Customer struct {
	UUID      string
	AccountID string
}

// KeyID sends the client id alone, for routes that demand no more.
func KeyID() Identity { return Identity{kind: identityKeyID} }

// KeyAndSecret sends client id and secret, for routes that demand both and no
// token.
func KeyAndSecret() Identity { return Identity{kind: identityKeys} }

// Application sends the client id and an access token that the client got for
// itself (grant type client_credentials) with these scopes, bound to the
// metadata.
//
// A token is good for its own metadata only; that is why another account is
// another identity. In the sandbox metadata is not sent.
func Application(m Metadata, scopes ...string) Identity {
	i := Identity{kind: identityApplication, metadata: m}
	own := make([]string, 0, len(scopes))
	for _, s := range scopes {
		parts := strings.Fields(s)
		i.badScope = i.badScope || len(parts) == 0
		own = append(own, parts...)
	}
	for _, s := range own {
		i.badScope = i.badScope || !validScope(s)
	}
	slices.Sort(own)
	i.scopes = strings.Join(slices.Compact(own), " ")
	return i
}

// OnBehalfOf sends the client id and the access token of a customer who has
// signed in (see [Client.Exchange]).
func OnBehalfOf(c Customer) Identity { return Identity{kind: identityCustomer, customer: c} }

// validScope is scope-token of RFC 6749 section 3.3.
func validScope(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return s != ""
}

// IdentityError says why an [Identity] cannot be used.
type IdentityError struct{ Reason string }

// Error returns the reason. It holds no id.
func (e *IdentityError) Error() string { return "client: identity: " + e.Reason }

func (i Identity) check(cfg *Config) error {
	switch i.kind {
	case identityKeyID, identityKeys:
		return nil
	case identityApplication:
		return i.checkApplication()
	case identityCustomer:
		return i.customer.check(cfg)
	}
	return &IdentityError{"the zero Identity is nobody"}
}

func (i Identity) checkApplication() error {
	switch {
	case i.scopes == "":
		return &IdentityError{"an application needs at least one scope"}
	case i.badScope:
		return &IdentityError{"a scope is malformed"}
	case i.metadata.AccountID != "" && i.metadata.EmiratesID != "":
		return &IdentityError{"metadata has an account or a customer, not both"}
	}
	for _, id := range []string{i.metadata.AccountID, i.metadata.EmiratesID} {
		if _, err := maskedid.Mask(id); id != "" && err != nil {
			return &IdentityError{"metadata: an id has 8 to 64 characters of 0-9 and A-Z"}
		}
	}
	return nil
}

func (c Customer) check(cfg *Config) error {
	if cfg.SignIn == nil {
		return invalid("SignIn", "is missing: customers need it")
	}
	if !visible(c.UUID) {
		return &IdentityError{"Customer.UUID is missing or not visible ASCII"}
	}
	if c.AccountID == "" && !cfg.Environment.sealed() {
		return nil
	}
	if _, err := maskedid.Mask(c.AccountID); err != nil {
		return &IdentityError{"Customer.AccountID must have 8 to 64 characters of 0-9 and A-Z"}
	}
	return nil
}

// bearer tells whether the identity uses an access token.
func (i Identity) bearer() bool { return i.kind == identityApplication || i.kind == identityCustomer }

// cacheKey names the identity's token in memory. Scopes and ids hold no NUL.
func (i Identity) cacheKey() string {
	if i.kind == identityCustomer {
		return "c\x00" + i.customer.UUID + "\x00" + i.customer.AccountID
	}
	return "a\x00" + i.scopes + "\x00" + i.metadata.AccountID + "\x00" + i.metadata.EmiratesID
}

// String shows ids masked.
func (i Identity) String() string {
	show := func(id string) string {
		masked, err := maskedid.Mask(id)
		if err != nil {
			return "-"
		}
		return masked
	}
	switch i.kind {
	case identityKeyID:
		return "key id"
	case identityKeys:
		return "key id and secret"
	case identityApplication:
		return fmt.Sprintf("application (%s) for %s", i.scopes, show(i.metadata.AccountID+i.metadata.EmiratesID))
	case identityCustomer:
		return "customer with account " + show(i.customer.AccountID)
	}
	return "nobody"
}

// Format keeps every verb from printing ids in full.
func (i Identity) Format(f fmt.State, _ rune) { fmt.Fprint(f, i.String()) }

// Format keeps every verb from printing ids in full.
func (c Customer) Format(f fmt.State, _ rune) { fmt.Fprint(f, OnBehalfOf(c).String()) }

// Format keeps every verb from printing ids in full.
func (m Metadata) Format(f fmt.State, _ rune) { fmt.Fprint(f, Application(m).String()) }
