package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Explanation is a decision with what led to it.
type Explanation struct {
	Question Question `json:"question"`
	Decision Decision `json:"decision"`
	// Rules are those that match, the ones that deny first.
	Rules []MatchedRule `json:"rules"`
	// Candidates are rules that nearly match, each with the conditions of the
	// matcher that fail, those with the fewest first. There are at most 20.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Nearest says in words what would change the answer.
	Nearest []string `json:"nearest,omitempty"`
}

// MatchedRule is a rule and how it came to matter.
type MatchedRule struct {
	// Rule is the row, "p" first.
	Rule []string `json:"rule"`
	File string   `json:"file,omitempty"`
	Line int      `json:"line,omitempty"`
	// Effect is "allow" or "deny".
	Effect string `json:"effect"`
	// Chain leads from the subject over its roles to the rule's subject.
	Chain []string `json:"chain,omitempty"`
}

// String writes the rule with its place and chain.
func (m MatchedRule) String() string {
	var b strings.Builder
	if m.Line > 0 && m.File != "" {
		fmt.Fprintf(&b, "%s:%d: ", m.File, m.Line)
	}
	b.WriteString(strings.Join(m.Rule, ", "))
	if len(m.Chain) > 1 {
		b.WriteString("  [" + strings.Join(m.Chain, " > ") + "]")
	}
	return b.String()
}

// Candidate is a rule that does not match, and why.
type Candidate struct {
	MatchedRule
	// Failing are the conditions of the matcher that do not hold.
	Failing []string `json:"failing"`
}

// maxCandidates bounds an explanation.
const maxCandidates = 20

// Explain decides and says why: the rules and the role chain behind the answer,
// the rules that nearly matched, and what would change it. It looks at every
// rule of the organization and is meant for people, not for requests.
func (e *Engine) Explain(ctx context.Context, q Question) (Explanation, error) {
	x := Explanation{Question: q, Decision: Decision{Reason: ReasonNoPolicy}, Rules: []MatchedRule{}}
	s := e.current.Load()
	if s == nil {
		return x, nil
	}
	var err error
	x.Decision, err = e.decide(ctx, s, &q)
	if err != nil || x.Decision.Reason == ReasonInvalidQuestion {
		if err == nil {
			x.Nearest = []string{invalidBecause(&q, s.def.request.index("dom") >= 0, e.anySubject)}
		}
		return x, err
	}
	set := s.set(q.Organization)
	f := &facts{roles: q.Roles, scopes: q.Scopes, attributes: q.Attributes, now: e.now}
	x.weigh(newEvaluator(s.def, &q, f, set.roleLinks()), set.ruleRows(s.def))
	x.Nearest, err = e.nearest(ctx, s, set, &x)
	return x, err
}

// weigh sorts the rules into those that match and those that nearly do.
func (x *Explanation) weigh(v *evaluator, rows []row) {
	clauses := conjuncts(v.def.matcher)
	for _, r := range rows {
		m := MatchedRule{Rule: slices.Clone(r.fields), File: r.file, Line: r.line, Effect: v.effect(r.fields)}
		var failing []string
		for _, c := range clauses {
			if !v.holds(c, r.fields) {
				failing = append(failing, source(c))
			}
		}
		if len(failing) == 0 {
			m.Chain = v.chainOf(v.def.matcher, r.fields)
			x.Rules = append(x.Rules, m)
			continue
		}
		if len(failing) < len(clauses) && len(failing) <= 2 {
			x.Candidates = append(x.Candidates, Candidate{m, failing})
		}
	}
	slices.SortStableFunc(x.Candidates, func(a, b Candidate) int { return len(a.Failing) - len(b.Failing) })
	x.Candidates = x.Candidates[:min(len(x.Candidates), maxCandidates)]
	if v.def.effect == priority {
		return // the order of the rules decides; the first that matches counts
	}
	slices.SortStableFunc(x.Rules, func(a, b MatchedRule) int { return strings.Compare(b.Effect, a.Effect) })
}

// nearest says what would change the answer.
func (e *Engine) nearest(ctx context.Context, s *snapshot, set *orgSet, x *Explanation) ([]string, error) {
	q := x.Question
	var hints []string
	switch x.Decision.Reason {
	case ReasonBoundary:
		return e.nearestBoundary(ctx, s, set, &q)
	case ReasonExplicitDeny:
		for _, r := range x.Rules {
			if r.Effect == "deny" {
				hints = append(hints, "denied by the rule "+r.String())
			}
		}
		return hints, nil
	case ReasonNoMatchingRule:
	default:
		return nil, nil
	}
	for _, role := range set.roleNames() {
		try := q
		try.Roles = append(slices.Clone(q.Roles), role)
		if allowed, _ := set.ask(s.def, &try, e.now); !allowed || capped(q.Boundary, q.Object, q.Action) {
			continue
		}
		switch bar, err := e.barrier(ctx, s.def, set, &try); {
		case err != nil:
			return nil, err
		case bar == nil:
			hints = append(hints, fmt.Sprintf("would be allowed with role %q", role))
		}
	}
	for _, c := range x.Candidates {
		if len(c.Failing) == 1 && c.Effect == "allow" && !strings.HasPrefix(c.Failing[0], "g(") {
			hints = append(hints, fmt.Sprintf("would be allowed by the rule %s if it held that %s", c.MatchedRule, c.Failing[0]))
		}
		if len(hints) >= maxCandidates {
			break
		}
	}
	return hints, nil
}

