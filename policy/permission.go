package policy

import "strings"

// splitPermission takes a permission OBJECT:ACTION apart into two patterns.
// "transaction:read" gives the object pattern's base "transaction", a tree, and
// "read"; "=transaction:read" the same without the tree. It does not allocate.
func splitPermission(permission string) (base string, tree bool, action string, ok bool) {
	i := strings.LastIndexByte(permission, ':')
	if i <= 0 || i == len(permission)-1 {
		return "", false, "", false
	}
	base, action = permission[:i], permission[i+1:]
	if exact, is := strings.CutPrefix(base, "="); is {
		return exact, false, action, exact != "" && !strings.Contains(base, "*")
	}
	base = strings.TrimSuffix(base, ":*")
	if base == "*" {
		return base, true, action, true
	}
	return base, true, action, base != "" && !strings.Contains(base, "*")
}

// permits reports whether a permission covers doing action to object.
func permits(permission, object, action string) bool {
	base, tree, act, ok := splitPermission(permission)
	if !ok || act != "*" && act != action {
		return false
	}
	if !tree {
		return object == base
	}
	return base == "*" || inside(object, base)
}

// ValidPermission reports whether a permission is well formed: OBJECT:ACTION,
// where OBJECT is a name, a name with ids after colons, or "*", and "=" before
// it means the object alone; and ACTION is a name or "*".
func ValidPermission(permission string) bool {
	_, _, action, ok := splitPermission(permission)
	return ok && (action == "*" || !strings.Contains(action, "*")) && checkField(permission) == ""
}

// formatPermission writes an object and an action pattern as a permission. An
// action with a colon inside has no such form, and gives "".
func formatPermission(object, action string) string {
	action = strings.TrimSuffix(action, ":*")
	if strings.Contains(action, ":") {
		return ""
	}
	switch base, tree := strings.CutSuffix(object, ":*"); {
	case object == "*":
		return "*:" + action
	case tree:
		return base + ":" + action
	default:
		return "=" + object + ":" + action
	}
}

// capped reports whether a boundary leaves doing action to object out. A nil
// boundary caps nothing; an empty one permits nothing.
func capped(boundary []string, object, action string) bool {
	if boundary == nil {
		return false
	}
	for _, p := range boundary {
		if permits(p, object, action) {
			return false
		}
	}
	return true
}
