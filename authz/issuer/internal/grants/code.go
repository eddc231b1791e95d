package grants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ory/fosite"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// Code is what an authorization code stands for: everything that the token
// endpoint needs, as one sealed artifact.
type Code struct {
	Grant storage.ID `json:"grant"`
	// RedirectURI is the one sent in the authorization request, empty if none was.
	RedirectURI string          `json:"redirect_uri,omitempty"`
	Challenge   string          `json:"code_challenge,omitempty"`
	Scopes      []string        `json:"scopes,omitempty"`
	Audience    []string        `json:"audience,omitempty"`
	Bound       []token.Binding `json:"bound,omitempty"`
	ConsentedAt time.Time       `json:"consented_at"`
}

// Approval is what a person agreed to, handed to fosite as the session of an
// authorization response.
type Approval struct {
	Session
	Client *storage.Client
	Person string
	Bound  []token.Binding
	// RedirectURI is the one that was sent, empty if none was.
	RedirectURI string
	// Question is the key of the interaction that the person has answered; it is
	// spent in the command that stores the code.
	Question []byte
}

// ConsentLapsed refuses the answer to a question that does not wait for it.
func ConsentLapsed() *wire.Error {
	return &wire.Error{Status: http.StatusBadRequest, Code: "access_denied", Reason: "consent_lapsed",
		Description: "The question was answered before, has lapsed, or was asked of somebody else. Start again."}
}

// authorizationCode is the grant of RFC 6749 section 4.1 with PKCE (RFC 7636).
type authorizationCode struct{ *Grants }

// HandleAuthorizeEndpointRequest issues a code for an approved request.
func (h *authorizationCode) HandleAuthorizeEndpointRequest(ctx context.Context, request fosite.AuthorizeRequester, response fosite.AuthorizeResponder) error {
	if types := request.GetResponseTypes(); len(types) != 1 || types[0] != "code" {
		return nil
	}
	approval, ok := request.GetSession().(*Approval)
	if !ok || approval.Person == "" {
		return errors.New("issuer: an authorization response without a person's approval")
	}
	c := approval.Client
	epochs, err := h.AuthorizationEpochs(ctx, c, approval.Person)
	if err != nil {
		return err
	}
	now := h.in.Now()
	code := Code{Grant: storage.NewID(now), RedirectURI: approval.RedirectURI, Challenge: request.GetRequestForm().Get("code_challenge"),
		Scopes: request.GetRequestedScopes(), Audience: request.GetRequestedAudience(), Bound: approval.Bound, ConsentedAt: now}
	approval.Session.Grant = code.Grant
	text, key := h.in.Tokens().NewOpaque(token.CodePrefix, now)
	plain, err := json.Marshal(code)
	if err != nil {
		return fmt.Errorf("issuer: encoding a code: %w", err)
	}
	// One command answers the question and stores the code: whoever drops what
	// waits for a person finds either of them, and never nothing.
	answered, err := h.in.Store().Redeem(ctx, storage.Redemption{Kind: storage.Interaction, Key: approval.Question, Client: c.ID, At: now, Until: h.in.Until(),
		Next: &storage.Artifact{Kind: storage.AuthorizationCode, Key: key, Client: c.ID,
			Organization: c.Organization, Subject: approval.Person, Account: h.AccountKey(approval.Bound), Epochs: epochs,
			Sealed:    h.in.SealRecord(plain, key),
			ExpiresAt: now.Add(shorter(c.Lifetimes.Code, h.in.Config().Profile.Code))}})
	switch {
	case err != nil:
		return wire.Unavailable(err)
	case answered.Outcome != storage.Done:
		return ConsentLapsed()
	}
	response.AddParameter("code", text)
	request.SetResponseTypeHandled("code")
	return nil
}

func (h *authorizationCode) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool {
	return false
}

func (h *authorizationCode) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return isGrant(r, AuthorizationCode)
}

