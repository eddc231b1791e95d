package policy

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// right is what one rule gives or takes away, as patterns.
type right struct {
	object, action string
	condition      string // "" for none
	deny           bool
}

func (r right) covers(o right) bool {
	return patternCovers(r.object, o.object) && patternCovers(r.action, o.action)
}

func (r right) overlaps(o right) bool {
	return patternsOverlap(r.object, o.object) && patternsOverlap(r.action, o.action)
}

// rights gathers what the rules give and take from a set of names.
func (o *orgSet) rights(who []uint32) []right {
	var rights []right
	for t := o.tier; t != nil; t = t.below {
		for i := range t.rules {
			r := &t.rules[i]
			if slices.Contains(who, r.sub) {
				rights = append(rights, right{t.objectPattern(r), t.actionPattern(r), t.condText[r.cond], r.deny})
			}
		}
	}
	return rights
}

// rolesIn gives the numbers of roles and what they inherit, or the first role
// that no rule knows.
func (o *orgSet) rolesIn(roles []string) ([]uint32, error) {
	var who []uint32
	for _, role := range roles {
		ids := o.tier.reachText(roleName(role))
		if ids == nil {
			return nil, &UnknownRoleError{strings.TrimPrefix(role, "role:")}
		}
		who = append(who, ids...)
	}
	return who, nil
}

// compiledSet gives the compiled rules of an organization, or why there are
// none.
func (e *Engine) compiledSet(organization string) (*orgSet, error) {
	s := e.current.Load()
	switch {
	case s == nil:
		return nil, ErrNoPolicy
	case s.def.shape == nil || s.def.shape.subject&relRole == 0:
		return nil, ErrNotCompiled
	}
	if err := e.fresh(); err != nil {
		return nil, err
	}
	return s.set(organization), nil
}

// Covers reports whether everything the wanted roles give in an organization is
// also given by the held ones: what one who holds the latter may hand on. It
// names a permission that is missing, "" if none is. Patterns are compared as
// patterns: a wildcard is covered by a wildcard only. What a rule denies to the
// held roles and not to the wanted ones is missing; so is a right without a
// condition where the held one has a condition. A role no rule knows is an
// [UnknownRoleError].
func (e *Engine) Covers(ctx context.Context, organization string, held, wanted []string) (missing string, err error) {
	o, err := e.compiledSet(organization)
	if err != nil {
		return "", err
	}
	h, err := o.rolesIn(held)
	if err != nil {
		return "", err
	}
	w, err := o.rolesIn(wanted)
	if err != nil {
		return "", err
	}
	return missingRight(o.rights(h), o.rights(w)), nil
}

// CoversSubject is [Engine.Covers] for two subjects: what rules give or take by
// name, as a g-row that makes one key a member of a role does, counts beside the
// roles that are handed in. An empty subject has nothing by name.
func (e *Engine) CoversSubject(ctx context.Context, organization, holder string, held []string, target string, wanted []string) (missing string, err error) {
	o, err := e.compiledSet(organization)
	if err != nil {
		return "", err
	}
	h, err := o.rolesIn(held)
	if err != nil {
		return "", err
	}
	w, err := o.rolesIn(wanted)
	if err != nil {
		return "", err
	}
	h, w = append(h, o.tier.reachText(holder)...), append(w, o.tier.reachText(target)...)
	return missingRight(o.rights(h), o.rights(w)), nil
}

// missingRight names a right that is wanted and not held, "" if there is none.
func missingRight(held, wanted []right) string {
	for _, w := range wanted {
		if w.deny || denied(wanted, w) {
			continue
		}
		if !handsOn(held, wanted, w) {
			return cmp.Or(formatPermission(w.object, w.action), w.object+":"+w.action)
		}
	}
	return ""
}

// denied reports whether rules that always apply deny all of a right.
func denied(rights []right, r right) bool {
	return slices.ContainsFunc(rights, func(d right) bool {
		return d.deny && d.condition == "" && d.covers(r)
	})
}

// handsOn reports whether one held right covers a wanted one, and whatever is
// denied to the holder within it is denied to the receiver as well.
func handsOn(held, wanted []right, w right) bool {
	covered := slices.ContainsFunc(held, func(h right) bool {
		return !h.deny && h.covers(w) && (h.condition == "" || h.condition == w.condition)
	})
	if !covered {
		return false
	}
	for _, d := range held {
		if !d.deny || !d.overlaps(w) {
			continue
		}
		also := slices.ContainsFunc(wanted, func(o right) bool {
			return o.deny && o.covers(d) && (o.condition == "" || o.condition == d.condition)
		})
		if !also {
			return false
		}
	}
	return true
}

