package authz

import (
	"context"
	"net/http"
	"slices"

	"github.com/gatewright/gatewright/authz/maskedid"
)

// credentials are what a route has its callers show.
type credentials uint8

const (
	bearer credentials = iota // a token, and the client headers where the profile has them
	idOnly
	idAndSecret
)

// credentialsOf reads which credentials a route declares.
func credentialsOf(requirements []Requirement) credentials {
	switch {
	case slices.Contains(requirements, WithSecret()):
		return idAndSecret
	case slices.Contains(requirements, Identified()):
		return idOnly
	}
	return bearer
}

type clientRequirement string

// Identified declares a route for clients that name themselves in the client id
// header, without a token. An id identifies; by itself it authenticates nobody.
func Identified() Requirement { return clientRequirement("client id") }

// WithSecret declares a route for clients that show id and secret in the client
// headers, without a token.
func WithSecret() Requirement { return clientRequirement("client id and secret") }

// MessageID demands a message id on every request of the route, also on those
// that carry no message; each is good for one request. In a sandbox, which seals
// no messages, it demands nothing.
func MessageID() Requirement { return clientRequirement("message id") }

func (clientRequirement) check(context.Context, *Guard, *Exchange) *Refusal { return nil }
func (c clientRequirement) String() string                                  { return string(c) }

type subscribed string

// Subscribed demands that the client has subscribed to an API product.
func Subscribed(product string) Requirement {
	if product == "" {
		panic("authz: Subscribed: name a product")
	}
	return subscribed(product)
}

func (s subscribed) check(ctx context.Context, g *Guard, x *Exchange) *Refusal {
	if g.in != nil {
		client, err := g.in.clients.Get(ctx, x.Principal.Client)
		if err != nil {
			return unavailable("store_unavailable", err)
		}
		if slices.Contains(client.Subscriptions, string(s)) {
			return nil
		}
	}
	return &Refusal{Status: http.StatusForbidden, Code: "not_subscribed", Reason: "not_subscribed",
		Detail: "The client has not subscribed to " + string(s) + "."}
}
func (s subscribed) String() string { return "subscribed to " + string(s) }

// masked is a pointer type so that requirements stay comparable.
type masked struct {
	kinds   []string
	sources *maskedid.Sources
}

// Masked demands that the request carries the mask of an id that the token is
// bound to, of one of the kinds: first four and last three characters, x for each
// one between. A token that is bound to none of them is refused. The handler
// takes the full id from [Principal.Bound] and never from the request. It panics
// without a kind or without sources.
func Masked(sources *maskedid.Sources, kinds ...string) Requirement {
	if sources == nil || len(kinds) == 0 || slices.Contains(kinds, "") {
		panic("authz: Masked: name where the mask is and of which kinds of id it may be")
	}
	return &masked{kinds: kinds, sources: sources}
}

// MaskedPath is [Masked] for one wildcard of the route's pattern.
func MaskedPath(wildcard string, kinds ...string) Requirement {
	sources, err := maskedid.NewSources(maskedid.Path(wildcard))
	if err != nil {
		panic("authz: MaskedPath: " + err.Error())
	}
	return Masked(sources, kinds...)
}

func (m *masked) check(_ context.Context, _ *Guard, x *Exchange) *Refusal {
	refusal := maskRefused("masked_id_not_in_token", nil)
	for _, kind := range m.kinds {
		id, bound := x.Principal.Bound(kind)
		if !bound {
			continue
		}
		err := m.sources.Check(x.Request, id)
		if err == nil {
			return nil
		}
		refusal = maskRefused(err.Error(), err)
	}
	return refusal
}

func (m *masked) String() string { return "masked id" }

func maskRefused(reason string, cause error) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "masked_id_refused", Reason: reason, Cause: cause,
		Detail: "The masked id is not that of the token. Show the first four and the last three characters, and x for each one between."}
}
