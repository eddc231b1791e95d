package issuer

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/dialect"
	"github.com/gatewright/gatewright/authz/issuer/internal/grants"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/storage"
)

// TokenOptions vary a token endpoint.
type TokenOptions struct {
	// JSONOnly takes application/json and no form. Without it the endpoint takes
	// forms, and JSON too if the profile turns it on. Sealed endpoints are JSON.
	JSONOnly bool
	// GrantTypes limits the endpoint to some; empty is all. An endpoint of a
	// single grant type does not need to be told grant_type, but for those of a
	// bank, whose documents demand it, and scope.
	GrantTypes []string
	// ClientType limits the endpoint to clients of one type.
	ClientType string
	// Product limits it to clients that have subscribed to an API product.
	Product string
	// CustomerSignIn marks the one endpoint of a bank that speaks forms and plain
	// answers, and takes HTTP Basic; it stands inside address lists and client
	// certificates all the same.
	CustomerSignIn bool
}

var tokenMembers = []string{"grant_type", "client_id", "client_secret", "scope", "audience", "refresh_token", "code", "redirect_uri", "code_verifier"}

// metadataMember holds the ids that a token is to be bound to.
const metadataMember = "oauth_metadata"

// Token returns the token endpoint (RFC 6749 section 3.2).
func (s *Server) Token(o TokenOptions) http.Handler {
	demand, accept := s.tokenDialect(o)
	return s.cors(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &tokenExchange{Server: s, w: w, r: r, options: o}
		defer func() { t.admission.Discard() }() // after a panic
		body, err := t.run(demand, accept)
		t.record(err)
		s.allowOrigin(t.w, r, t.client)
		if err != nil {
			s.fail(t.w, r, err)
		} else {
			wire.WriteJSON(t.w, http.StatusOK, body)
		}
		s.seal(t.admission)
	}))
}

// tokenDialect says how clients authenticate and speak at a token endpoint: in
// a bank's UAT and production with headers and sealed JSON, in its sandbox and
// at the customer sign-in with Basic and a form.
func (s *Server) tokenDialect(o TokenOptions) (authz.Demand, dialect.Accept) {
	if !s.in.HasPerimeter() {
		return authz.Demand{}, s.accept(o.JSONOnly, tokenMembers)
	}
	if o.CustomerSignIn || !s.cfg.Profile.SealedMessages {
		return authz.Demand{Secret: true, Basic: true, Plain: true}, dialect.Accept{Form: true}
	}
	return authz.Demand{Secret: true, MessageID: true}, dialect.Accept{JSON: true, Members: tokenMembers,
		Objects: map[string][]string{metadataMember: s.cfg.Metadata.Kinds()}}
}

func (s *Server) accept(jsonOnly bool, members []string) dialect.Accept {
	return dialect.Accept{Form: !jsonOnly, JSON: jsonOnly || s.cfg.Profile.JSON, Members: members}
}

// tokenExchange is one token request: read, authenticate, fosite, answer.
type tokenExchange struct {
	*Server
	w       http.ResponseWriter
	r       *http.Request
	options TokenOptions

	admission *authz.Admission
	client    *storage.Client
	grantType string
	session   grants.Session
}

func (t *tokenExchange) run(demand authz.Demand, accept dialect.Accept) (map[string]any, error) {
	if t.in.HasPerimeter() {
		if err := t.admit(demand); err != nil {
			return nil, err
		}
	}
	form, objects, refusal := accept.Read(t.r)
	if refusal != nil {
		return nil, refusal
	}
	t.session.Metadata = objects[metadataMember]
	if err := t.readGrantType(form); err != nil {
		return nil, err
	}
	if err := t.findClient(form); err != nil {
		return nil, err
	}
	provider, err := t.provider(form)
	if err != nil {
		return nil, err
	}
	if t.admission != nil && t.grantType == grants.ClientCredentials && form.Get("scope") == "" {
		return nil, wire.InvalidRequest("scope_missing", "Send scope.")
	}
	grants.WithForm(t.r, form)
	ctx := grants.WithClient(t.r.Context(), t.client)
	request, err := provider.NewAccessRequest(ctx, t.r, &t.session)
	if err != nil {
		return nil, err
	}
	if !t.cfg.Products.Permits(t.client, t.grantType, request.GetRequestedScopes()) {
		return nil, wire.InvalidScope("outside_subscriptions")
	}
	response, err := provider.NewAccessResponse(ctx, request)
	if err != nil {
		return nil, err
	}
	return response.ToMap(), nil
}

