package policy

import (
	"slices"
	"strings"
)

// evaluator evaluates a matcher as it is written, one condition and one rule at
// a time, to say which failed. It is slow, and independent of the compiled form,
// so that explaining also checks deciding.
type evaluator struct {
	def   *modelDef
	q     *asked
	value map[string]string // fields of the request
	links roleLinks
}

func newEvaluator(d *modelDef, q *Question, f *facts, l roleLinks) *evaluator {
	return &evaluator{def: d, links: l, q: &asked{q.Organization, q.Subject, f}, value: map[string]string{
		"sub": q.Subject, "dom": q.Organization, "obj": q.Object, "act": q.Action,
	}}
}

// holds evaluates a condition for one rule.
func (v *evaluator) holds(e expr, fields []string) bool {
	switch e := e.(type) {
	case *binaryExpr:
		switch e.op {
		case "&&":
			return v.holds(e.left, fields) && v.holds(e.right, fields)
		case "||":
			return v.holds(e.left, fields) || v.holds(e.right, fields)
		case "==":
			return v.text(e.left, fields) == v.text(e.right, fields)
		case "!=":
			return v.text(e.left, fields) != v.text(e.right, fields)
		case "in":
			list, ok := e.right.(*listExpr)
			return ok && slices.ContainsFunc(list.items, func(item expr) bool {
				return v.text(item, fields) == v.text(e.left, fields)
			})
		}
	case *notExpr:
		return !v.holds(e.arg, fields)
	case *callExpr:
		return v.call(e, fields)
	}
	return false
}

// text evaluates what stands for a text.
func (v *evaluator) text(e expr, fields []string) string {
	switch e := e.(type) {
	case *literalExpr:
		return e.text
	case *fieldExpr:
		if e.owner == 'r' {
			return v.value[e.name]
		}
		if i := v.def.rule.index(e.name); i >= 0 && i+1 < len(fields) {
			return fields[i+1]
		}
	case *callExpr:
		text, _ := builtin(e.name, v.texts(e.args, fields)).(string)
		return text
	}
	return ""
}

func (v *evaluator) texts(args []expr, fields []string) []string {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = v.text(a, fields)
	}
	return texts
}

func (v *evaluator) call(e *callExpr, fields []string) bool {
	if _, ok := v.def.role(e.name); ok {
		a := v.texts(e.args, fields)
		domain := ""
		if len(a) == 3 {
			domain = a[2]
		}
		return v.links.has(e.name, a[0], a[1], domain, v.q)
	}
	if functions[e.name].condition {
		parsed, err := parseCell(conditionColumnOf(v.def, e), v.text(e.args[len(e.args)-1], fields))
		deny := v.effect(fields) == "deny"
		return err == nil && (parsed == nil || parsed.test(v.q.facts).holds(deny))
	}
	a := v.texts(e.args, fields)
	if e.name == "segMatch" {
		return segMatch(a[0], a[1])
	}
	result, _ := builtin(e.name, a).(bool)
	return result
}

// effect is that of a rule: allow where rules have none.
func (v *evaluator) effect(fields []string) string {
	if i := v.def.rule.index("eft"); i >= 0 {
		return fields[i+1]
	}
	return "allow"
}

// chainOf gives the role chain by which a rule is about the subject, where the
// matcher asks for one.
func (v *evaluator) chainOf(e expr, fields []string) []string {
	switch e := e.(type) {
	case *binaryExpr:
		if c := v.chainOf(e.left, fields); c != nil {
			return c
		}
		return v.chainOf(e.right, fields)
	case *callExpr:
		if e.name == "g" {
			a := v.texts(e.args, fields)
			domain := ""
			if len(a) == 3 {
				domain = a[2]
			}
			return v.links.chain("g", a[0], a[1], domain, v.q)
		}
	}
	return nil
}

// source writes a condition as an author would.
func source(e expr) string {
	switch e := e.(type) {
	case *binaryExpr:
		text := source(e.left) + " " + e.op + " " + source(e.right)
		if e.op == "||" {
			return "(" + text + ")"
		}
		return text
	case *notExpr:
		return "!(" + source(e.arg) + ")"
	case *fieldExpr:
		return string(e.owner) + "." + e.name
	case *literalExpr:
		return `"` + e.text + `"`
	case *listExpr:
		return "(" + sources(e.items) + ")"
	case *callExpr:
		return e.name + "(" + sources(e.args) + ")"
	}
	return ""
}

func sources(list []expr) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = source(e)
	}
	return strings.Join(texts, ", ")
}
