package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// matcherChecker checks a parsed matcher against the definitions of its model.
type matcherChecker struct {
	def   *modelDef
	found *findings
	used  map[string]bool // "r.sub", "p.obj"
}

// checkMatcher reports every field and function that is not defined, and what
// Casbin would notice only while deciding, or never.
func checkMatcher(d *modelDef, found *findings) {
	c := &matcherChecker{d, found, map[string]bool{}}
	c.condition(d.matcher)
	if found.errors() != nil {
		return
	}
	touchesRule := false
	for _, f := range d.rule.fields {
		switch {
		case c.used["p."+f]:
			touchesRule = true
		case f == "eft" || f == "priority" && d.effect == priority:
		default:
			c.bad(0, "unused-field", fmt.Sprintf("the matcher never looks at field %q of rules", f), fmt.Sprintf("compare p.%s with something, or remove it from p", f))
		}
	}
	if !touchesRule {
		c.bad(0, "rules-unused", "the matcher looks at no rule, so that rules decide nothing", "compare a field of the request with one of the rule, as in r.sub == p.sub")
	}
	for _, f := range d.request.fields {
		if !c.used["r."+f] {
			fix := fmt.Sprintf("compare r.%s with something, or remove it from r", f)
			if f == "dom" {
				fix = `write (p.dom == r.dom || p.dom == "*") && ... in the matcher`
			}
			c.bad(0, "unused-field", fmt.Sprintf("the matcher never looks at field %q of the request", f), fix)
		}
	}
	for _, r := range d.roles {
		if !c.used[r.key] {
			c.bad(0, "unused-role", fmt.Sprintf("the matcher never calls %s, so that its rows do nothing", r.key), fmt.Sprintf("call %s in the matcher, or remove it", r.key))
		}
	}
}

func (c *matcherChecker) bad(offset int, code, message, fix string) {
	line, col := c.def.matcherPos(offset)
	c.found.add(Finding{Level: Error, Code: code, File: c.def.file, Line: line, Column: col, Message: message, Fix: fix})
}

// condition checks an expression that must be true or false.
func (c *matcherChecker) condition(e expr) {
	switch e := e.(type) {
	case *binaryExpr:
		if e.op == "&&" || e.op == "||" {
			c.condition(e.left)
			c.condition(e.right)
			return
		}
		c.value(e.left)
		c.value(e.right)
		if e.op != "==" && e.op != "!=" && e.op != "in" {
			c.bad(e.pos, "text-order", fmt.Sprintf("%q compares texts by their letters, so that 9 is above 10", e.op), `use a condition function such as atMost(r.ctx, "amount", p.max)`)
		}
	case *notExpr:
		c.condition(e.arg)
	case *callExpr:
		c.call(e)
		if strings.HasPrefix(e.name, "keyGet") {
			c.bad(e.pos, "not-a-condition", e.name+" gives a text", "compare it with one")
		}
	default:
		c.bad(e.at(), "not-a-condition", "this is neither true nor false", "compare it with something")
	}
}

// value checks an expression that stands for a text.
func (c *matcherChecker) value(e expr) {
	switch e := e.(type) {
	case *fieldExpr:
		if e.owner == 'r' && e.name == "ctx" {
			c.misusedContext(e)
			return
		}
		c.field(e)
	case *literalExpr:
		c.literal(e)
	case *listExpr:
		for _, item := range e.items {
			l, ok := item.(*literalExpr)
			if !ok {
				c.bad(item.at(), "bad-list", "a list holds texts only", "")
				continue
			}
			c.literal(l)
		}
	case *callExpr:
		c.call(e)
		if !strings.HasPrefix(e.name, "keyGet") {
			c.bad(e.pos, "not-a-value", e.name+" gives true or false and is compared with a text", "")
		}
	default:
		c.bad(e.at(), "not-a-value", "a condition stands where a text belongs", "")
	}
}

func (c *matcherChecker) misusedContext(f *fieldExpr) {
	c.bad(f.pos, "wrong-arguments", "r.ctx is for condition functions only", "they are "+strings.Join(conditionNames(), ", "))
}

// literal refuses texts that Casbin would change before it compares them.
func (c *matcherChecker) literal(l *literalExpr) {
	switch {
	case l.number:
		c.bad(l.pos, "number", fmt.Sprintf("%s is a number, and every value is a text", l.text), fmt.Sprintf("write %q", l.text))
	case strings.IndexFunc(l.text, unicode.IsControl) >= 0:
		c.bad(l.pos, "bad-text", fmt.Sprintf("the text %q holds a control character", l.text), "write a text of printable characters")
	case strings.ContainsAny(l.text, "[]()"), rewritten.MatchString(l.text):
		c.bad(l.pos, "bad-text", fmt.Sprintf("Casbin would change the text %q", l.text), "write it without brackets, and without r. or p. at the begin of a word")
	case dateLike.MatchString(l.text):
		c.bad(l.pos, "bad-text", fmt.Sprintf("Casbin would take the text %q for a date", l.text), "use the condition function during")
	}
}

