package grants

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ory/fosite"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// refreshToken is the grant of RFC 6749 section 6 with rotation and reuse
// detection (RFC 9700 section 4.14.2). One command decides.
type refreshToken struct{ *Grants }

func (h *refreshToken) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

func (h *refreshToken) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return isGrant(r, RefreshToken)
}

func (h *refreshToken) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	c := request.GetClient().(Client).Client
	session := request.GetSession().(*Session)
	if err := mayUse(c, RefreshToken); err != nil {
		return err
	}
	presented := request.GetRequestForm().Get("refresh_token")
	if presented == "" {
		return wire.InvalidRequest("refresh_token_missing", "Send the refresh token as refresh_token.")
	}
	var t token.Refresh
	if err := h.OpenRefresh(ctx, presented, &t); err != nil {
		return err
	}
	session.Grant, session.Subject = t.Grant, t.Subject
	switch {
	case t.Client != c.ID:
		return wire.InvalidGrant("refresh_token_of_another_client")
	case !h.in.Now().Before(t.ExpiresAt):
		return wire.InvalidGrant("refresh_token_expired")
	}
	if err := h.checkGrant(ctx, request, c, &t); err != nil {
		return err
	}
	session.refresh = &t
	return nil
}

// OpenRefresh reads a refresh token; what cannot be read is invalid_grant.
func (g *Grants) OpenRefresh(ctx context.Context, presented string, t *token.Refresh) error {
	unreadable, err := g.opening(ctx, presented, func() error { return g.in.Tokens().OpenRefresh(presented, t) })
	if err != nil || unreadable == nil {
		return err
	}
	e := wire.InvalidGrant("refresh_token_unreadable")
	e.Cause = unreadable
	return e
}

// opening opens a credential, and once more if that took a data key that this
// instance had to learn first. unreadable says why it cannot be opened, err that
// nobody can tell.
func (g *Grants) opening(ctx context.Context, presented string, open func() error) (unreadable, err error) {
	unreadable = open()
	again, failure := g.in.Retry(ctx, presented, unreadable)
	switch {
	case failure != nil:
		return nil, wire.Unavailable(failure)
	case again:
		unreadable = open()
	}
	return unreadable, nil
}

// StoreKey is the key under which the store has an opaque credential; nil for
// what is none of this kind.
func (g *Grants) StoreKey(ctx context.Context, prefix, presented string) (key []byte, err error) {
	_, err = g.opening(ctx, presented, func() (err error) {
		key, err = g.in.Tokens().OpaqueKey(prefix, presented)
		return err
	})
	return key, err
}

// checkGrant asks what only the grant knows, where anything is to be asked. A
// client may ask for fewer scopes than the grant has (RFC 6749 section 6), never
// for more, and the grant keeps what it has. Where tokens are bound to accounts
// the host is asked again whether they still belong together.
func (h *refreshToken) checkGrant(ctx context.Context, request fosite.AccessRequester, c *storage.Client, t *token.Refresh) error {
	if len(request.GetRequestedAudience()) > 0 {
		return wire.InvalidTarget()
	}
	bound := h.in.Config().Profile.BoundAccounts
	if len(request.GetRequestedScopes()) == 0 && !bound {
		return nil
	}
	scopes, ids := t.Scopes, t.Metadata
	if !t.Virtual {
		stored, err := h.in.Store().Grant(ctx, t.Grant)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return wire.InvalidGrant("grant_unknown")
		case err != nil:
			return wire.Unavailable(err)
		}
		scopes = stored.Scopes
		if ids, err = h.OpenBindings(ctx, t.Grant, stored.Sealed); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if !bound {
			break
		}
		if refusal := h.in.ActFor(ctx, c, t.Subject, id.Kind, id.Value); refusal != nil && refusal.Status >= 500 {
			return wire.Unavailable(refusal.Cause)
		} else if refusal != nil {
			return wire.InvalidGrant(refusal.Reason)
		}
	}
	return checkScopes(request, scopes)
}

