package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Check decides a request given as the values of the model's request definition,
// in its order, as Casbin's Enforce takes them: for "r = sub, dom, obj, act" a
// subject, an organization, an object and an action. It serves models whose
// requests have other fields than a [Question], and people at a prompt. A
// question adds to it what values cannot say: roles, boundary, scopes and
// attributes; its other members are ignored.
func (e *Engine) Check(ctx context.Context, with Question, values ...string) (Decision, error) {
	s := e.current.Load()
	if s == nil {
		return Decision{Reason: ReasonNoPolicy}, nil
	}
	q, plain, err := s.def.question(with, values)
	if err != nil {
		return Decision{Reason: ReasonInvalidQuestion}, err
	}
	if plain {
		return e.Decide(ctx, q)
	}
	set := s.set(q.Organization)
	d := Decision{Reason: ReasonNoMatchingRule, Revision: set.revision()}
	if err := e.fresh(); err != nil {
		d.Reason = ReasonStale
		return d, err
	}
	if !e.anySubject && s.def.request.index("sub") >= 0 && !validSubject(q.Subject) {
		d.Reason = ReasonInvalidQuestion
		return d, nil
	}
	if reason, err := e.mayAct(ctx, &q); reason != "" {
		d.Reason = reason
		return d, err
	}
	if q.Boundary != nil {
		// Permissions speak of objects and actions, which this request may
		// not have: nothing is known to lie within.
		d.Reason = ReasonBoundary
		return d, nil
	}
	f := &facts{roles: q.Roles, scopes: q.Scopes, attributes: q.Attributes, now: e.now}
	var all []any
	for i, name := range s.request() {
		if name != "ctx" {
			all = append(all, values[i])
		}
	}
	d.Reason, err = set.fallback.enforce(q.Organization, q.Subject, f, all)
	if err != nil {
		d.Reason = ReasonInvalidQuestion
	}
	d.Allowed = d.Reason == ReasonAllowed
	return d, nil
}

// request names the values of a request, the facts left out.
func (s *snapshot) request() []string { return Model{s.def}.RequestFields() }

// question makes a question of values; plain, if it says all that they say.
func (d *modelDef) question(with Question, values []string) (q Question, plain bool, err error) {
	fields := Model{d}.RequestFields()
	if len(values) != len(fields) {
		return q, false, &ValuesError{Fields: fields, Given: len(values)}
	}
	q = with
	q.Organization, q.Subject, q.Object, q.Action = "", "", "", ""
	seen := 0
	for i, name := range fields {
		switch name {
		case "sub":
			q.Subject = values[i]
			seen++
		case "dom":
			q.Organization = values[i]
		case "obj":
			q.Object = values[i]
			seen++
		case "act":
			q.Action = values[i]
			seen++
		default:
			seen = -100
		}
	}
	return q, seen == 3, nil
}

// QuestionOf makes a question of the values of a request, as [Engine.Check]
// takes them, for [Engine.Explain]. Models whose requests have other fields
// cannot be asked so.
func (m Model) QuestionOf(with Question, values ...string) (Question, error) {
	if m.def == nil {
		return Question{}, ErrNoPolicy
	}
	q, plain, err := m.def.question(with, values)
	if err == nil && !plain {
		err = fmt.Errorf("policy: the model's requests (%s) are not questions of a subject, an object and an action", strings.Join(m.RequestFields(), ", "))
	}
	return q, err
}

// ValuesError says that a request has too few or too many values.
type ValuesError struct {
	Fields []string
	Given  int
}

func (e *ValuesError) Error() string {
	return fmt.Sprintf("policy: the model's requests have %d values (%s), and %d are given", len(e.Fields), strings.Join(e.Fields, ", "), e.Given)
}

// NamesSubjects reports whether rules keep to the names role:NAME, key:ID and
// user:ID, at least in part. Rules that do not, such as Casbin's own examples,
// need [Config].InsecureAnySubject.
func (r Rules) NamesSubjects() bool {
	return slices.ContainsFunc(r.rows, func(w row) bool {
		return slices.ContainsFunc(w.fields, func(f string) bool {
			return strings.HasPrefix(f, "role:") || validSubject(f)
		})
	})
}

// OrganizationOf tells for which one organization rows are: "*" for rules of
// every one, and for rows of a model that does not tell them apart. Rows for
// several, or that the model refuses, are an [*InvalidError].
func (m Model) OrganizationOf(rows ...[]string) (string, error) {
	if m.def == nil {
		return "", ErrNoPolicy
	}
	rules := RulesOf(rows...)
	if err := validateRules(m.def, rules).errors(); err != nil {
		return "", err
	}
	organization := everyOrganization
	for org, part := range partition(m.def, rules.rows) {
		if len(part) > 0 {
			organization = org
		}
	}
	return organization, checkSet(m.def, organization, rules)
}
