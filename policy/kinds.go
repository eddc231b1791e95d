package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// kinds are the texts and beginnings that a value of requests is compared with.
type kinds struct{ texts, beginnings map[string]bool }

// list gives one value of each kind, the widest kinds first.
func (k *kinds) list() []candidate {
	list := []candidate{{nobody, "*"}}
	for _, begin := range slices.Sorted(maps.Keys(k.beginnings)) {
		if begin != "" {
			list = append(list, candidate{begin + nobody, begin + "*"})
		}
	}
	for _, text := range slices.Sorted(maps.Keys(k.texts)) {
		list = append(list, candidate{text, text})
	}
	return list
}

// read notes what a part of the matcher compares.
func (c *candidates) read(e expr) error {
	switch e := e.(type) {
	case *notExpr:
		return c.read(e.arg)
	case *callExpr:
		return c.readCall(e)
	case *binaryExpr:
		if e.op != "&&" && e.op != "||" {
			return c.readComparison(e, e.left, e.right)
		}
		if err := c.read(e.left); err != nil {
			return err
		}
		return c.read(e.right)
	}
	return nil
}

// asked gives the kinds of the value of a request, nil for anything else. The
// organization is none: it is known.
func (c *candidates) asked(e expr) *kinds {
	f, ok := e.(*fieldExpr)
	if !ok || f.owner != 'r' {
		return nil
	}
	return c.kind[f.name]
}

// readComparison notes an equality.
func (c *candidates) readComparison(whole, left, right expr) error {
	for _, side := range []expr{left, right} {
		if call, ok := side.(*callExpr); ok {
			return c.cannot(call, "compares what "+call.name+" makes of a value")
		}
	}
	a, b := c.asked(left), c.asked(right)
	if a != nil && b != nil {
		return c.cannot(whole, "compares two values of the request")
	}
	for _, side := range []struct {
		kinds *kinds
		with  expr
	}{{a, right}, {b, left}} {
		if side.kinds != nil {
			for _, text := range c.texts(side.with) {
				side.kinds.texts[text.value] = true
			}
		}
	}
	return nil
}

// ruleText is a text from a rule, or from the matcher itself.
type ruleText struct {
	value string
	row   *row
}

// texts lists what an expression may stand for.
func (c *candidates) texts(e expr) []ruleText {
	switch e := e.(type) {
	case *literalExpr:
		return []ruleText{{value: e.text}}
	case *listExpr:
		var list []ruleText
		for _, item := range e.items {
			list = append(list, c.texts(item)...)
		}
		return list
	case *fieldExpr:
		if e.owner == 'r' {
			return []ruleText{{value: c.organization}}
		}
		i := c.def.rule.index(e.name)
		list := make([]ruleText, len(c.rows))
		for n := range c.rows {
			list[n] = ruleText{c.rows[n].fields[1+i], &c.rows[n]}
		}
		return list
	}
	return nil
}

func (c *candidates) readCall(e *callExpr) error {
	if _, ok := c.def.role(e.name); ok {
		return c.readRole(e)
	}
	if functions[e.name].condition {
		c.readCondition(e)
		return nil
	}
	k := c.asked(e.args[0])
	if slices.ContainsFunc(e.args[1:], func(arg expr) bool { return c.asked(arg) != nil }) {
		return c.cannot(e, "reads a value of the request as a pattern")
	}
	if k == nil {
		return nil
	}
	for _, pattern := range c.texts(e.args[1]) {
		if !k.addPattern(e.name, pattern.value) {
			where := ""
			if pattern.row != nil {
				where = fmt.Sprintf(" (rule %s)", strings.Join(pattern.row.fields, ", "))
			}
			return c.cannot(e, fmt.Sprintf("reads %q%s as a pattern by %s", pattern.value, where, e.name))
		}
	}
	return nil
}

// addPattern notes a pattern; false if it is more than a text, or one beginning
// of texts.
func (k *kinds) addPattern(function, pattern string) bool {
	switch function {
	case "segMatch":
		if pattern == "*" {
			return true
		}
		base, tree := strings.CutSuffix(pattern, ":*")
		k.texts[base] = true
		if tree {
			k.beginnings[base+":"] = true
		}
		return true
	case "keyMatch":
		if begin, _, star := strings.Cut(pattern, "*"); star {
			k.beginnings[begin] = true
			return true
		}
		k.texts[pattern] = true
		return true
	case "regexMatch":
		rest, begins := strings.CutPrefix(pattern, "^")
		text, ends := strings.CutSuffix(rest, "$")
		k.texts[text] = true
		return begins && ends && isPlain(text)
	case "keyMatch2", "keyMatch3", "keyMatch4", "globMatch":
		k.texts[pattern] = true
		return isPlain(pattern)
	}
	return false
}

// isPlain reports whether a text means itself in every language of patterns.
func isPlain(text string) bool {
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-") == ""
}

// readRole notes who and what links are about.
func (c *candidates) readRole(e *callExpr) error {
	if c.asked(e.args[0]) != nil && c.asked(e.args[1]) != nil {
		return c.cannot(e, "asks for a link between two values of the request")
	}
	for i, arg := range e.args[:2] {
		k := c.asked(arg)
		if k == nil {
			continue
		}
		if e.name == "g" && k != c.kind["sub"] {
			return c.cannot(e, "asks for roles of something that is not the subject")
		}
		for _, text := range c.texts(e.args[1-i]) {
			k.texts[text.value] = true
		}
		for key, set := range c.set.roleLinks() {
			if strings.HasPrefix(key, e.name+"\x00") {
				k.addLinks(set, i == 0)
			}
		}
	}
	return nil
}

// addLinks notes who links are from, or where they lead to.
func (k *kinds) addLinks(set links, members bool) {
	for member, roles := range set {
		if members {
			k.texts[member] = true
			continue
		}
		for _, role := range roles {
			k.texts[role] = true
		}
	}
}

// readCondition notes the conditions of rules.
func (c *candidates) readCondition(e *callExpr) {
	column := conditionColumnOf(c.def, e)
	for _, r := range c.rows {
		s := supposition{column.function, column.attribute, r.fields[1+column.field]}
		if s.text != "*" && !slices.Contains(c.conditions, s) {
			c.conditions = append(c.conditions, s)
		}
	}
}

// cannot says that a part of the matcher does not let itself be answered for all
// requests.
func (c *candidates) cannot(e expr, does string) error {
	line, col := c.def.matcherPos(e.at())
	return &CannotTellError{fmt.Sprintf("the matcher (line %d, column %d) %s", line, col, does),
		"ask Decide or WhoCan about single requests, or compare by ==, in, segMatch, keyMatch and roles"}
}
