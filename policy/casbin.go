package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

// This file alone knows Casbin. A fallback decides for models that are not
// compiled: Casbin evaluates the matcher over the rules and merges the effects;
// role links and conditions are functions of this package, because Casbin's own
// g() remembers every subject it was ever asked about.

// fallback is a Casbin enforcer for the rules of one organization.
type fallback struct {
	def      *modelDef
	enforcer *casbin.Enforcer
	rows     []row
	links    roleLinks
	empty    bool // there is no rule
	mu       sync.Mutex
	recent   map[cacheKey]string // reasons, two generations to bound them
	older    map[cacheKey]string
}

// cacheKey is one question without conditions. The cache belongs to one
// revision of one organization and dies with it.
type cacheKey struct{ sub, dom, obj, act, roles string }

// cacheSize bounds each of the two generations of answers.
const cacheSize = 4096

// hidden is the field of requests that carries the facts.
const hidden = "gwfacts"

// newFallback builds the enforcer. The rules were validated.
func newFallback(d *modelDef, rows []row) (*fallback, error) {
	f := &fallback{def: d, rows: rows, empty: true, links: roleLinks{}, recent: map[cacheKey]string{}, older: map[cacheKey]string{}}
	m := model.NewModel()
	request := append(slices.DeleteFunc(slices.Clone(d.request.fields), func(n string) bool { return n == "ctx" }), hidden)
	m.AddDef("r", "r", strings.Join(request, ", "))
	m.AddDef("p", "p", strings.Join(d.rule.fields, ", "))
	m.AddDef("e", "e", d.effectText)
	m.AddDef("m", "m", renderMatcher(d, d.matcher))
	for _, r := range rows {
		if r.fields[0] == "p" {
			f.empty = false
			if err := m.AddPolicy("p", "p", slices.Clone(r.fields[1:])); err != nil {
				return nil, err
			}
			continue
		}
		f.links.add(r.fields)
	}
	if d.effect == priority {
		if err := m.SortPoliciesByPriority(); err != nil {
			return nil, err
		}
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	e.AddFunction("gwsegmatch", segMatchFunction)
	for _, role := range d.roles {
		e.AddFunction("gwlink_"+role.key, f.linked(role.key))
	}
	for i, c := range conditionColumns(d, d.matcher) {
		e.AddFunction(fmt.Sprintf("gwcondition_%d", i), conditionFunction(c))
	}
	f.enforcer = e
	return f, nil
}

// linked is g or g2: whether a name has a role, in an organization or at large.
func (f *fallback) linked(key string) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		q, ok := args[0].(*asked)
		member, okMember := args[1].(string)
		role, okRole := args[2].(string)
		if !ok || !okMember || !okRole {
			return false, errors.New("policy: a role is asked of something that is no text")
		}
		domain := ""
		if len(args) == 4 {
			domain, _ = args[3].(string)
		}
		return f.links.has(key, member, role, domain, q), nil
	}
}

// segMatchFunction is segMatch for Casbin.
func segMatchFunction(args ...any) (any, error) {
	value, ok := args[0].(string)
	pattern, okPattern := args[1].(string)
	if !ok || !okPattern {
		return false, errors.New("policy: segMatch is given something that is no text")
	}
	return segMatch(value, pattern), nil
}

// conditionFunction makes a condition a function of Casbin. Its values are the
// facts, the field of the rule, and the effect of the rule: what is unknown
// makes a rule that denies apply.
func conditionFunction(c conditionColumn) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		q, ok := args[0].(*asked)
		text, okText := args[1].(string)
		if !ok || !okText {
			return false, errors.New("policy: a condition has no facts")
		}
		parsed, err := parseCell(c, text)
		if err != nil {
			return false, err
		}
		deny := len(args) > 2 && args[2] == "deny"
		if q.facts.suppose != nil {
			return parsed == nil || q.facts.suppose[supposition{c.function, c.attribute, text}].holds(deny), nil
		}
		return parsed == nil || parsed.test(q.facts).holds(deny), nil
	}
}

// renderMatcher writes a matcher for Casbin, with the functions of this package
// in place.
func renderMatcher(d *modelDef, e expr) string {
	n := 0
	return renderExpr(d, e, &n)
}

