package policy

import (
	"fmt"
	"strings"
)

// validateRules checks every row against its model: kind, number of fields, what
// fields may hold, effect, patterns and conditions. What passes never fails in a
// decision.
func validateRules(d *modelDef, rules Rules) findings {
	v := newValidator(d)
	for _, r := range rules.rows {
		v.row(r)
	}
	return v.found
}

type validator struct {
	def        *modelDef
	patterns   map[string]string // field of rules -> function that reads it as a pattern
	conditions []conditionColumn
	found      findings
}

func newValidator(d *modelDef) *validator {
	return &validator{def: d, patterns: patternFields(d.matcher), conditions: conditionColumns(d, d.matcher)}
}

// conditionColumns finds the condition functions of a matcher.
func conditionColumns(d *modelDef, e expr) []conditionColumn {
	switch e := e.(type) {
	case *binaryExpr:
		return append(conditionColumns(d, e.left), conditionColumns(d, e.right)...)
	case *notExpr:
		return conditionColumns(d, e.arg)
	case *callExpr:
		if functions[e.name].condition {
			return []conditionColumn{conditionColumnOf(d, e)}
		}
	}
	return nil
}

// conditionColumnOf reads a call of a condition function.
func conditionColumnOf(d *modelDef, call *callExpr) conditionColumn {
	c := conditionColumn{function: call.name, field: d.rule.index(call.args[len(call.args)-1].(*fieldExpr).name)}
	if functions[call.name].named {
		c.attribute = call.args[1].(*literalExpr).text
	}
	return c
}

// patternFields finds the fields of rules that functions read as patterns.
func patternFields(e expr) map[string]string {
	fields := map[string]string{}
	var walk func(expr)
	walk = func(e expr) {
		switch e := e.(type) {
		case *binaryExpr:
			walk(e.left)
			walk(e.right)
		case *notExpr:
			walk(e.arg)
		case *callExpr:
			if f, ok := functions[e.name]; ok && f.check != nil && len(e.args) >= 2 {
				if p, ok := e.args[1].(*fieldExpr); ok && p.owner == 'p' {
					fields[p.name] = e.name
				}
			}
		}
	}
	walk(e)
	return fields
}

func (v *validator) row(r row) {
	if len(r.fields) == 0 {
		v.found.add(r.finding(Error, "bad-row", 0, "the row is empty", `write p or g first`))
		return
	}
	if len(r.fields) == 1 && strings.ContainsAny(r.fields[0], "\t; ") {
		v.found.add(r.finding(Error, "bad-row", 0, "the row has no commas", "divide the fields by commas, as in p, role:viewer, account:*, read"))
		return
	}
	for i, f := range r.fields {
		if wrong := checkField(f); wrong != "" {
			fix := "write a text of printable characters"
			switch {
			case f == "" && i > 0 && i == len(r.fields)-1:
				fix = "remove the comma at the end, or write * if anything may stand here"
			case f == "":
				fix = "write * if anything may stand here"
			case strings.TrimSpace(f) != f:
				fix = "remove the space; only one after a comma is left out"
			case len(f) > maxFieldBytes:
				fix = "use a shorter name"
			}
			v.found.add(r.finding(Error, "bad-value", i, fmt.Sprintf("field %d %s", i+1, wrong), fix))
			return
		}
	}
	kind := r.fields[0]
	if kind == "p" {
		v.rule(r)
		return
	}
	if role, ok := v.def.role(kind); ok {
		v.link(r, role)
		return
	}
	kinds := []string{"p"}
	for _, k := range v.def.roles {
		kinds = append(kinds, k.key)
	}
	v.found.add(r.finding(Error, "unknown-kind", 0, fmt.Sprintf("the model has no rows of kind %q", kind), "begin the row with "+strings.Join(kinds, " or ")))
}

func (v *validator) rule(r row) {
	names := v.def.rule.fields
	values := r.fields[1:]
	if len(values) != len(names) {
		what := "short"
		if len(values) > len(names) {
			what = "long"
		}
		fix := "write: p, " + strings.Join(names, ", ")
		if len(values) == len(names)-1 && names[len(names)-1] == "eft" {
			fix += `; the last one is allow or deny`
		}
		v.found.add(r.finding(Error, what+"-row", min(len(names)+1, len(values)), fmt.Sprintf("the row has %d values, the model's rules have %d", len(values), len(names)), fix))
		return
	}
	for i, name := range names {
		v.value(r, name, i+1)
	}
	for _, c := range v.conditions {
		if _, err := parseCell(c, values[c.field]); err != nil {
			v.found.add(r.finding(Error, "bad-condition", c.field+1, err.Error(), ""))
		}
	}
}

// value checks one field of a rule.
func (v *validator) value(r row, name string, i int) {
	value := r.fields[i]
	if name == "eft" {
		if value != "allow" && value != "deny" {
			fix := "write allow or deny"
			if strings.Contains(value, "#") {
				fix = "put the comment on a line of its own"
			}
			v.found.add(r.finding(Error, "bad-effect", i, fmt.Sprintf("%q is no effect; Casbin would let such a rule never apply", value), fix))
		}
		return
	}
	if name == "dom" && value == "*" && v.def.shape != nil && !v.def.shape.anyDom {
		v.found.add(r.finding(Error, "never-matches", i, `no organization is called "*" and the matcher does not read it as every one`,
			`write (p.dom == r.dom || p.dom == "*") in the matcher, or name an organization`))
	}
	if fn, ok := v.patterns[name]; ok {
		if wrong := functions[fn].check(value); wrong != "" {
			code := "bad-pattern"
			v.found.add(r.finding(Error, code, i, fmt.Sprintf("%s: %q: %s", name, value, wrong), fmt.Sprintf("%s reads this field as a pattern", fn)))
		}
	}
}

func (v *validator) link(r row, role roleDefinition) {
	values := r.fields[1:]
	if len(values) != role.fields {
		what, fix := "short-row", fmt.Sprintf("write: %s, member, role", role.key)
		if role.fields == 3 {
			fix += ", organization"
		}
		message := fmt.Sprintf("the row has %d values, the model's %s has %d", len(values), role.key, role.fields)
		if len(values) > role.fields {
			what = "long-row"
			if role.fields == 2 && len(values) == 3 {
				message += "; Casbin would drop the last one, and the role would hold in every organization"
			}
		}
		v.found.add(r.finding(Error, what, min(role.fields+1, len(values)), message, fix))
		return
	}
	if values[0] == values[1] {
		v.found.add(r.finding(Error, "role-cycle", 2, fmt.Sprintf("%q is made a member of itself", values[0]), "remove the row"))
	}
}
