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
	return e.checkValues(ctx, s, &q, values)
}

// checkValues decides a request that is no question, which no compiled model
// has.
func (e *Engine) checkValues(ctx context.Context, s *snapshot, q *Question, values []string) (Decision, error) {
	set := s.set(q.Organization)
	d := Decision{Reason: ReasonNoMatchingRule, Revision: set.revision()}
	if err := e.freshFor(set); err != nil {
		d.Reason = ReasonStale
		return d, err
	}
	subject := slices.Index(Model{s.def}.RequestFields(), "sub")
	if !e.anySubject && subject >= 0 && !validSubject(q.Subject) || q.Organization == everyOrganization {
		d.Reason = ReasonInvalidQuestion
		return d, nil
	}
	if reason, err := e.mayAct(ctx, q); reason != "" {
		d.Reason = reason
		return d, err
	}
	if q.Boundary != nil {
		// Permissions speak of objects and actions, which this request may
		// not have: nothing is known to lie within.
		d.Reason = ReasonBoundary
		return d, nil
	}
	ask := func(who *Question) (string, error) { return e.askValues(set, who, subject, values) }
	var err error
	if d.Reason, err = ask(q); err != nil {
		d.Reason = ReasonInvalidQuestion
		return d, nil
	}
	if d.Reason != ReasonAllowed {
		return d, nil
	}
	bar, err := e.withinCreators(ctx, q, func(try *Question) (bool, error) {
		reason, err := ask(try)
		return err == nil && reason == ReasonAllowed && try.Boundary == nil, nil
	})
	switch {
	case err != nil:
		d.Reason = ReasonStale
	case bar != nil:
		d.Reason = ReasonBoundary
	default:
		d.Allowed = true
	}
	return d, err
}

// askValues asks a fallback what somebody asks by values, of which one, if any,
// is the subject.
func (e *Engine) askValues(set *orgSet, who *Question, subject int, values []string) (reason string, err error) {
	f := &facts{roles: who.Roles, scopes: who.Scopes, attributes: who.Attributes, now: e.now}
	asked := make([]any, 0, len(values)+1)
	for i, v := range values {
		if i == subject {
			v = who.Subject
		}
		asked = append(asked, v)
	}
	return set.fallback.enforce(who.Organization, who.Subject, f, asked)
}

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
