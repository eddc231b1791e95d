package authz

import (
	"context"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// Principal is who acts, as a verified token tells. It is shared and must not be
// changed.
type Principal struct {
	// Client is the id of the client (the API key) that the token was issued to.
	Client string
	// Organization owns the client; everything happens inside it.
	Organization string
	// Environment is the client's.
	Environment string
	// Subject is the person who delegated, empty where the client acts for itself.
	Subject string
	// Roles are the client's, or for a delegated token the member's.
	Roles []string
	// Boundary is the client's cap on permissions; nil is none.
	Boundary []string
	// Scopes and Audience are the token's.
	Scopes   []string
	Audience []string
	// Grant is what the token belongs to.
	Grant     storage.ID
	IssuedAt  time.Time
	ExpiresAt time.Time

	bound map[string]string
}

// Actor names the principal for policy and audit: "user:..." for a delegated
// token, else "key:...".
func (p *Principal) Actor() string {
	if p.Subject != "" {
		return "user:" + p.Subject
	}
	return "key:" + p.Client
}

// HasScope reports whether the token carries the scope, letter for letter.
func (p *Principal) HasScope(scope string) bool { return slices.Contains(p.Scopes, scope) }

// Bound returns the full id of the given kind that the token is bound to, for
// instance "account_id". It is a secret of the customer: do not log it.
func (p *Principal) Bound(kind string) (id string, ok bool) {
	id, ok = p.bound[kind]
	return id, ok
}

type exchangeKey struct{}

// FromContext returns the principal that a guard has let through, nil outside
// of a guarded handler.
func FromContext(ctx context.Context) *Principal {
	if x, ok := ctx.Value(exchangeKey{}).(*Exchange); ok {
		return x.Principal
	}
	return nil
}