// admit takes the client through the perimeter.
func (t *tokenExchange) admit(demand authz.Demand) error {
	admission, refusal := t.in.Admit(t.w, t.r, demand)
	t.admission, t.client = admission, admission.Client
	t.w, t.r = admission.Writer, admission.Request
	if refusal != nil {
		return fromRefusal(refusal)
	}
	if refusal := oneAuthentication(demand, t.r); refusal != nil {
		return refusal
	}
	return nil
}

// findClient authenticates the client, if the perimeter has not done so.
func (t *tokenExchange) findClient(form url.Values) error {
	if t.admission == nil {
		client, err := t.authenticate(t.r.Context(), t.r, form)
		t.client = client
		return err
	}
	if refusal := repeatsOnly(t.client, form); refusal != nil {
		return refusal
	}
	return nil
}

// provider finds the grant, if this endpoint serves it to this client.
func (t *tokenExchange) provider(form url.Values) (grants.Provider, error) {
	provider, ok := t.grants.ByType[t.grantType]
	if !ok || len(t.options.GrantTypes) > 0 && !slices.Contains(t.options.GrantTypes, t.grantType) {
		return provider, wire.UnsupportedGrantType()
	}
	if t.options.ClientType != "" && t.client.Type != t.options.ClientType {
		return provider, wire.UnauthorizedClient(t.grantType)
	}
	if t.options.Product != "" && !slices.Contains(t.client.Subscriptions, t.options.Product) {
		return provider, wire.UnauthorizedClient(t.grantType)
	}
	return provider, nil
}

func (t *tokenExchange) readGrantType(form url.Values) error {
	if !form.Has("grant_type") {
		if len(t.options.GrantTypes) != 1 || t.admission != nil {
			return wire.InvalidRequest("grant_type_missing", "Send grant_type.")
		}
		form.Set("grant_type", t.options.GrantTypes[0])
	}
	t.grantType = form.Get("grant_type")
	return nil
}

// record puts the request into the audit trail.
func (t *tokenExchange) record(err error) {
	e := storage.Event{Type: "token.issued", Outcome: "ok", Address: t.address(), Route: t.r.Pattern, Target: t.grantType, Grant: t.session.Grant}
	if !slices.Contains([]string{grants.ClientCredentials, grants.RefreshToken, grants.AuthorizationCode}, t.grantType) {
		e.Target = "" // what a caller sent is not repeated
	}
	if t.client != nil {
		e.Client, e.Organization, e.Actor = t.client.ID, t.client.Organization, "key:"+t.client.ID
	}
	if t.session.Subject != "" {
		e.Actor = "user:" + t.session.Subject
	}
	if t.session.Graced {
		e.Reason = "graced"
	}
	if err != nil {
		refusal := wire.From(err)
		e.Type, e.Outcome, e.Reason = "token.refused", refusal.Code, refusal.Reason
	}
	t.in.Record(e)
	if t.session.Replayed {
		e.Type = "grant.ended"
		e.ID = storage.ID{}
		t.in.Record(e)
	}
}

func (t *tokenExchange) address() string {
	if t.admission != nil && t.admission.Address.IsValid() {
		return t.admission.Address.String()
	}
	return address(t.r)
}

// fail answers with an OAuth error and logs what is our own fault.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	refusal := wire.From(err)
	if refusal.Status >= 500 {
		s.cfg.Logger.ErrorContext(r.Context(), "an OAuth request could not be completed", "route", r.Pattern, "reason", refusal.Reason, "cause", refusal.Cause)
	}
	refusal.Write(w)
}
