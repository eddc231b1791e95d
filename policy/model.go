package policy

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Model is a parsed and checked Casbin model. It is immutable and safe to share;
// the zero Model is no model and is refused by [New].
type Model struct{ def *modelDef }

// IsZero reports whether the model was never given.
func (m Model) IsZero() bool { return m.def == nil }

// Text is the model as it was read.
func (m Model) Text() string {
	if m.def == nil {
		return ""
	}
	return m.def.text
}

// Compiled reports whether the model has the shape that is compiled, and if not,
// why. Other models run on Casbin, some hundred times slower.
func (m Model) Compiled() (ok bool, why string) {
	if m.def == nil {
		return false, "there is no model"
	}
	return m.def.shape != nil, m.def.whyNot
}

// Organizations reports whether the model tells organizations apart, by a field
// named dom.
func (m Model) Organizations() bool { return m.def != nil && m.def.request.index("dom") >= 0 }

// RequestFields names the values of a request, in the order of [Engine.Check].
func (m Model) RequestFields() []string {
	if m.def == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(m.def.request.fields), func(f string) bool { return f == "ctx" })
}

// modelDef is what a model says.
type modelDef struct {
	file, text string
	request    definition
	rule       definition
	roles      []roleDefinition // g, g2
	effect     effectKind
	effectText string
	matcher    expr
	matcherPos func(offset int) (line, col int)
	shape      *shape
	whyNot     string
}

// definition is the fields of a request or of a rule.
type definition struct {
	fields []string
	line   int
}

func (d definition) index(field string) int { return slices.Index(d.fields, field) }

// roleDefinition is a kind of role: "g" and the number of its fields.
type roleDefinition struct {
	key    string
	fields int
}

func (d *modelDef) role(key string) (roleDefinition, bool) {
	for _, r := range d.roles {
		if r.key == key {
			return r, true
		}
	}
	return roleDefinition{}, false
}

// effectKind is how the effects of matching rules make one answer.
type effectKind int

const (
	// allowOverride: one rule that allows is enough.
	allowOverride effectKind = iota + 1
	// denyOverride: one that allows and none that denies.
	denyOverride
	// priority: the first matching rule decides.
	priority
)

// ParseModel reads a model from the text of a Casbin .conf file and checks it
// whole: sections, definitions, functions, fields and effect. The file name is
// only for messages. The error is an [*InvalidError].
func ParseModel(file, text string) (Model, error) {
	def, found := parseModel(file, text)
	if err := found.errors(); err != nil {
		return Model{}, err
	}
	return Model{def}, nil
}

// ReadModel reads a model from a file of a file system.
func ReadModel(fsys fs.FS, file string) (Model, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return Model{}, err
	}
	return ParseModel(file, string(text))
}

// sections are the sections of a model file, and the keys each may hold.
var sections = map[string]string{
	"request_definition": "r",
	"policy_definition":  "p",
	"role_definition":    "g",
	"policy_effect":      "e",
	"matchers":           "m",
}

// entry is one key = value of a model file. at maps an offset in the value to
// its place in the file.
type entry struct {
	value string
	line  int
	at    func(offset int) (line, col int)
}

func parseModel(file, text string) (*modelDef, findings) {
	var found findings
	entries := readEntries(file, text, &found)
	d := &modelDef{file: file, text: text}
	bad := func(e entry, code, message, fix string) {
		line, col := e.line, 1
		if e.at != nil {
			line, col = e.at(0)
		}
		found.add(Finding{Level: Error, Code: code, File: file, Line: line, Column: col, Message: message, Fix: fix})
	}
	for _, need := range []struct{ key, section, example string }{
		{"r", "request_definition", "r = sub, dom, obj, act"},
		{"p", "policy_definition", "p = sub, dom, obj, act, eft"},
		{"e", "policy_effect", "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))"},
		{"m", "matchers", "m = r.sub == p.sub && r.obj == p.obj && r.act == p.act"},
	} {
		if _, ok := entries[need.key]; !ok {
			found.add(Finding{Level: Error, Code: "missing-definition", File: file, Line: 1, Column: 1,
				Message: fmt.Sprintf("%q is missing in section [%s]", need.key, need.section),
				Fix:     fmt.Sprintf("write [%s] and below it: %s", need.section, need.example)})
		}
	}
	d.request = readDefinition(entries["r"], bad)
	d.rule = readDefinition(entries["p"], bad)
	readRoles(d, entries, bad)
	if e, ok := entries["e"]; ok {
		readEffect(d, e, bad)
	}
	if m, ok := entries["m"]; ok {
		d.matcherPos = m.at
		parsed, syntax := parseMatcher(m.value)
		if syntax != nil {
			line, col := m.at(syntax.pos)
			found.add(Finding{Level: Error, Code: syntax.code, File: file, Line: line, Column: col, Message: syntax.message, Fix: syntax.fix})
		} else {
			d.matcher = parsed
			checkMatcher(d, &found)
		}
	}
	if found.errors() == nil {
		d.shape, d.whyNot = recognise(d)
	}
	return d, found
}

