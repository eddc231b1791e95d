package authz

import (
	"context"
	"net/http"

	"github.com/gatewright/gatewright/storage"
)

// MayActFor is the host's word on whether a client may act for the holder of an
// id of some kind ("account_id", "emirates_id"). It is asked before a token is
// issued and on every call; false looks to the caller like an id that nobody
// has. An error is a refusal with 503.
type MayActFor func(ctx context.Context, client *storage.Client, kind, id string) (bool, error)

// OwnsAccount is the host's word on whether an account is a customer's. It is
// asked at consent, at every refresh and on every call.
type OwnsAccount func(ctx context.Context, customer, account string) (bool, error)

// AccountKind is the kind under which an account number is bound to a token.
const AccountKind = "account_id"

// mayAct asks the host about everything that a token is bound to.
func (in *Installation) mayAct(ctx context.Context, client *storage.Client, p *Principal) *Refusal {
	for kind, id := range p.bound {
		if refusal := in.ActFor(ctx, client, p.Subject, kind, id); refusal != nil {
			return refusal
		}
	}
	return nil
}

// ActFor asks the host whether a client, or the customer who delegated, may act
// for an id. Without a hook nobody may.
func (in *Installation) ActFor(ctx context.Context, client *storage.Client, customer, kind, id string) *Refusal {
	var allowed bool
	var err error
	switch {
	case customer != "" && kind == AccountKind && in.cfg.OwnsAccount != nil:
		allowed, err = in.cfg.OwnsAccount(ctx, customer, id)
	case customer == "" && in.cfg.MayActFor != nil:
		allowed, err = in.cfg.MayActFor(ctx, client, kind, id)
	}
	switch {
	case err != nil:
		return unavailable("host_unavailable", err)
	case !allowed:
		return &Refusal{Status: http.StatusForbidden, Code: "access_denied", Reason: "may_not_act_for",
			Detail: "The id is unknown, or this client may not act for it."}
	}
	return nil
}
