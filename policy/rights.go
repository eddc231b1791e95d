package policy

import "slices"

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

// lackingRight names a right that a receiver under a boundary would get and the
// holder has not, "" if there is none.
func lackingRight(held, wanted []right, holder, receiver Holder) string {
	for _, w := range wanted {
		if w.deny || denied(wanted, w) {
			continue
		}
		for _, part := range within(w, receiver.Boundary) {
			if !handsOn(held, wanted, part) || !bounded(part, holder.Boundary) {
				return part.String()
			}
		}
	}
	return ""
}

// String writes a right as a permission, if it can be.
func (r right) String() string {
	if p := formatPermission(r.object, r.action); ValidPermission(p) {
		return p
	}
	return r.object + ":" + r.action
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
