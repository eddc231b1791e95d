package authz

import (
	"context"
	"net/http"
	"strings"
)

// Exchange is one request on its way through the controls, in their one order.
type Exchange struct {
	// Request is as it came in.
	Request *http.Request
	// Route is the pattern that the host's mux matched, never the raw path.
	Route string
	// Principal is set once the token is verified.
	Principal *Principal

	admission *Admission // nil where clients come in with a token alone
}

// Requirement is what a route demands of a principal. Requirements come from
// [Authenticated], [Scope], [Permission], [Delegated], [Identified], [WithSecret],
// [MessageID], [Subscribed] and [Masked].
type Requirement interface {
	// check returns nil if the exchange meets the requirement.
	check(ctx context.Context, g *Guard, x *Exchange) *Refusal
	// String describes the requirement for reports.
	String() string
}

type authenticated struct{}

// Authenticated demands a valid token and nothing else.
func Authenticated() Requirement { return authenticated{} }

func (authenticated) check(context.Context, *Guard, *Exchange) *Refusal { return nil }
func (authenticated) String() string                                    { return "authenticated" }

type delegated struct{}

// Delegated demands a token that a person has delegated.
func Delegated() Requirement { return delegated{} }

func (delegated) check(_ context.Context, _ *Guard, x *Exchange) *Refusal {
	if x.Principal.Subject == "" {
		return &Refusal{Status: http.StatusForbidden, Code: "person_required", Reason: "not_delegated",
			Detail: "This route is for people who signed in, not for a key on its own."}
	}
	return nil
}
func (delegated) String() string { return "delegated" }

type scope string

// Scope demands that the token carries the scope, letter for letter.
func Scope(name string) Requirement {
	if name == "" || strings.ContainsAny(name, " \"\\") {
		panic("authz: Scope: a scope has one or more characters and no space, quote or backslash")
	}
	return scope(name)
}

func (s scope) check(_ context.Context, _ *Guard, x *Exchange) *Refusal {
	if !x.Principal.HasScope(string(s)) {
		return insufficientScope(string(s))
	}
	return nil
}
func (s scope) String() string { return "scope " + string(s) }

// PermissionRequirement is the type of [Permission].
type PermissionRequirement struct {
	object, action string
	pathValue      string
}

// Permission demands that the policy allows the principal "object:action", for
// instance "transaction:read". It panics if the name has no object or no action:
// a route that demands nothing must not exist.
func Permission(name string) PermissionRequirement {
	i := strings.LastIndexByte(name, ':')
	if i <= 0 || i == len(name)-1 || strings.ContainsAny(name, "* ") {
		panic("authz: Permission: want \"object:action\", got \"" + name + "\"")
	}
	return PermissionRequirement{object: name[:i], action: name[i+1:]}
}

// Of asks for one object instead of the kind: "transaction:<id>", with the id
// from the named wildcard of the route's pattern ([http.Request.PathValue]). An
// empty value, or one with a colon, asterisk or control character, is refused.
func (p PermissionRequirement) Of(pathWildcard string) PermissionRequirement {
	if pathWildcard == "" {
		panic("authz: Permission.Of: name a wildcard of the route's pattern")
	}
	p.pathValue = pathWildcard
	return p
}

// String returns "permission object:action".
func (p PermissionRequirement) String() string {
	s := "permission " + p.object + ":" + p.action
	if p.pathValue != "" {
		s += " of {" + p.pathValue + "}"
	}
	return s
}

func (p PermissionRequirement) check(ctx context.Context, g *Guard, x *Exchange) *Refusal {
	object := p.object
	if p.pathValue != "" {
		id := x.Request.PathValue(p.pathValue)
		if id == "" || strings.ContainsFunc(id, func(r rune) bool { return r == ':' || r == '*' || r < ' ' || r == 0x7f }) {
			return permissionDenied(p.object+":"+p.action, "object_id_invalid")
		}
		object += ":" + id
	}
	d, refusal := g.decide(ctx, x.Principal, g.resolved(x), object, p.action)
	if refusal != nil {
		return refusal
	}
	if !d.Allowed && d.Reason == reasonScope {
		return permissionOutOfScope(p.object + ":" + p.action)
	}
	if !d.Allowed {
		return permissionDenied(p.object+":"+p.action, d.Reason)
	}
	return nil
}

// scopesAllow applies the cap that scopes put on permissions. A scope that has
// the form object:action, with a trailing "*" allowed, names permissions. A
// delegated token is capped by its scopes always; a token that a client got for
// itself only if it carries such a scope, for then it was narrowed on purpose.
func scopesAllow(p *Principal, object, action string) bool {
	capped := p.Subject != ""
	for _, s := range p.Scopes {
		i := strings.LastIndexByte(s, ':')
		if i <= 0 {
			continue
		}
		capped = true
		if a := s[i+1:]; a != action && a != "*" {
			continue
		}
		if o := s[:i]; o == object || o == "*" || strings.HasPrefix(object, o) && object[len(o)] == ':' {
			return true
		}
	}
	return !capped
}