// readDefinition reads the fields of r or p.
func readDefinition(e entry, bad func(entry, string, string, string)) definition {
	d := definition{line: e.line}
	if e.at == nil {
		return d
	}
	for _, f := range strings.Split(e.value, ",") {
		f = strings.TrimSpace(f)
		switch {
		case !isFieldName(f):
			bad(e, "bad-field", fmt.Sprintf("%q is not the name of a field", f), "use letters, digits and _, and begin with a letter")
		case slices.Contains(d.fields, f):
			bad(e, "duplicate-field", fmt.Sprintf("field %q is defined twice", f), "remove one")
		case f == "domain" || f == "tenant" || f == "org":
			// Casbin itself gives only the name dom a meaning.
			if f == "domain" {
				bad(e, "bad-field", `the field of organizations must be named "dom"`, `write dom in place of domain`)
			}
			d.fields = append(d.fields, f)
			continue
		}
		d.fields = append(d.fields, f)
	}
	return d
}

func isFieldName(f string) bool {
	if f == "" || !isNameStart(f[0]) {
		return false
	}
	for i := range len(f) {
		if !isNameStart(f[i]) && !isDigit(f[i]) {
			return false
		}
	}
	return true
}

// readRoles reads g and g2.
func readRoles(d *modelDef, entries map[string]entry, bad func(entry, string, string, string)) {
	for _, key := range []string{"g", "g2", "g3"} {
		e, ok := entries[key]
		if !ok {
			continue
		}
		if strings.Contains(e.value, "(") {
			bad(e, "conditional-role", fmt.Sprintf("%s has conditions on its links, which only code can give a meaning", key),
				"write _, _ or _, _, _ and put the condition into the rule")
			continue
		}
		parts := strings.Split(e.value, ",")
		for _, p := range parts {
			if strings.TrimSpace(p) != "_" {
				bad(e, "bad-role-definition", fmt.Sprintf("%s = %s is not a list of underscores", key, e.value), "write _, _ or _, _, _")
				return
			}
		}
		if len(parts) != 2 && len(parts) != 3 {
			bad(e, "bad-role-definition", fmt.Sprintf("%s has %d fields", key, len(parts)), "write _, _ (member, role) or _, _, _ (member, role, organization)")
			continue
		}
		d.roles = append(d.roles, roleDefinition{key, len(parts)})
	}
}

// readEffect recognises the effect.
func readEffect(d *modelDef, e entry, bad func(entry, string, string, string)) {
	d.effectText = e.value
	const allow, deny = "some(where(p.eft==allow))", "!some(where(p.eft==deny))"
	flat := strings.NewReplacer(" ", "", "\t", "", "p_eft", "p.eft").Replace(e.value)
	switch flat {
	case allow:
		d.effect = allowOverride
	case allow + "&&" + deny:
		d.effect = denyOverride
	case "priority(p.eft)||deny":
		d.effect = priority
	case deny:
		bad(e, "allow-by-default", "this effect allows whatever no rule denies, and everything when there are no rules",
			"write: e = some(where (p.eft == allow)) && !some(where (p.eft == deny))")
	case "subjectPriority(p.eft)||deny":
		bad(e, "unsupported-effect", "subjectPriority is not supported", "write: e = some(where (p.eft == allow)) && !some(where (p.eft == deny))")
	default:
		bad(e, "unknown-effect", fmt.Sprintf("the effect %q is not known", e.value),
			"write: e = some(where (p.eft == allow)) && !some(where (p.eft == deny))")
	}
	if (d.effect == denyOverride || d.effect == priority) && len(d.rule.fields) > 0 && d.rule.index("eft") < 0 {
		bad(e, "effect-without-field", "the effect speaks of deny, but rules have no field eft: nothing could ever deny",
			"add eft to p, or write: e = some(where (p.eft == allow))")
	}
	if d.effect == allowOverride && d.rule.index("eft") >= 0 {
		bad(e, "deny-ignored", "rules have the field eft, but this effect ignores those that deny",
			"write: e = some(where (p.eft == allow)) && !some(where (p.eft == deny))")
	}
}