func renderExpr(d *modelDef, e expr, conditions *int) string {
	switch e := e.(type) {
	case *binaryExpr:
		left := renderExpr(d, e.left, conditions)
		return "(" + left + " " + e.op + " " + renderExpr(d, e.right, conditions) + ")"
	case *notExpr:
		return "!(" + renderExpr(d, e.arg, conditions) + ")"
	case *fieldExpr:
		return string(e.owner) + "." + e.name
	case *literalExpr:
		if e.number {
			return e.text
		}
		return `"` + e.text + `"`
	case *listExpr:
		items := make([]string, len(e.items))
		for i, item := range e.items {
			items[i] = renderExpr(d, item, conditions)
		}
		return "(" + strings.Join(items, ", ") + ")"
	case *callExpr:
		return renderCall(d, e, conditions)
	}
	return "false"
}

func renderCall(d *modelDef, e *callExpr, conditions *int) string {
	name, args := e.name, []string{}
	for _, a := range e.args {
		args = append(args, renderExpr(d, a, conditions))
	}
	switch f := functions[name]; {
	case f.condition:
		name = fmt.Sprintf("gwcondition_%d", *conditions)
		*conditions++
		args = []string{"r." + hidden, args[len(args)-1]}
		if d.rule.index("eft") >= 0 {
			args = append(args, "p.eft")
		}
	case name == "segMatch":
		name = "gwsegmatch"
	default:
		if _, ok := d.role(name); ok {
			name = "gwlink_" + name
			args = append([]string{"r." + hidden}, args...)
		}
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// decide asks Casbin and gives the reason of the answer. An error means that the
// request cannot be evaluated, for instance an address that is none; the answer
// is then no.
func (f *fallback) decide(q *Question, facts *facts) (reason string, err error) {
	key := cacheKey{q.Subject, q.Organization, q.Object, q.Action, strings.Join(facts.roles, "\x00")}
	cached := f.def.request.index("ctx") < 0
	if cached {
		if reason := f.cachedAnswer(key); reason != "" {
			return reason, nil
		}
	}
	values, err := f.values(q)
	if err != nil {
		return "", err
	}
	reason, err = f.enforce(q.Organization, q.Subject, facts, values)
	if err == nil && cached {
		f.remember(key, reason)
	}
	return reason, err
}

// values puts a question in the order of the model's requests.
func (f *fallback) values(q *Question) ([]any, error) {
	values := make([]any, 0, len(f.def.request.fields)+1)
	for _, name := range f.def.request.fields {
		switch name {
		case "sub":
			values = append(values, q.Subject)
		case "dom":
			values = append(values, q.Organization)
		case "obj":
			values = append(values, q.Object)
		case "act":
			values = append(values, q.Action)
		case "ctx":
		default:
			return nil, fmt.Errorf("policy: the model asks for a value %q that a question does not have", name)
		}
	}
	return values, nil
}

// enforce asks Casbin. The rule it names is read and not kept: it is part of the
// rules in force.
func (f *fallback) enforce(organization, subject string, facts *facts, values []any) (reason string, err error) {
	if f.empty {
		// Casbin would evaluate the matcher once with empty values, and allow
		// what then is true, such as r.sub == "root".
		return ReasonNoMatchingRule, nil
	}
	values = append(values, &asked{organization, subject, facts})
	allowed, rule, err := f.enforcer.EnforceEx(values...)
	eft := f.def.rule.index("eft")
	switch {
	case err != nil:
		return "", err
	case allowed:
		return ReasonAllowed, nil
	case eft >= 0 && eft < len(rule) && rule[eft] == "deny":
		return ReasonExplicitDeny, nil
	}
	return ReasonNoMatchingRule, nil
}

func (f *fallback) cachedAnswer(key cacheKey) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reason, ok := f.recent[key]; ok {
		return reason
	}
	return f.older[key]
}

func (f *fallback) remember(key cacheKey, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.recent) >= cacheSize {
		f.older, f.recent = f.recent, map[cacheKey]string{}
	}
	f.recent[key] = reason
}

// roleName is the name of a role in rules.
func roleName(role string) string {
	if strings.HasPrefix(role, "role:") {
		return role
	}
	return "role:" + role
}

// builtin calls one of Casbin's own functions on texts. Some of them panic on
// what they cannot read, which counts as not matching.
func builtin(name string, args []string) (result any) {
	defer func() {
		if recover() != nil {
			result = false
		}
	}()
	fm := model.LoadFunctionMap()
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a
	}
	f, ok := fm.GetFunctions()[name]
	if !ok {
		return false
	}
	result, err := f(values...)
	if err != nil {
		return false
	}
	return result
}
