package policy

import (
	"context"
	"slices"
	"strings"
)

// Holders are the roles and subjects that may do something.
type Holders struct {
	// Roles are named without "role:".
	Roles []string `json:"roles"`
	// Subjects are those that rules name.
	Subjects []string `json:"subjects"`
}

// WhoCan lists the roles, and the subjects named in rules, that may do an action
// to an object. The question's organization, object, action, scopes and
// attributes count; its subject, roles and boundary do not.
func (e *Engine) WhoCan(ctx context.Context, q Question) (Holders, error) {
	s := e.current.Load()
	if s == nil {
		return Holders{}, ErrNoPolicy
	}
	if err := e.fresh(); err != nil {
		return Holders{}, err
	}
	h := Holders{Roles: []string{}, Subjects: []string{}}
	q.Subject, q.Roles, q.Boundary = "user:anyone", nil, nil
	if !validQuestion(&q, s.def.request.index("dom") >= 0, e.anySubject) {
		return h, nil
	}
	o := s.set(q.Organization)
	for _, role := range o.roleNames() {
		try := q
		try.Subject, try.Roles = "user:\x00", []string{role}
		if allowed, _ := o.ask(s.def, &try, e.now); allowed {
			h.Roles = append(h.Roles, role)
		}
	}
	for _, subject := range o.subjects() {
		if e.standing != nil {
			if standing, err := e.standing(ctx, q.Organization, subject); err != nil {
				return Holders{}, &StandingError{err}
			} else if standing != Active {
				continue
			}
		}
		try := q
		try.Subject = subject
		if allowed, _ := o.ask(s.def, &try, e.now); allowed {
			h.Subjects = append(h.Subjects, subject)
		}
	}
	return h, nil
}

// subjects lists the names in rules that are no roles.
func (o *orgSet) subjects() []string {
	var names []string
	for t := o.tier; t != nil; t = t.below {
		names = append(names, t.nameList...)
	}
	if o.fallback != nil {
		sub := o.fallback.def.rule.index("sub")
		for _, r := range o.fallback.rows {
			if r.fields[0] == "p" && sub >= 0 {
				names = append(names, r.fields[1+sub])
			}
			if r.fields[0] == "g" {
				names = append(names, r.fields[1])
			}
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "role:") })
	slices.Sort(names)
	return slices.Compact(names)
}
