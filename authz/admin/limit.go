package admin

import "strings"

// limit caps what an actor may do: to permissions that one of its own covers. An
// empty limit permits nothing.
type limit []permission

// permission is an object, with everything inside it if tree is set, and an
// action. "*" is any object or action.
type permission struct {
	object string
	tree   bool
	action string
}

// parsePermission reads "object:action" as a boundary has it: the object and
// everything inside, or with "=" before it the object alone.
func parsePermission(s string) (permission, bool) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 || i == len(s)-1 {
		return permission{}, false
	}
	p := permission{object: s[:i], tree: true, action: s[i+1:]}
	if p.action != "*" && strings.Contains(p.action, "*") {
		return permission{}, false
	}
	if exact, is := strings.CutPrefix(p.object, "="); is {
		p.object, p.tree = exact, false
		return p, exact != "" && !strings.Contains(exact, "*")
	}
	p.object = strings.TrimSuffix(p.object, ":*")
	return p, p.object == "*" || p.object != "" && !strings.Contains(p.object, "*")
}

// boundaryLimit is the limit of a boundary. What cannot be read permits nothing.
func boundaryLimit(boundary []string) limit {
	l := make(limit, 0, len(boundary))
	for _, s := range boundary {
		if p, ok := parsePermission(s); ok {
			l = append(l, p)
		}
	}
	return l
}

// scopeLimit is the cap that scopes put on permissions, as the guard reads them:
// a delegated token is capped always, a key's own only if it carries a scope of
// the form object:action. Nil is no cap.
func scopeLimit(scopes []string, delegated bool) limit {
	var l limit
	if delegated {
		l = limit{}
	}
	for _, s := range scopes {
		if i := strings.LastIndexByte(s, ':'); i > 0 {
			l = append(l, permission{object: s[:i], tree: true, action: s[i+1:]})
		}
	}
	return l
}

// permits reports whether the limit leaves in doing the action to the object.
func (l limit) permits(object, action string) bool {
	return l.covers(permission{object: object, action: action})
}

// covers reports whether one permission of the limit covers p. A wildcard is
// covered by a wildcard only.
func (l limit) covers(p permission) bool {
	for _, own := range l {
		if own.covers(p) {
			return true
		}
	}
	return false
}

func (p permission) covers(q permission) bool {
	switch {
	case p.action != "*" && p.action != q.action:
		return false
	case p.object == "*":
		return p.tree
	case q.object == "*":
		return false
	case p.tree:
		return q.object == p.object || strings.HasPrefix(q.object, p.object) && q.object[len(p.object)] == ':'
	}
	return !q.tree && q.object == p.object
}

// everything is the permission that a limit must have to be none.
var everything = permission{object: "*", tree: true, action: "*"}

// caps reports whether the limit takes anything away.
func (l limit) caps() bool { return !l.covers(everything) }
