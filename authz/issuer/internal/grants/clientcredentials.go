package grants

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/ory/fosite"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/maskedid"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// clientCredentials is the grant of RFC 6749 section 4.4. It writes nothing: its
// grant is virtual, everything is sealed in the tokens.
type clientCredentials struct{ *Grants }

func (h *clientCredentials) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool {
	return false
}

func (h *clientCredentials) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return isGrant(r, ClientCredentials)
}

func (h *clientCredentials) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	c := request.GetClient().(Client).Client
	if c.Public {
		return wire.UnauthorizedClient(ClientCredentials)
	}
	if err := mayUse(c, ClientCredentials); err != nil {
		return err
	}
	if err := checkScopes(request, c.Scopes); err != nil {
		return err
	}
	if err := checkAudience(request, c.Audiences); err != nil {
		return err
	}
	return h.checkMetadata(ctx, c, request)
}

// checkMetadata compares the ids that were named with what the scopes demand,
// and asks the host whether this client may act for them.
func (h *clientCredentials) checkMetadata(ctx context.Context, c *storage.Client, request fosite.AccessRequester) error {
	cfg := h.in.Config()
	sent := request.GetSession().(*Session).Metadata
	if len(sent) == 0 && cfg.Profile.IsSandbox() {
		return nil // the client's test ids stand in
	}
	if err := cfg.Metadata.Check(request.GetRequestedScopes(), kinds(sent)); err != nil {
		return &wire.Error{Status: http.StatusBadRequest, Code: "invalid_request", Reason: "metadata", Cause: err,
			Description: "oauth_metadata is missing, or holds more than the scopes call for."}
	}
	for kind, id := range sent {
		if _, err := maskedid.Mask(id); err != nil {
			return wire.InvalidRequest("metadata_malformed", "An id in oauth_metadata is malformed: 8 to 64 characters, 0-9 and A-Z.")
		}
		if refusal := h.in.ActFor(ctx, c, "", kind, id); refusal != nil {
			return fromActing(refusal)
		}
	}
	return nil
}

// fromActing says in the words of OAuth that the host said no, or nothing.
func fromActing(r *authz.Refusal) *wire.Error {
	if r.Status >= 500 {
		return wire.Unavailable(r.Cause)
	}
	return &wire.Error{Status: r.Status, Code: r.Code, Description: r.Detail, Reason: r.Reason}
}

func (h *clientCredentials) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	c := request.GetClient().(Client).Client
	session := request.GetSession().(*Session)
	epochs, err := h.Epochs(ctx, c, "")
	if err != nil {
		return err
	}
	now := seconds(h.in.Now())
	a := &token.Access{Claims: claimsOf(storage.NewID(now), c, "", epochs, now),
		Scopes: request.GetRequestedScopes(), Audience: request.GetRequestedAudience(), Metadata: bindings(session.Metadata), Virtual: true}
	a.ExpiresAt = seconds(h.in.AccessExpiry(c, now))
	if !a.ExpiresAt.After(now) {
		return wire.InvalidClient("client_expired")
	}
	session.Grant = a.Grant
	var refresh string
	var idle time.Time
	if h.refreshes(c) {
		if refresh, idle, err = h.virtualRefresh(c, a); err != nil {
			return err
		}
	}
	access, err := h.accessToken(ctx, a)
	if err != nil {
		return err
	}
	h.answer(response, access, a, refresh, a.IssuedAt, idle)
	return nil
}

// kinds are the kinds of the named ids in a fixed order; nearly always there are
// none.
func kinds(metadata map[string]string) []string {
	if len(metadata) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(metadata))
}

// bindings are the named ids in that order.
func bindings(metadata map[string]string) []token.Binding {
	var bound []token.Binding
	for _, kind := range kinds(metadata) {
		bound = append(bound, token.Binding{Kind: kind, Value: metadata[kind]})
	}
	return bound
}

// refreshes says whether this client gets refresh tokens for client_credentials
// (RFC 6749 section 4.4.3 says it should not).
func (h *clientCredentials) refreshes(c *storage.Client) bool {
	if own := c.Lifetimes.ClientCredentialsRefresh; own != nil {
		return *own && mayUse(c, RefreshToken) == nil
	}
	return h.in.Config().Profile.ClientCredentialsRefresh && mayUse(c, RefreshToken) == nil
}

func (h *clientCredentials) virtualRefresh(c *storage.Client, a *token.Access) (refresh string, expires time.Time, err error) {
	absolute, idle := h.refreshLimits(c, a.IssuedAt, a.IssuedAt)
	a.RefreshUntil = seconds(absolute)
	t := &token.Refresh{Claims: a.Claims, Secret: token.NewRefreshSecret(), ConsentedAt: a.IssuedAt, Virtual: true,
		Scopes: a.Scopes, Audience: a.Audience, Metadata: a.Metadata, AbsoluteExpiry: seconds(absolute), AccessUntil: a.ExpiresAt}
	t.ExpiresAt = seconds(idle)
	refresh, err = h.in.Tokens().SealRefresh(t)
	return refresh, idle, err
}

// isGrant compares letter for letter; fosite's own comparison folds case.
func isGrant(r fosite.AccessRequester, grantType string) bool {
	types := r.GetGrantTypes()
	return len(types) == 1 && types[0] == grantType
}

var _ fosite.TokenEndpointHandler = (*clientCredentials)(nil)