// HandleTokenEndpointRequest validates; it changes nothing, so that a failed try
// neither spends the code nor weakens the next one. A code that was redeemed
// before goes on to the store, which ends what the first use issued.
func (h *authorizationCode) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	c := request.GetClient().(Client).Client
	session := request.GetSession().(*Session)
	if err := mayUse(c, AuthorizationCode); err != nil {
		return err
	}
	form := request.GetRequestForm()
	presented := form.Get("code")
	if presented == "" {
		return wire.InvalidRequest("code_missing", "Send the authorization code as code.")
	}
	key, err := h.StoreKey(ctx, token.CodePrefix, presented)
	switch {
	case err != nil:
		return err
	case key == nil:
		return wire.InvalidGrant("code_unreadable")
	}
	stored, err := h.in.Store().Artifact(ctx, storage.AuthorizationCode, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return wire.InvalidGrant("code_unknown")
	case err != nil:
		return wire.Unavailable(err)
	case stored.Client != c.ID:
		return wire.InvalidGrant("code_of_another_client")
	}
	code, err := h.openCode(ctx, key, stored.Sealed)
	if err != nil {
		return err
	}
	session.codeKey, session.code, session.Subject, session.Grant = key, code, stored.Subject, code.Grant
	if !stored.RedeemedAt.IsZero() {
		session.redeemed = true
		return nil
	}
	if !h.in.Now().Before(stored.ExpiresAt) {
		return wire.InvalidGrant("code_expired")
	}
	// A bank's clients may leave it out (the code is bound to the client's
	// certificate then); what is sent must match.
	sent := form.Get("redirect_uri")
	if optional := h.in.Config().Profile.ClientHeaders; sent != code.RedirectURI && (sent != "" || !optional) {
		return wire.InvalidGrant("redirect_uri_differs")
	}
	return verifyChallenge(code.Challenge, form.Get("code_verifier"))
}

func (g *Grants) openCode(ctx context.Context, key, sealed []byte) (*Code, error) {
	plain, err := g.in.OpenRecord(ctx, sealed, key)
	if err != nil {
		return nil, fmt.Errorf("issuer: opening a code: %w", err)
	}
	code := new(Code)
	if err := json.Unmarshal(plain, code); err != nil {
		return nil, fmt.Errorf("issuer: decoding a code: %w", err)
	}
	return code, nil
}

// PopulateTokenEndpointResponse redeems the code and issues the tokens.
func (h *authorizationCode) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	c := request.GetClient().(Client).Client
	session := request.GetSession().(*Session)
	code := session.code
	epochs, err := h.Epochs(ctx, c, session.Subject)
	if err != nil {
		return err
	}
	now := seconds(h.in.Now())
	absolute, idle := h.refreshLimits(c, code.ConsentedAt, now)
	claims := claimsOf(code.Grant, c, session.Subject, epochs, now)
	a := &token.Access{Claims: claims, Scopes: code.Scopes, Audience: code.Audience, Metadata: code.Bound}
	a.ExpiresAt = seconds(earlier(h.in.AccessExpiry(c, now), absolute))
	sealed, err := h.sealBindings(code.Grant, code.Bound)
	if err != nil {
		return err
	}
	grant := &storage.Grant{ID: code.Grant, Client: c.ID, Organization: c.Organization, Subject: session.Subject, Epochs: epochs,
		Scopes: code.Scopes, Audiences: code.Audience, Sealed: sealed, Account: h.AccountKey(code.Bound), ConsentedAt: code.ConsentedAt,
		ExpiresAt: absolute, IdleAt: idle, AccessUntil: a.ExpiresAt}
	var next *token.Refresh
	if mayUse(c, RefreshToken) == nil {
		next = &token.Refresh{Claims: claims, Secret: token.NewRefreshSecret(), ConsentedAt: seconds(code.ConsentedAt), AbsoluteExpiry: seconds(absolute)}
		next.ExpiresAt = seconds(idle)
		grant.Refresh = h.in.Tokens().RefreshHash(next.Secret, next.Grant)
	}
	redeemed, err := h.in.Store().Redeem(ctx, storage.Redemption{Kind: storage.AuthorizationCode, Key: session.codeKey, Client: c.ID,
		At: h.in.Now(), Grant: grant, Until: h.in.Until()})
	if err != nil {
		return wire.Unavailable(err)
	}
	h.in.Feed().Apply(redeemed.Changes...)
	if err := h.redeemedOutcome(ctx, c, session, redeemed.Outcome); err != nil {
		return err
	}
	return h.answerBoth(ctx, response, a, next, code.ConsentedAt)
}

// AccountKey is the keyed hash by which a host can end the grants of an account;
// nil without one.
func (g *Grants) AccountKey(bound []token.Binding) []byte {
	for _, b := range bound {
		if b.Kind == authz.AccountKind {
			return g.in.Keyring().LookupKeys([]byte(b.Value))[0]
		}
	}
	return nil
}

func (h *authorizationCode) redeemedOutcome(ctx context.Context, c *storage.Client, session *Session, o storage.Outcome) error {
	switch {
	case o == storage.Done && !session.redeemed:
		return nil
	case o == storage.Reused:
		session.Replayed = true
		return wire.InvalidGrant("code_reused")
	case o == storage.Inactive:
		return h.inactive(ctx, c, session.Subject)
	default:
		return wire.InvalidGrant("code_over")
	}
}

var (
	_ fosite.TokenEndpointHandler     = (*authorizationCode)(nil)
	_ fosite.AuthorizeEndpointHandler = (*authorizationCode)(nil)
)
