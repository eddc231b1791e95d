package grants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// Epochs reads the current epochs of everything a grant depends on, and refuses
// if any of it is not active.
func (g *Grants) Epochs(ctx context.Context, c *storage.Client, subject string) (storage.Epochs, error) {
	e := storage.Epochs{Client: c.Epoch}
	organization, err := g.in.Organization(ctx, c.Organization)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return e, wire.InvalidClient("organization_unknown")
	case err != nil:
		return e, wire.Unavailable(err)
	case organization.Status != storage.Active:
		return e, wire.InvalidClient("organization_" + organization.Status.String())
	}
	e.Organization = organization.Epoch
	if subject == "" {
		return e, nil
	}
	member, err := g.in.Member(ctx, c.Organization, subject)
	switch {
	case errors.Is(err, storage.ErrNotFound):
	case err != nil:
		return e, wire.Unavailable(err)
	case member.Status != storage.Active:
		return e, wire.InvalidGrant("member_" + member.Status.String())
	default:
		e.Member = member.Epoch
	}
	return e, nil
}

// AuthorizationEpochs are [Grants.Epochs] at the authorization endpoint, which
// refuses in words of its own (RFC 6749 section 4.1.2.1).
func (g *Grants) AuthorizationEpochs(ctx context.Context, c *storage.Client, person string) (storage.Epochs, error) {
	e, err := g.Epochs(ctx, c, person)
	if err == nil {
		return e, nil
	}
	refusal := wire.From(err)
	if refusal.Status >= 500 {
		return e, err
	}
	return e, &wire.Error{Status: http.StatusForbidden, Code: "access_denied", Reason: refusal.Reason,
		Description: "The person or the organization may not authorize anything right now."}
}

// inactive refuses what the store found not to be active. A person who may not
// act is the grant's matter: the client's credentials are as good as before.
func (g *Grants) inactive(ctx context.Context, c *storage.Client, person string) error {
	if person == "" {
		return wire.InvalidClient("not_active")
	}
	member, err := g.in.Store().Member(ctx, c.Organization, person)
	switch {
	case errors.Is(err, storage.ErrNotFound), err == nil && member.Status == storage.Active:
		return wire.InvalidClient("not_active")
	case err != nil:
		return wire.Unavailable(err)
	}
	return wire.InvalidGrant("member_" + member.Status.String())
}

// checkScopes refuses scopes that the client may not have; letter for letter.
func checkScopes(request fosite.Requester, allowed []string) error {
	for _, s := range request.GetRequestedScopes() {
		if !slices.Contains(allowed, s) {
			return wire.InvalidScope("scope_not_allowed")
		}
	}
	return nil
}

func checkAudience(request fosite.Requester, allowed []string) error {
	for _, a := range request.GetRequestedAudience() {
		if !slices.Contains(allowed, a) {
			return wire.InvalidTarget()
		}
	}
	return nil
}

func mayUse(c *storage.Client, grantType string) error {
	if !slices.Contains(c.GrantTypes, grantType) {
		return wire.UnauthorizedClient(grantType)
	}
	return nil
}

// claimsOf are what the tokens of a grant say that is issued now; when they expire
// is each one's own.
func claimsOf(grant storage.ID, c *storage.Client, subject string, epochs storage.Epochs, now time.Time) token.Claims {
	return token.Claims{Grant: grant, Client: c.ID, Organization: c.Organization, Subject: subject, Epochs: epochs, IssuedAt: now}
}

// accessToken issues an access token: sealed, or by reference where the profile
// says so or the content is too large to travel.
func (g *Grants) accessToken(ctx context.Context, a *token.Access) (string, error) {
	a.Revision = g.in.Feed().Revision()
	if g.in.Config().Profile.Format == authz.SealedTokens {
		sealed, err := g.in.Tokens().SealAccess(a)
		if !errors.Is(err, token.ErrTooLarge) {
			return sealed, err
		}
	}
	reference, key := g.in.Tokens().NewOpaque(token.ReferencePrefix, a.IssuedAt)
	body, err := g.in.Tokens().EncodeAccess(a)
	if err != nil {
		return "", fmt.Errorf("issuer: encoding an access token: %w", err)
	}
	err = g.in.Store().PutArtifact(ctx, storage.Artifact{Kind: storage.ReferenceToken, Key: key, Client: a.Client,
		Organization: a.Organization, Subject: a.Subject, Sealed: g.in.SealRecord(body, key), ExpiresAt: a.ExpiresAt, Grant: a.Grant})
	if err != nil {
		return "", wire.Unavailable(err)
	}
	return reference, nil
}

// answer fills in fosite's response. refreshUntil is the nearer of the limits of
// the refresh token.
func (g *Grants) answer(response fosite.AccessResponder, access string, a *token.Access, refresh string, consentedAt, refreshUntil time.Time) {
	response.SetAccessToken(access)
	response.SetTokenType("bearer")
	response.SetExpiresIn(a.ExpiresAt.Sub(a.IssuedAt))
	if len(a.Scopes) > 0 {
		response.SetExtra("scope", strings.Join(a.Scopes, " "))
	}
	if refresh != "" {
		response.SetExtra("refresh_token", refresh)
	}
	if g.in.Config().Profile.ConsentedOn {
		response.SetExtra("consented_on", consentedAt.Unix())
		if refresh != "" {
			response.SetExtra("refresh_token_expires_in", int64(refreshUntil.Sub(a.IssuedAt)/time.Second))
		}
	}
}

// refreshLimits returns the absolute and the idle expiry of a grant's refresh
// token that is issued now.
func (g *Grants) refreshLimits(c *storage.Client, consentedAt, now time.Time) (absolute, idle time.Time) {
	p := g.in.Config().Profile
	absolute = consentedAt.Add(shorter(c.Lifetimes.RefreshAbsolute, p.RefreshAbsolute))
	if !c.ExpiresAt.IsZero() {
		absolute = earlier(absolute, c.ExpiresAt)
	}
	return absolute, earlier(absolute, now.Add(shorter(c.Lifetimes.RefreshIdle, p.RefreshIdle)))
}

// shorter takes a client's own setting unless it is absent or beyond the profile's.
func shorter(own, profile time.Duration) time.Duration {
	if own > 0 && own < profile {
		return own
	}
	return profile
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// sealBindings encrypts bound ids for the store; nil for none.
func (g *Grants) sealBindings(id storage.ID, bound []token.Binding) ([]byte, error) {
	if len(bound) == 0 {
		return nil, nil
	}
	plain, err := json.Marshal(bound)
	if err != nil {
		return nil, fmt.Errorf("issuer: encoding bound ids: %w", err)
	}
	return g.in.SealRecord(plain, id[:]), nil
}

// OpenBindings decrypts the ids that a stored grant is bound to.
func (g *Grants) OpenBindings(ctx context.Context, id storage.ID, sealed []byte) ([]token.Binding, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	plain, err := g.in.OpenRecord(ctx, sealed, id[:])
	if err != nil {
		return nil, fmt.Errorf("issuer: opening bound ids: %w", err)
	}
	var bound []token.Binding
	if err := json.Unmarshal(plain, &bound); err != nil {
		return nil, fmt.Errorf("issuer: decoding bound ids: %w", err)
	}
	return bound, nil
}

// seconds truncates to what tokens carry.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
