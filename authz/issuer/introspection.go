package issuer

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

var introspectionMembers = []string{"token", "token_type_hint", "client_id", "client_secret"}

// Introspection returns the introspection endpoint (RFC 7662). A client learns
// about its own tokens; one that is marked as a resource server about all. To
// anybody else every token is inactive. Where the profile has the controls of a
// bank it stands inside address lists and client certificates, and takes Basic and
// a form; as its answers are plain, and hold the ids that tokens are bound to, it
// is for resource servers alone where messages are sealed.
func (s *Server) Introspection() http.Handler {
	demand, accept := authz.Demand{Secret: true, Basic: true, Plain: true}, s.accept(false, introspectionMembers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.receive(w, r, demand, accept)
		client, form := c.client, c.form
		if err == nil && (client.Public || s.cfg.Profile.SealedMessages && !client.ResourceServer) {
			err = wire.InvalidClient("introspection_not_allowed")
		}
		if err == nil && form.Get("token") == "" {
			err = wire.InvalidRequest("token_missing", "Send the token as token.")
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		answer, err := s.introspect(r.Context(), form.Get("token"))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if answer.Active && !client.ResourceServer && answer.ClientID != client.ID {
			s.in.Record(storage.Event{Type: "introspection.refused", Outcome: "inactive", Reason: "token_of_another_client",
				Organization: client.Organization, Actor: "key:" + client.ID, Client: client.ID, Address: c.address(), Route: r.Pattern})
			answer = authz.IntrospectionResponse{}
		}
		wire.WriteJSON(w, http.StatusOK, answer)
	})
}

func (s *Server) introspect(ctx context.Context, presented string) (authz.IntrospectionResponse, error) {
	if token.Kind(presented) == token.RefreshPrefix {
		return s.introspectRefresh(ctx, presented)
	}
	inactive := authz.IntrospectionResponse{}
	a, p, err := s.in.OpenAccess(ctx, presented)
	if err != nil {
		if refusal := authz.AsRefusal(err); refusal.Status >= 500 {
			return inactive, wire.Unavailable(refusal)
		}
		return inactive, nil
	}
	answer := authz.IntrospectionResponse{Active: true, TokenType: "Bearer", Scope: strings.Join(a.Scopes, " "), ClientID: a.Client,
		Subject: a.Subject, Person: a.Subject != "", Audience: a.Audience, Issuer: s.cfg.Issuer, ExpiresAt: a.ExpiresAt.Unix(), IssuedAt: a.IssuedAt.Unix(),
		GrantID: a.Grant.String(), Organization: a.Organization, Environment: p.Environment, Roles: p.Roles, Boundary: p.Boundary}
	if answer.Subject == "" {
		answer.Subject = a.Client
	}
	if len(a.Metadata) > 0 {
		answer.Bound = make(map[string]string, len(a.Metadata))
		for _, b := range a.Metadata {
			answer.Bound[b.Kind] = b.Value
		}
	}
	return answer, nil
}

// introspectRefresh says whether a refresh token could be exchanged right now,
// with its own expiry.
func (s *Server) introspectRefresh(ctx context.Context, presented string) (authz.IntrospectionResponse, error) {
	inactive := authz.IntrospectionResponse{}
	var t token.Refresh
	if err := s.grants.OpenRefresh(ctx, presented, &t); err != nil {
		if wire.From(err).Status >= 500 {
			return inactive, err
		}
		return inactive, nil
	}
	now := s.in.Now()
	if t.ExpiredAt(now) {
		return inactive, nil
	}
	client, err := s.in.Client(ctx, t.Client)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return inactive, nil
	case err != nil:
		return inactive, wire.Unavailable(err)
	case !client.ActiveAt(now):
		return inactive, nil
	}
	epochs, err := s.grants.Epochs(ctx, &client, t.Subject)
	switch refusal := wire.From(err); {
	case err != nil && refusal.Status >= 500:
		return inactive, err
	case err != nil || epochs.Client > t.Epochs.Client || epochs.Organization > t.Epochs.Organization || epochs.Member > t.Epochs.Member:
		return inactive, nil
	}
	g, err := s.in.Store().Grant(ctx, t.Grant)
	scopes := g.Scopes
	switch {
	case errors.Is(err, storage.ErrNotFound) && t.Virtual:
		scopes = t.Scopes
	case errors.Is(err, storage.ErrNotFound):
		return inactive, nil
	case err != nil:
		return inactive, wire.Unavailable(err)
	case !g.EndedAt.IsZero() || g.Generation != t.Generation || !now.Before(g.ExpiresAt):
		return inactive, nil
	}
	subject := t.Subject
	if subject == "" {
		subject = t.Client
	}
	return authz.IntrospectionResponse{Active: true, TokenType: "refresh_token", Scope: strings.Join(scopes, " "), ClientID: t.Client, Subject: subject, Person: t.Subject != "",
		Issuer: s.cfg.Issuer, ExpiresAt: t.ExpiresAt.Unix(), IssuedAt: t.IssuedAt.Unix(), GrantID: t.Grant.String(), Organization: t.Organization, Environment: client.Environment}, nil
}
