package policy

import "fmt"

// relation is how a field of a request meets the same field of a rule.
type relation uint8

const (
	relNone relation = 0
	// relEqual: the two are the same text.
	relEqual relation = 1 << (iota - 1)
	// relPattern: segMatch.
	relPattern
	// relRole: g or g2 links the one to the other.
	relRole
)

// shape is what is left of a matcher that is compiled: conditions joined by
// "and", one for each of subject, organization, object and action, and condition
// functions. Indexes count the fields of a rule, -1 for none.
type shape struct {
	sub, dom, obj, act, eft int
	subject, object, action relation
	// anyDom: rules written for "*" hold in every organization.
	anyDom bool
	// roleDom, groupDom: links of g and g2 belong to an organization.
	roleDom, groupDom bool
	conditions        []conditionColumn
	effect            effectKind
	fields            int
}

// patternsOnly reports whether a rule gives what its patterns of object and
// action cover, and nothing else: neither texts that only look like patterns nor
// groups of objects play a part.
func (s *shape) patternsOnly() bool {
	return s.object&^relEqual == relPattern && s.action&^relEqual == relPattern
}

// conditionColumn is a condition function on one field of the rules.
type conditionColumn struct {
	function  string
	attribute string
	field     int
}

// recognise gives the shape of a model, or says why it has none.
func recognise(d *modelDef) (*shape, string) {
	s := &shape{
		sub: d.rule.index("sub"), dom: d.rule.index("dom"), obj: d.rule.index("obj"),
		act: d.rule.index("act"), eft: d.rule.index("eft"),
		effect: d.effect, fields: len(d.rule.fields),
	}
	if d.effect == priority {
		return nil, "the effect depends on the order of the rules"
	}
	for _, f := range d.request.fields {
		if f != "sub" && f != "dom" && f != "obj" && f != "act" && f != "ctx" {
			return nil, fmt.Sprintf("the request has a field %q besides sub, dom, obj, act and ctx", f)
		}
	}
	if _, ok := d.role("g3"); ok {
		return nil, "there is a third kind of role, g3"
	}
	seen := map[string]bool{}
	for _, part := range conjuncts(d.matcher) {
		what, ok := s.take(d, part)
		if !ok {
			line, col := d.matcherPos(part.at())
			return nil, fmt.Sprintf("the matcher has a condition that is not compiled (line %d, column %d)", line, col)
		}
		if what != "" && seen[what] {
			return nil, fmt.Sprintf("the matcher has two conditions on %s", what)
		}
		seen[what] = true
	}
	if s.obj < 0 || s.act < 0 || s.sub < 0 || s.subject == relNone || s.object == relNone || s.action == relNone {
		return nil, "the matcher does not compare all of subject, object and action"
	}
	if (d.request.index("dom") >= 0) != seen["dom"] {
		return nil, "the matcher does not compare the organization with that of the rule"
	}
	if s.dom < 0 && (s.roleDom || s.groupDom) {
		return nil, "roles belong to an organization and rules do not"
	}
	return s, ""
}

// conjuncts takes conditions joined by && apart.
func conjuncts(e expr) []expr {
	if b, ok := e.(*binaryExpr); ok && b.op == "&&" {
		return append(conjuncts(b.left), conjuncts(b.right)...)
	}
	return []expr{e}
}

// take adds one condition to the shape and names the field it is about.
func (s *shape) take(d *modelDef, e expr) (string, bool) {
	if call, ok := e.(*callExpr); ok && functions[call.name].condition {
		s.conditions = append(s.conditions, conditionColumnOf(d, call))
		return "", true
	}
	if s.takeAnyDom(e) {
		return "dom", true
	}
	field, rel, inDom, ok := takeRelation(e)
	if !ok {
		return "", false
	}
	switch field {
	case "sub":
		s.subject, s.roleDom = rel, inDom
		return field, rel == relEqual || rel == relRole
	case "dom":
		return field, rel == relEqual
	case "obj":
		s.object, s.groupDom = rel, inDom
		return field, true
	case "act":
		s.action = rel
		return field, rel&relRole == 0
	}
	return "", false
}

// takeAnyDom recognises (p.dom == r.dom || p.dom == "*").
func (s *shape) takeAnyDom(e expr) bool {
	or, ok := e.(*binaryExpr)
	if !ok || or.op != "||" {
		return false
	}
	for _, sides := range [][2]expr{{or.left, or.right}, {or.right, or.left}} {
		field, rel, _, same := takeRelation(sides[0])
		star, isStar := sides[1].(*binaryExpr)
		if !same || field != "dom" || rel != relEqual || !isStar || star.op != "==" {
			continue
		}
		for _, ends := range [][2]expr{{star.left, star.right}, {star.right, star.left}} {
			f, okField := ends[0].(*fieldExpr)
			l, okLiteral := ends[1].(*literalExpr)
			if okField && okLiteral && f.owner == 'p' && f.name == "dom" && l.text == "*" {
				s.anyDom = true
				return true
			}
		}
	}
	return false
}

// takeRelation recognises a condition between r.F and p.F: equality, segMatch,
// g, g2, or "or" of those on the same field.
func takeRelation(e expr) (field string, rel relation, inDom, ok bool) {
	switch e := e.(type) {
	case *binaryExpr:
		if e.op == "||" {
			f1, r1, d1, ok1 := takeRelation(e.left)
			f2, r2, d2, ok2 := takeRelation(e.right)
			return f1, r1 | r2, d1 || d2, ok1 && ok2 && f1 == f2 && r1 != r2
		}
		if e.op != "==" {
			return "", 0, false, false
		}
		a, okA := e.left.(*fieldExpr)
		b, okB := e.right.(*fieldExpr)
		return sameField(a, b, okA && okB, relEqual)
	case *callExpr:
		if len(e.args) < 2 {
			return "", 0, false, false
		}
		a, okA := e.args[0].(*fieldExpr)
		b, okB := e.args[1].(*fieldExpr)
		if !okA || !okB || a.owner != 'r' || b.owner != 'p' {
			return "", 0, false, false
		}
		if len(e.args) == 3 {
			dom, okDom := e.args[2].(*fieldExpr)
			if !okDom || dom.owner != 'r' || dom.name != "dom" {
				return "", 0, false, false
			}
			inDom = true
		}
		switch {
		case e.name == "segMatch":
			rel = relPattern
		case e.name == "g" && a.name == "sub", e.name == "g2" && a.name == "obj":
			rel = relRole
		default:
			return "", 0, false, false
		}
		field, rel, _, ok = sameField(a, b, true, rel)
		return field, rel, inDom, ok
	}
	return "", 0, false, false
}

func sameField(a, b *fieldExpr, ok bool, rel relation) (string, relation, bool, bool) {
	if !ok || a.owner == b.owner || a.name != b.name {
		return "", 0, false, false
	}
	return a.name, rel, false, true
}
