package issuer

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/issuer/internal/wire"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// RevocationOptions vary a revocation endpoint.
type RevocationOptions struct {
	// JSONOnly takes application/json and no form.
	JSONOnly bool
}

var revocationMembers = []string{"token", "token_type_hint", "client_id", "client_secret"}

// Revocation returns the revocation endpoint (RFC 7009). Revoking any token of a
// grant ends the grant. A token that is unknown, or another client's, is answered
// with 200 like any other, and nothing happens. Where the profile has the controls
// of a bank, clients call it as they call the token endpoint: in UAT and
// production with sealed JSON, in the sandbox with Basic and a form.
func (s *Server) Revocation(o RevocationOptions) http.Handler {
	demand, accept := s.tokenDialect(TokenOptions{JSONOnly: o.JSONOnly})
	accept.Members, accept.Objects = revocationMembers, nil
	return s.cors(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.receive(w, r, demand, accept)
		defer c.admission.Discard() // after a panic
		s.allowOrigin(c.w, r, c.client)
		e := storage.Event{Type: "token.revoked", Outcome: "ok", Address: c.address(), Route: r.Pattern}
		if c.client != nil {
			e.Client, e.Organization, e.Actor = c.client.ID, c.client.Organization, "key:"+c.client.ID
		}
		if err == nil {
			err = s.revoke(c.r.Context(), c.client, c.form.Get("token"), &e)
		}
		if err != nil {
			refusal := wire.From(err)
			e.Type, e.Outcome, e.Reason = "revocation.refused", refusal.Code, refusal.Reason
			s.in.Record(e)
			s.fail(c.w, r, err)
		} else {
			s.in.Record(e)
			wire.WriteJSON(c.w, http.StatusOK, struct{}{})
		}
		s.seal(c.admission)
	}))
}

// revoke ends the grant of a token, if it is the client's. The event says what
// really happened.
func (s *Server) revoke(ctx context.Context, client *storage.Client, presented string, e *storage.Event) error {
	if presented == "" {
		return wire.InvalidRequest("token_missing", "Send the token as token.")
	}
	end, err := s.findGrant(ctx, presented)
	if err != nil {
		return err
	}
	switch {
	case end == nil:
		e.Reason = "token_unknown"
		return nil
	case end.Client != client.ID:
		e.Reason = "token_of_another_client"
		return nil
	}
	e.Grant = end.ID
	now := s.in.Now()
	end.At, end.Reason, end.Until = now, "revoked", s.in.Until()
	if end.Virtual != nil && end.Virtual.ExpiresAt.Before(now) {
		e.Reason = "token_expired"
		return nil
	}
	change, err := s.in.Store().EndGrant(ctx, *end)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		e.Reason = "grant_unknown"
		return nil
	case err != nil:
		return wire.Unavailable(err)
	}
	s.in.Feed().Apply(change)
	return nil
}

// findGrant reads whose grant a token belongs to; nil if it is no token of ours.
func (s *Server) findGrant(ctx context.Context, presented string) (*storage.End, error) {
	switch token.Kind(presented) {
	case token.RefreshPrefix:
		var t token.Refresh
		err := s.grants.OpenRefresh(ctx, presented, &t)
		if refusal := wire.From(err); err != nil {
			if refusal.Status >= 500 {
				return nil, err
			}
			return nil, nil
		}
		end := &storage.End{ID: t.Grant, Client: t.Client}
		if t.Virtual {
			end.Virtual = &storage.Grant{ID: t.Grant, Client: t.Client, Organization: t.Organization, Subject: t.Subject, ConsentedAt: t.ConsentedAt, ExpiresAt: t.AbsoluteExpiry}
		}
		return end, nil
	case token.AccessPrefix, token.ReferencePrefix:
		var a token.Access
		if err := s.in.PeekAccess(ctx, presented, &a); err != nil {
			if refusal := authz.AsRefusal(err); refusal.Status >= 500 {
				return nil, wire.Unavailable(refusal)
			}
			return nil, nil
		}
		end := &storage.End{ID: a.Grant, Client: a.Client}
		if a.Virtual {
			expires := a.ExpiresAt
			if a.RefreshUntil.After(expires) {
				expires = a.RefreshUntil
			}
			end.Virtual = &storage.Grant{ID: a.Grant, Client: a.Client, Organization: a.Organization, Subject: a.Subject, ConsentedAt: a.IssuedAt, ExpiresAt: expires}
		}
		return end, nil
	default:
		return nil, nil
	}
}