func (h *refreshToken) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	c := request.GetClient().(Client).Client
	session := request.GetSession().(*Session)
	t := session.refresh
	epochs, err := h.Epochs(ctx, c, t.Subject)
	if err != nil {
		return err
	}
	now := seconds(h.in.Now())
	absolute, idle := h.refreshLimits(c, t.ConsentedAt, now)
	absolute = earlier(absolute, t.AbsoluteExpiry)
	idle = earlier(idle, absolute)
	accessExpiry := seconds(earlier(h.in.AccessExpiry(c, now), absolute))
	claims := claimsOf(t.Grant, c, t.Subject, epochs, now)
	next := &token.Refresh{Claims: claims, Secret: token.NewRefreshSecret(), ConsentedAt: t.ConsentedAt, AbsoluteExpiry: seconds(absolute)}
	next.ExpiresAt = seconds(idle)
	rotated, err := h.rotate(ctx, c, t, next, accessExpiry)
	if err != nil {
		return err
	}
	if err := h.outcome(ctx, c, session, rotated.Outcome); err != nil {
		return err
	}
	claims.Generation = rotated.Grant.Generation
	next.Generation = claims.Generation
	bound, err := h.OpenBindings(ctx, t.Grant, rotated.Grant.Sealed)
	if err != nil {
		return err
	}
	scopes := rotated.Grant.Scopes
	if requested := request.GetRequestedScopes(); len(requested) > 0 {
		scopes = requested
		for _, s := range requested { // checked before; the database's word is final
			if !slices.Contains(rotated.Grant.Scopes, s) {
				return wire.InvalidScope("scope_not_granted")
			}
		}
	}
	a := &token.Access{Claims: claims, Scopes: scopes, Audience: rotated.Grant.Audiences, Metadata: bound}
	a.ExpiresAt = accessExpiry
	return h.answerBoth(ctx, response, a, next, t.ConsentedAt)
}

func (h *refreshToken) rotate(ctx context.Context, c *storage.Client, t, next *token.Refresh, accessUntil time.Time) (storage.Rotated, error) {
	presented := h.in.Tokens().RefreshHash(t.Secret, t.Grant)
	r := storage.Rotation{ID: t.Grant, Client: c.ID, From: t.Generation, Presented: presented,
		Next: h.in.Tokens().RefreshHash(next.Secret, next.Grant), At: h.in.Now(), Grace: h.grace(c),
		IdleAt: next.ExpiresAt, AccessUntil: accessUntil, Until: h.in.Until(), Skew: h.in.Skew()}
	if t.Virtual {
		sealed, err := h.sealBindings(t.Grant, t.Metadata)
		if err != nil {
			return storage.Rotated{}, err
		}
		r.Virtual = &storage.Grant{ID: t.Grant, Client: t.Client, Organization: t.Organization, Subject: t.Subject,
			Epochs: t.Epochs,
			Scopes: t.Scopes, Audiences: t.Audience, Sealed: sealed, Account: h.AccountKey(t.Metadata), ConsentedAt: t.ConsentedAt, ExpiresAt: t.AbsoluteExpiry,
			IdleAt: t.ExpiresAt, AccessUntil: t.AccessUntil, Refresh: presented}
	}
	rotated, err := h.in.Store().Rotate(ctx, r)
	if err != nil {
		return rotated, wire.Unavailable(err)
	}
	h.in.Feed().Apply(rotated.Changes...)
	return rotated, nil
}

// outcome turns what the store decided into an answer.
func (h *refreshToken) outcome(ctx context.Context, c *storage.Client, session *Session, o storage.Outcome) error {
	switch o {
	case storage.Done:
		return nil
	case storage.Graced:
		session.Graced = true
		return nil
	case storage.Reused:
		session.Replayed = true
		return wire.InvalidGrant("refresh_token_reused")
	case storage.Inactive:
		return h.inactive(ctx, c, session.Subject)
	default:
		return wire.InvalidGrant("grant_over")
	}
}

func (g *Grants) grace(c *storage.Client) time.Duration {
	if c.Lifetimes.RefreshGrace > 0 {
		return min(c.Lifetimes.RefreshGrace, authz.MaxRefreshGrace)
	}
	return g.in.Config().Profile.RefreshGrace
}

// answerBoth issues the pair of a grant that has a row.
func (g *Grants) answerBoth(ctx context.Context, response fosite.AccessResponder, a *token.Access, next *token.Refresh, consentedAt time.Time) error {
	access, err := g.accessToken(ctx, a)
	if err != nil {
		return err
	}
	var refresh string
	var until time.Time
	if next != nil {
		until = next.ExpiresAt
		if refresh, err = g.in.Tokens().SealRefresh(next); err != nil {
			return err
		}
	}
	g.answer(response, access, a, refresh, consentedAt, until)
	return nil
}

var _ fosite.TokenEndpointHandler = (*refreshToken)(nil)