// Permissions lists what roles give in an organization, sorted, as permissions
// OBJECT:ACTION that a [Question].Boundary understands. What a rule denies
// outright is left out; what it denies in part, or gives under a condition, is
// listed. Actions with a colon inside have no such form and are left out. A role
// no rule knows is an [UnknownRoleError].
func (e *Engine) Permissions(ctx context.Context, organization string, roles []string) ([]string, error) {
	o, err := e.compiledSet(organization)
	if err != nil {
		return nil, err
	}
	who, err := o.rolesIn(roles)
	if err != nil {
		return nil, err
	}
	return permissionsOf(o.rights(who)), nil
}

func permissionsOf(rights []right) []string {
	permissions := []string{}
	for _, r := range rights {
		if r.deny || denied(rights, r) {
			continue
		}
		if p := formatPermission(r.object, r.action); p != "" {
			permissions = append(permissions, p)
		}
	}
	slices.Sort(permissions)
	return slices.Compact(permissions)
}

// KnownRoles lists the roles that rules of an organization, or of every one,
// speak of, sorted, without "role:".
func (e *Engine) KnownRoles(ctx context.Context, organization string) ([]string, error) {
	s := e.current.Load()
	if s == nil {
		return nil, ErrNoPolicy
	}
	if err := e.fresh(); err != nil {
		return nil, err
	}
	return s.set(organization).roleNames(), nil
}

// Holder is someone with rights: what they hold and what caps it.
type Holder struct {
	Organization string
	// Subject may have roles by the rules; "" for none.
	Subject string
	Roles   []string
	// Boundary caps the rights; nil does not.
	Boundary []string
}

// CanGrant reports whether a grantor may hand roles under a boundary on to
// another in the same organization: everything they give must be the grantor's
// own. It names a permission that is missing, "" if none is. It asks as
// [Engine.Covers] does, and takes the grantor's boundary and own rules into
// account.
func (e *Engine) CanGrant(ctx context.Context, grantor Holder, roles, boundary []string) (missing string, err error) {
	o, err := e.compiledSet(grantor.Organization)
	if err != nil {
		return "", err
	}
	if e.standing != nil && grantor.Subject != "" {
		standing, err := e.standing(ctx, grantor.Organization, grantor.Subject)
		if err != nil {
			return "", &StandingError{err}
		}
		if standing != Active {
			grantor = Holder{Organization: grantor.Organization}
		}
	}
	who, err := o.rolesIn(grantor.Roles)
	if err != nil {
		return "", err
	}
	who = append(who, o.tier.reachText(grantor.Subject)...)
	w, err := o.rolesIn(roles)
	if err != nil {
		return "", err
	}
	held, wanted := o.rights(who), o.rights(w)
	for _, right := range wanted {
		if right.deny || denied(wanted, right) {
			continue
		}
		for _, part := range within(right, boundary) {
			if !handsOn(held, wanted, part) || !bounded(part, grantor.Boundary) {
				return cmp.Or(formatPermission(part.object, part.action), part.object+":"+part.action), nil
			}
		}
	}
	return "", nil
}

// within gives the parts of a right that a boundary leaves.
func within(r right, boundary []string) []right {
	if boundary == nil {
		return []right{r}
	}
	var parts []right
	for _, p := range boundary {
		cap, ok := rightOf(p)
		if !ok || !cap.overlaps(r) {
			continue
		}
		part := r
		if patternCovers(r.object, cap.object) {
			part.object = cap.object
		}
		if patternCovers(r.action, cap.action) {
			part.action = cap.action
		}
		parts = append(parts, part)
	}
	return parts
}

// bounded reports whether a boundary leaves a right in whole.
func bounded(r right, boundary []string) bool {
	return boundary == nil || slices.ContainsFunc(boundary, func(p string) bool {
		cap, ok := rightOf(p)
		return ok && cap.covers(r)
	})
}

// rightOf reads a permission as patterns.
func rightOf(permission string) (right, bool) {
	base, tree, action, ok := splitPermission(permission)
	if tree && base != "*" {
		base += ":*"
	}
	return right{object: base, action: action}, ok
}
