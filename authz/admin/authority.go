package admin

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/authz"
)

// What the policy is asked for.
const (
	actionManage = "manage"
	actionRead   = "read"
)

// permit asks whether the actor may do the action to the object: by its limits,
// and by the policy with its roles, boundary and scopes.
func (s *Service) permit(ctx context.Context, a Actor, object, action string) error {
	if a.host {
		return nil
	}
	permission := kindOf(object) + ":" + action
	if a.IsZero() {
		return denied(permission, "no_actor")
	}
	for _, l := range a.limits {
		if !l.permits(object, action) {
			return denied(permission, "limit")
		}
	}
	q := authz.Question{Organization: a.organization, Subject: a.subject, Roles: a.roles, Scopes: a.scopes, Object: object, Action: action}
	if len(a.boundary) > 0 {
		q.Boundary = a.boundary
	}
	d, err := s.policy.Decide(ctx, q)
	switch {
	case err != nil:
		return err
	case !d.Allowed:
		return denied(permission, d.Reason)
	}
	return nil
}

// kindOf is an object without the id.
func kindOf(object string) string {
	for i := range len(object) {
		if object[i] == ':' {
			return object[:i]
		}
	}
	return object
}

// rights are what a key or member may do, or is to be given.
type rights struct {
	organization string
	// subject is whose they are, as the policy names it; empty for somebody new.
	subject  string
	roles    []string
	boundary []string
	// hostOnly marks what has power beyond its organization, such as reading
	// other clients' tokens.
	hostOnly bool
}

// mayGive refuses roles that nobody knows, and rights that the actor lacks.
func (s *Service) mayGive(ctx context.Context, a Actor, r rights) error {
	known, err := s.policy.KnownRoles(ctx, r.organization)
	if err != nil {
		return fmt.Errorf("admin: asking the policy for its roles: %w", err)
	}
	for _, role := range r.roles {
		if !slices.Contains(known, role) {
			return roleUnknown()
		}
	}
	return s.within(ctx, a, r, known)
}

// mayManage refuses what may do more than the actor. A role that the policy does
// not know today counts as the admin's: what it will be is not known either.
func (s *Service) mayManage(ctx context.Context, a Actor, r rights) error {
	if a.host {
		return nil
	}
	known, err := s.policy.KnownRoles(ctx, r.organization)
	if err != nil {
		return fmt.Errorf("admin: asking the policy for its roles: %w", err)
	}
	roles := slices.Clone(r.roles)
	for i, role := range roles {
		if slices.Contains(known, role) {
			continue
		}
		if !slices.Contains(known, s.cfg.AdminRole) {
			return exceeds("role_unknown", "It holds a role that the policy does not know.")
		}
		roles[i] = s.cfg.AdminRole
	}
	r.roles = roles
	return s.within(ctx, a, r, known)
}

// within refuses rights, all of whose roles are known, that are not a subset of
// the actor's.
func (s *Service) within(ctx context.Context, a Actor, r rights, known []string) error {
	if a.host {
		return nil
	}
	if r.hostOnly {
		return exceeds("host_only", "It may read tokens of others, so that only the operator of this service can manage it.")
	}
	held := make([]string, 0, len(a.roles))
	for _, role := range a.roles {
		if slices.Contains(known, role) { // an unknown role gives nothing
			held = append(held, role)
		}
	}
	missing, err := s.policy.CoversSubject(ctx, r.organization, a.subject, held, r.subject, r.roles)
	switch {
	case err != nil:
		return fmt.Errorf("admin: asking the policy what roles give: %w", err)
	case missing != "":
		return exceeds("roles", "These roles give "+missing+", which your key or account lacks. Name roles within your own.")
	}
	for _, l := range a.limits {
		if l.caps() && !l.coversAll(r.boundary) {
			return exceeds("limit", "Your key or token is itself narrowed, by a boundary or by scopes: only keys with a boundary within it are yours to manage.")
		}
	}
	return nil
}

// coversAll reports whether a boundary is there and all of it is covered.
func (l limit) coversAll(boundary []string) bool {
	for _, b := range boundary {
		if p, ok := parsePermission(b); !ok || !l.covers(p) {
			return false
		}
	}
	return len(boundary) > 0
}
