package policy

import (
	"context"
	"fmt"
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
// attributes count; its subject, roles and boundary do not. Whom a rule names by
// a pattern only is not listed. A model whose requests are no questions is a
// [CannotTellError].
func (e *Engine) WhoCan(ctx context.Context, q Question) (Holders, error) {
	s, o, err := e.inForceFor(q.Organization)
	if err != nil {
		return Holders{}, err
	}
	if err := s.def.asksQuestions(); err != nil {
		return Holders{}, err
	}
	h := Holders{Roles: []string{}, Subjects: []string{}}
	q.Subject, q.Roles, q.Boundary = "user:anyone", nil, nil
	if !validQuestion(&q, s.def.request.index("dom") >= 0, e.anySubject) {
		return h, nil
	}
	for _, role := range o.roleNames() {
		try := q
		try.Subject, try.Roles = "user:"+nobody, []string{role}
		if allowed, _ := o.ask(s.def, &try, e.now); allowed {
			h.Roles = append(h.Roles, role)
		}
	}
	for _, subject := range o.subjects(s.def) {
		try := q
		try.Subject = subject
		if allowed, _ := o.ask(s.def, &try, e.now); !allowed {
			continue
		}
		if active, err := e.active(ctx, q.Organization, subject); err != nil {
			return Holders{}, err
		} else if !active {
			continue
		}
		switch bar, err := e.barrier(ctx, s.def, o, &try); {
		case err != nil:
			return Holders{}, err
		case bar == nil:
			h.Subjects = append(h.Subjects, subject)
		}
	}
	return h, nil
}

// asksQuestions refuses a model whose requests have values that a [Question] has
// not.
func (d *modelDef) asksQuestions() error {
	for _, f := range (Model{d}).RequestFields() {
		if f != "sub" && f != "dom" && f != "obj" && f != "act" {
			return &CannotTellError{fmt.Sprintf("the model's requests have a field %q besides sub, dom, obj and act", f),
				"ask Check about single requests, or pass it as an attribute to a condition function"}
		}
	}
	return nil
}

// subjects lists the names in rules, and in the matcher of a model that is not
// compiled, that are no roles.
func (o *orgSet) subjects(d *modelDef) []string {
	var names []string
	for t := o.tier; t != nil; t = t.below {
		names = append(names, t.nameList...)
	}
	if o.fallback != nil {
		sub := d.rule.index("sub")
		for _, r := range o.fallback.rows {
			if r.fields[0] == "p" && sub >= 0 {
				names = append(names, r.fields[1+sub])
			}
			if r.fields[0] == "g" {
				names = append(names, r.fields[1])
			}
		}
		names = append(names, subjectTexts(d.matcher)...)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "role:") })
	slices.Sort(names)
	return slices.Compact(names)
}

// subjectTexts lists the texts that a matcher compares the subject with.
func subjectTexts(e expr) []string {
	switch e := e.(type) {
	case *notExpr:
		return subjectTexts(e.arg)
	case *binaryExpr:
		if !isRequestField(e.left, "sub") && !isRequestField(e.right, "sub") {
			return append(subjectTexts(e.left), subjectTexts(e.right)...)
		}
		var names []string
		for _, side := range []expr{e.left, e.right} {
			switch side := side.(type) {
			case *literalExpr:
				names = append(names, side.text)
			case *listExpr:
				for _, item := range side.items {
					names = append(names, item.(*literalExpr).text)
				}
			}
		}
		return names
	}
	return nil
}

func isRequestField(e expr, name string) bool {
	f, ok := e.(*fieldExpr)
	return ok && f.owner == 'r' && f.name == name
}