// nearestBoundary says which boundary is in the way.
func (e *Engine) nearestBoundary(ctx context.Context, s *snapshot, set *orgSet, q *Question) ([]string, error) {
	wanted := q.Object + ":" + q.Action
	if capped(q.Boundary, q.Object, q.Action) {
		return []string{"would be allowed if the boundary permitted " + wanted}, nil
	}
	bar, err := e.barrier(ctx, s.def, set, q)
	if err != nil || bar == nil {
		return nil, err // the creator got the right meanwhile
	}
	who := bar.Subject
	if who == "" {
		who = "the one"
	}
	return []string{fmt.Sprintf("would be allowed if %s, under whom %s stands, had %s", who, q.Subject, wanted)}, nil
}

// invalidBecause says what is wrong with a question.
func invalidBecause(q *Question, organizations, anySubject bool) string {
	switch {
	case organizations && q.Organization == "":
		return "the question names no organization"
	case !organizations && q.Organization != "":
		return "the model does not tell organizations apart, and the question names one"
	case q.Organization == everyOrganization:
		return `"*" is no organization that could ask`
	case !anySubject && !validSubject(q.Subject):
		return fmt.Sprintf("the subject %q is neither key:ID nor user:ID", q.Subject)
	case q.Object == "" || q.Action == "" || q.Subject == "":
		return "subject, object and action are required"
	}
	return "a value cannot be evaluated, or is too long"
}

// ruleRows gives back the rules of an organization and of every one.
func (o *orgSet) ruleRows(d *modelDef) []row {
	if o.fallback != nil {
		return slices.DeleteFunc(slices.Clone(o.fallback.rows), func(r row) bool { return r.fields[0] != "p" })
	}
	var rows []row
	for t := o.tier; t != nil; t = t.below {
		dom := o.organization
		if t.below == nil {
			dom = everyOrganization
		}
		for i := range t.rules {
			rows = append(rows, t.row(&t.rules[i], dom))
		}
	}
	return rows
}

// row writes a compiled rule as it was.
func (t *tier) row(r *rule, dom string) row {
	s := t.shape
	fields := make([]string, s.fields+1)
	fields[0] = "p"
	fields[1+s.sub] = t.name(r.sub)
	fields[1+s.obj] = t.objectPattern(r)
	fields[1+s.act] = t.actionPattern(r)
	if s.dom >= 0 {
		fields[1+s.dom] = dom
	}
	if s.eft >= 0 {
		fields[1+s.eft] = "allow"
		if r.deny {
			fields[1+s.eft] = "deny"
		}
	}
	texts := strings.Split(t.condText[r.cond], "\x00")
	for i, c := range s.conditions {
		fields[1+c.field] = "*"
		if r.cond != 0 {
			fields[1+c.field] = texts[i]
		}
	}
	return row{fields: fields, file: t.files[r.file], line: int(r.line)}
}

// roleLinks gives the links that hold in an organization.
func (o *orgSet) roleLinks() roleLinks {
	if o.fallback != nil {
		return o.fallback.links
	}
	l := roleLinks{}
	for t := o.tier; t != nil; t = t.below {
		for _, w := range t.linkRows {
			l.add(t.linkFields(w, o.organization))
		}
	}
	return l
}

// linkFields writes a link as it was.
func (t *tier) linkFields(w linkRow, organization string) []string {
	key, inDom := "g", t.shape.roleDom
	if w.group {
		key, inDom = "g2", t.shape.groupDom
	}
	member, role := t.ends(w)
	fields := []string{key, member, role}
	if inDom {
		if t.below == nil {
			organization = everyOrganization
		}
		fields = append(fields, organization)
	}
	return fields
}

// roleNames lists the roles that rules speak of, without "role:".
func (o *orgSet) roleNames() []string {
	roles := map[string]bool{}
	take := func(name string) {
		if role, ok := strings.CutPrefix(name, "role:"); ok {
			roles[role] = true
		}
	}
	for t := o.tier; t != nil; t = t.below {
		for _, name := range t.nameList {
			take(name)
		}
	}
	if o.fallback != nil {
		for _, r := range o.fallback.rows {
			for _, f := range r.fields[1:] {
				take(f)
			}
		}
	}
	names := []string{}
	for r := range roles {
		names = append(names, r)
	}
	slices.Sort(names)
	return names
}
