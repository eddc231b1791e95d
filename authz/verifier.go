package authz

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// Verifier returns the verifier of tokens that this installation issued, sealed
// and reference ones alike.
func (in *Installation) Verifier() Verifier { return (*localVerifier)(in) }

type localVerifier Installation

// Verify implements [Verifier].
func (v *localVerifier) Verify(ctx context.Context, bearer string) (*Principal, error) {
	in := (*Installation)(v)
	var a token.Access
	if err := in.openAccess(ctx, bearer, &a); err != nil {
		return nil, err
	}
	return in.authorize(ctx, &a)
}

// OpenAccess opens and fully checks an access token: format, expiry, and that
// neither its grant nor its client, organization or member has been ended.
// Errors are refusals.
func (in *Installation) OpenAccess(ctx context.Context, bearer string) (*token.Access, *Principal, error) {
	a := new(token.Access)
	if err := in.openAccess(ctx, bearer, a); err != nil {
		return nil, nil, err
	}
	p, err := in.authorize(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return a, p, nil
}

// PeekAccess opens an access token without asking whether it is still good, for
// revocation, which must find the grant of a token that is dead already.
func (in *Installation) PeekAccess(ctx context.Context, bearer string, a *token.Access) error {
	return in.readAccess(ctx, bearer, a)
}

func (in *Installation) openAccess(ctx context.Context, bearer string, a *token.Access) error {
	if err := in.readAccess(ctx, bearer, a); err != nil {
		return err
	}
	now := in.cfg.Now()
	if !now.Before(a.ExpiresAt) {
		return tokenInvalid("token_expired", nil)
	}
	if a.IssuedAt.After(now.Add(skew)) {
		return tokenInvalid("token_from_the_future", nil)
	}
	return nil
}

func (in *Installation) readAccess(ctx context.Context, bearer string, a *token.Access) error {
	err := in.decodeAccess(ctx, bearer, a)
	if again, failure := in.Retry(ctx, bearer, err); failure != nil {
		return unavailable("keys_unavailable", failure)
	} else if again {
		err = in.decodeAccess(ctx, bearer, a)
	}
	var refusal *Refusal
	if err == nil || errors.As(err, &refusal) {
		return err
	}
	return tokenInvalid("token_unreadable", err)
}

func (in *Installation) decodeAccess(ctx context.Context, bearer string, a *token.Access) error {
	if !strings.HasPrefix(bearer, token.ReferencePrefix) {
		return in.codec.OpenAccess(bearer, a)
	}
	key, err := in.codec.OpaqueKey(token.ReferencePrefix, bearer)
	if err != nil {
		return err
	}
	stored, err := in.cfg.Store.Artifact(ctx, storage.ReferenceToken, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return tokenInvalid("token_unknown", nil)
	case err != nil:
		return unavailable("store_unavailable", err)
	}
	body, err := in.OpenRecord(ctx, stored.Sealed, key)
	switch {
	case errors.Is(err, storage.ErrUnavailable):
		return unavailable("keys_unavailable", err)
	case err != nil:
		return err
	}
	return in.codec.DecodeAccess(body, a)
}

// authorize checks that nothing the token depends on has ended, and reads who
// it speaks for.
func (in *Installation) authorize(ctx context.Context, a *token.Access) (*Principal, error) {
	ticket := feed.Ticket{Grant: a.Grant, Generation: a.Generation, Client: a.Client, Organization: a.Organization, Subject: a.Subject,
		ClientEpoch: a.Epochs.Client, OrganizationEpoch: a.Epochs.Organization, MemberEpoch: a.Epochs.Member, Revision: a.Revision}
	if err := in.feed.Check(ctx, &ticket); err != nil {
		return nil, feedRefusal(err)
	}
	client, err := in.clients.Shared(ctx, a.Client)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, tokenInvalid("client_unknown", nil)
	case err != nil:
		return nil, unavailable("store_unavailable", err)
	case client.Environment != in.cfg.Profile.Environment || client.Organization != a.Organization:
		return nil, tokenInvalid("wrong_environment", nil)
	case !client.ActiveAt(in.cfg.Now()):
		return nil, tokenInvalid("client_"+inactiveReason(client), nil)
	}
	roles := client.Roles
	if a.Subject != "" {
		member, err := in.members.Get(ctx, storage.MemberKey(a.Organization, a.Subject))
		switch {
		case errors.Is(err, storage.ErrNotFound):
			roles = nil // no membership: no roles
		case err != nil:
			return nil, unavailable("store_unavailable", err)
		case member.Status != storage.Active:
			return nil, tokenInvalid("member_"+member.Status.String(), nil)
		default:
			roles = member.Roles
		}
	}
	in.uses.note(a.Client, in.cfg.Now())
	p := &Principal{Client: a.Client, Organization: a.Organization, Environment: client.Environment, Subject: a.Subject,
		Roles: roles, Boundary: client.Boundary, Scopes: a.Scopes, Audience: a.Audience, Grant: a.Grant,
		IssuedAt: a.IssuedAt, ExpiresAt: a.ExpiresAt}
	if len(a.Metadata) > 0 {
		p.bound = make(map[string]string, len(a.Metadata))
		for _, b := range a.Metadata {
			p.bound[b.Kind] = b.Value
		}
	} else if in.cfg.Profile.IsSandbox() {
		p.bound = client.TestIDs
	}
	return p, nil
}

func inactiveReason(c *storage.Client) string {
	if c.Status == storage.Active {
		return "expired"
	}
	return c.Status.String()
}

func feedRefusal(err error) *Refusal {
	switch {
	case errors.Is(err, feed.ErrEnded):
		return tokenInvalid("grant_ended", nil)
	case errors.Is(err, feed.ErrSuperseded):
		return tokenInvalid("token_superseded", nil)
	case errors.Is(err, feed.ErrSuspended):
		return tokenInvalid("suspended", nil)
	case errors.Is(err, feed.ErrRevoked):
		return tokenInvalid("revoked", nil)
	case errors.Is(err, feed.ErrEpoch):
		return tokenInvalid("tokens_ended", nil)
	default:
		return unavailable("changes_unknown", err)
	}
}

var _ Verifier = (*localVerifier)(nil)

// AccessExpiry is when an access token that is issued to the client now expires:
// never beyond the ceiling, nor beyond the client's own expiry.
func (in *Installation) AccessExpiry(c *storage.Client, now time.Time) time.Time {
	d := in.cfg.Profile.Access
	if c.Lifetimes.Access > 0 {
		d = min(c.Lifetimes.Access, in.cfg.Profile.MaxAccess)
	}
	exp := now.Add(d)
	if !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(exp) {
		exp = c.ExpiresAt
	}
	return exp
}