var (
	rewritten = regexp.MustCompile(`(^|[()\s|&,=!><+\-*/])[rp][0-9]*\.`)
	dateLike  = regexp.MustCompile(`^\d{4}[-/]\d{2}|^\d{1,2}:\d{2}|^(Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`)
)

func (c *matcherChecker) field(f *fieldExpr) {
	d, what := c.def.request, "request"
	if f.owner == 'p' {
		d, what = c.def.rule, "rule"
	}
	name := string(f.owner) + "." + f.name
	c.used[name] = true
	if f.owner == 'p' && f.name == "eft" {
		c.bad(f.pos, "effect-in-matcher", "the effect of a rule is no part of the matcher", "remove it")
		return
	}
	if d.index(f.name) >= 0 || len(d.fields) == 0 {
		return // that nothing is defined was told already
	}
	fix := fmt.Sprintf("the %s has: %s", what, strings.Join(d.fields, ", "))
	if near := closest(f.name, d.fields); near != "" {
		fix = fmt.Sprintf("write %c.%s", f.owner, near)
	}
	c.bad(f.pos, "unknown-field", fmt.Sprintf("the %s has no field %q", what, f.name), fix)
}

func (c *matcherChecker) call(e *callExpr) {
	if role, ok := c.def.role(e.name); ok {
		c.used[e.name] = true
		if len(e.args) != role.fields {
			c.bad(e.pos, "wrong-arguments", fmt.Sprintf("%s takes %d values, as its definition says, and is given %d", e.name, role.fields, len(e.args)),
				fmt.Sprintf("write %s, or change the line %s = ... in [role_definition]", map[int]string{2: e.name + "(r.sub, p.sub)", 3: e.name + "(r.sub, p.sub, r.dom)"}[role.fields], e.name))
		}
		c.texts(e.args)
		return
	}
	f, ok := functions[e.name]
	switch {
	case e.name == "eval":
		c.bad(e.pos, "eval", "eval runs text of a rule as code and is not supported", "use a condition function: "+strings.Join(conditionNames(), ", "))
		return
	case !ok && (e.name == "g" || e.name == "g2" || e.name == "g3"):
		c.bad(e.pos, "unknown-function", e.name+" is called and not defined", fmt.Sprintf("write [role_definition] and below it: %s = _, _", e.name))
		return
	case !ok:
		names := slices.Sorted(maps.Keys(functions))
		fix := "known are " + strings.Join(names, ", ")
		if near := closest(e.name, names); near != "" {
			fix = "write " + near
		}
		c.bad(e.pos, "unknown-function", fmt.Sprintf("there is no function %q", e.name), fix)
		return
	case len(e.args) != f.args:
		c.bad(e.pos, "wrong-arguments", fmt.Sprintf("%s takes %d values and is given %d", e.name, f.args, len(e.args)), usage(e.name, f))
		return
	}
	if !f.condition {
		c.texts(e.args)
		return
	}
	ctx, okCtx := e.args[0].(*fieldExpr)
	cell, okCell := e.args[len(e.args)-1].(*fieldExpr)
	okName := true
	if f.named {
		name, is := e.args[1].(*literalExpr)
		okName = is && !name.number
	}
	if !okCtx || ctx.owner != 'r' || ctx.name != "ctx" || !okCell || cell.owner != 'p' || !okName {
		c.bad(e.pos, "wrong-arguments", e.name+" is called in another way", usage(e.name, f))
		return
	}
	c.field(ctx)
	c.field(cell)
}

// texts checks the arguments of a function on texts.
func (c *matcherChecker) texts(args []expr) {
	for _, a := range args {
		switch a.(type) {
		case *fieldExpr, *literalExpr:
			c.value(a)
		default:
			c.bad(a.at(), "wrong-arguments", "a function takes fields and texts only", "")
		}
	}
}

func conditionNames() []string {
	var names []string
	for _, n := range slices.Sorted(maps.Keys(functions)) {
		if functions[n].condition {
			names = append(names, n)
		}
	}
	return names
}

// usage shows how a function is called.
func usage(name string, f function) string {
	switch {
	case f.named:
		return fmt.Sprintf(`write %s(r.ctx, "amount", p.FIELD)`, name)
	case f.condition:
		return fmt.Sprintf("write %s(r.ctx, p.FIELD)", name)
	}
	return fmt.Sprintf("write %s(r.obj, p.obj)", name)
}
