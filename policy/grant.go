package policy

import (
	"context"
	"slices"
	"strings"
)

// Holder is someone with rights: what they hold and what caps it.
type Holder struct {
	Organization string
	// Subject may have roles by the rules; "" for none.
	Subject string
	Roles   []string
	// Boundary caps the rights; nil does not.
	Boundary []string
}

// Covers reports whether everything the wanted roles give in an organization is
// also given by the held ones: what one who holds the latter may hand on. It
// names a permission that is missing, "" if none is. A right without a condition
// is missing where the held one has a condition; conditions are compared as
// texts. A role no rule knows is an [UnknownRoleError].
//
// In a model whose rules give what their patterns of object and action cover,
// such as [DefaultModel], patterns are compared as patterns: a wildcard is
// covered by a wildcard only, and what a rule denies to the held roles and not
// to the wanted ones is missing. In any other, every request that the rules can
// tell apart is decided for both, by Casbin where the model is not compiled. A
// model or a number of rules that does not allow this is a [CannotTellError],
// and nothing may be handed on.
func (e *Engine) Covers(ctx context.Context, organization string, held, wanted []string) (missing string, err error) {
	return e.lacking(ctx, Holder{Organization: organization, Roles: held}, Holder{Roles: wanted})
}

// CoversSubject is [Engine.Covers] for two subjects: what rules give or take by
// name, as a g-row that makes one key a member of a role does, counts beside the
// roles that are handed in; so does what caps the holder by [Config].Creator. An
// empty subject has nothing by name.
func (e *Engine) CoversSubject(ctx context.Context, organization, holder string, held []string, target string, wanted []string) (missing string, err error) {
	return e.lacking(ctx, Holder{Organization: organization, Subject: holder, Roles: held}, Holder{Subject: target, Roles: wanted})
}

// CanGrant reports whether a grantor may hand roles under a boundary on to
// another in the same organization: everything they give must be the grantor's
// own. It names a permission that is missing, "" if none is. It asks as
// [Engine.Covers] does, and takes the grantor's boundary, standing, creator and
// own rules into account.
func (e *Engine) CanGrant(ctx context.Context, grantor Holder, roles, boundary []string) (missing string, err error) {
	active, err := e.active(ctx, grantor.Organization, grantor.Subject)
	if err != nil {
		return "", err
	}
	if !active {
		grantor = Holder{Organization: grantor.Organization}
	}
	return e.lacking(ctx, grantor, Holder{Roles: roles, Boundary: boundary})
}

// active reports whether a subject may act at all; nobody in particular may.
func (e *Engine) active(ctx context.Context, organization, subject string) (bool, error) {
	if e.standing == nil || subject == "" {
		return true, nil
	}
	standing, err := e.standing(ctx, organization, subject)
	if err != nil {
		return false, &StandingError{err}
	}
	return standing == Active, nil
}

// lacking names a permission that a receiver would have, and a holder, or one
// under whom the holder stands, has not.
func (e *Engine) lacking(ctx context.Context, holder, receiver Holder) (missing string, err error) {
	s, o, err := e.inForceFor(holder.Organization)
	if err != nil {
		return "", err
	}
	receiver.Organization = holder.Organization
	if err := o.knows(holder.Roles, receiver.Roles); err != nil {
		return "", err
	}
	missing, err = o.lacking(ctx, s.def, holder, receiver)
	if err != nil || missing != "" || holder.Subject == "" {
		return missing, err
	}
	err = e.eachCreator(ctx, holder.Organization, holder.Subject, func(creator Holder) (bool, error) {
		missing, err = o.lacking(ctx, s.def, creator, receiver)
		return missing == "", err
	})
	return missing, err
}

// lacking names a permission that a receiver would have and a holder has not.
func (o *orgSet) lacking(ctx context.Context, d *modelDef, holder, receiver Holder) (string, error) {
	if d.shape != nil && d.shape.patternsOnly() {
		return lackingRight(o.rights(o.whoIs(holder)), o.rights(o.whoIs(receiver)), holder, receiver), nil
	}
	c, err := newCandidates(d, o, holder.Organization)
	if err != nil {
		return "", err
	}
	return c.lacking(ctx, holder, receiver)
}

// whoIs gives the numbers of everything a holder is.
func (o *orgSet) whoIs(h Holder) []uint32 { return o.tier.whoIs(nil, h.Subject, h.Roles) }

// knows refuses a role that no rule speaks of.
func (o *orgSet) knows(lists ...[]string) error {
	var known []string
	for _, role := range slices.Concat(lists...) {
		name := strings.TrimPrefix(role, "role:")
		switch {
		case o.fallback == nil && o.tier.reach(roleName(role)) != nil:
			continue
		case o.fallback != nil && known == nil:
			known = o.roleNames()
		}
		if !slices.Contains(known, name) {
			return &UnknownRoleError{name}
		}
	}
	return nil
}

// inForceFor gives the rules that answer for an organization, or why there are
// none now.
func (e *Engine) inForceFor(organization string) (*snapshot, *orgSet, error) {
	s := e.current.Load()
	if s == nil {
		return nil, nil, ErrNoPolicy
	}
	o := s.set(organization)
	return s, o, e.freshFor(o)
}

// Permissions lists what roles give in an organization, sorted, as permissions
// OBJECT:ACTION that a [Question].Boundary understands. What a rule denies
// outright is left out; what it denies in part, or gives under a condition, is
// listed. Actions with a colon inside have no such form and are left out. A role
// no rule knows is an [UnknownRoleError]. What the model or the number of rules
// does not allow to list is a [CannotTellError]; see [Engine.Covers].
func (e *Engine) Permissions(ctx context.Context, organization string, roles []string) ([]string, error) {
	s, o, err := e.inForceFor(organization)
	if err != nil {
		return nil, err
	}
	if err := o.knows(roles); err != nil {
		return nil, err
	}
	who := Holder{Organization: organization, Roles: roles}
	if s.def.shape != nil && s.def.shape.patternsOnly() {
		return permissionsOf(o.rights(o.whoIs(who))), nil
	}
	c, err := newCandidates(s.def, o, organization)
	if err != nil {
		return nil, err
	}
	return c.permissions(ctx, who)
}

// KnownRoles lists the roles that rules of an organization, or of every one,
// speak of, sorted, without "role:".
func (e *Engine) KnownRoles(ctx context.Context, organization string) ([]string, error) {
	_, o, err := e.inForceFor(organization)
	if err != nil {
		return nil, err
	}
	return o.roleNames(), nil
}
