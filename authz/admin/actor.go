package admin

import (
	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/storage"
)

// Actor is who manages: a key or a person inside one organization, or the host
// itself. It comes from [ActorOf], [Person] or [Host] and is immutable; the zero
// Actor may do nothing. It holds what its roles were when it was made: make one
// for each request.
type Actor struct {
	host         bool
	organization string
	subject      string
	roles        []string
	boundary     []string
	scopes       []string
	// limits cap what it may do and hand on: those of boundary and scopes.
	limits []limit

	client  string
	grant   storage.ID
	address string
	route   string
}

// ActorOf is the principal that a guard let through; the zero Actor for nil.
func ActorOf(p *authz.Principal) Actor {
	if p == nil {
		return Actor{}
	}
	a := Actor{organization: p.Organization, subject: p.Actor(), roles: p.Roles, boundary: p.Boundary, scopes: p.Scopes,
		client: p.Client, grant: p.Grant}
	if len(p.Boundary) > 0 {
		a.limits = append(a.limits, boundaryLimit(p.Boundary))
	}
	if l := scopeLimit(p.Scopes, p.Subject != ""); l != nil {
		a.limits = append(a.limits, l)
	}
	return a
}

// Person is a person that the host itself has signed in, without a token, such
// as the user of a dashboard. It is the zero Actor if the member is not active.
func Person(m storage.Member) Actor {
	if m.Status != storage.Active || m.Subject == "" {
		return Actor{}
	}
	return Actor{organization: m.Organization, subject: "user:" + m.Subject, roles: m.Roles}
}

// Host is the host's own code, which may do everything in every organization.
// What concerns one of them needs to know which: see [Actor.In].
func Host() Actor { return Actor{host: true, subject: "host"} }

// In narrows the host to one organization. For any other actor it changes
// nothing: for an organization that is not its own the result is the zero Actor.
func (a Actor) In(organization string) Actor {
	if !a.host && a.organization != organization || a.host && a.organization != "" && a.organization != organization {
		return Actor{}
	}
	a.organization = organization
	return a
}

// Via adds to the audit trail where the actor came from: the caller's address,
// and the pattern of the route, never the raw path.
func (a Actor) Via(address, route string) Actor {
	a.address, a.route = address, route
	return a
}

// Organization is the one in which the actor acts; empty for [Host] unless
// narrowed.
func (a Actor) Organization() string { return a.organization }

// Subject names the actor as policy and audit do: "key:...", "user:..." or "host".
func (a Actor) Subject() string { return a.subject }

// IsZero reports whether the actor is nobody.
func (a Actor) IsZero() bool { return !a.host && (a.subject == "" || a.organization == "") }
