package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Lint looks for everything wrong with a model and its rules: what is refused,
// at level [Error], and what works and is probably not meant, at level
// [Warning]. Findings are in the order of the files.
func Lint(modelFile, modelText string, rules Rules) []Finding {
	def, found := parseModel(modelFile, modelText)
	if found.errors() != nil {
		return found.sorted()
	}
	found = append(found, validateRules(def, rules)...)
	if def.shape == nil {
		line, col := def.matcherPos(0)
		found.add(Finding{Level: Warning, Code: "not-compiled", File: modelFile, Line: line, Column: col,
			Message: "the model is not compiled, so that decisions take some hundred times longer: " + def.whyNot,
			Fix:     "use conditions on sub, dom, obj and act joined by &&, as in the starter model"})
	}
	l := linter{def: def, found: found, rows: validRows(def, rules)}
	l.roles()
	l.subjects()
	l.duplicates()
	l.shadowed()
	l.patterns()
	l.lookalikes()
	l.organizations()
	return l.found.sorted()
}

// LintFiles lints the files of a policy.
func LintFiles(f Files) ([]Finding, error) {
	texts, err := f.texts()
	if err != nil {
		return nil, err
	}
	rules := Rules{parsed: true}
	var unreadable []Finding
	for i, name := range f.Rules {
		more, err := ParseRules(name, string(texts[i+1]))
		unreadable = append(unreadable, asFindings(err, name)...)
		rules = rules.Join(more)
	}
	return append(findings(unreadable), Lint(f.Model, string(texts[0]), rules)...).sorted(), nil
}

// validRows leaves out rows that were refused already.
func validRows(d *modelDef, rules Rules) []row {
	v := newValidator(d)
	return slices.DeleteFunc(slices.Clone(rules.rows), func(r row) bool {
		v.found = v.found[:0]
		v.row(r)
		return v.found.errors() != nil
	})
}

type linter struct {
	def   *modelDef
	rows  []row
	found findings
}

func (l *linter) add(f Finding) { l.found.add(f) }

// field gives a field of a rule by name, "" if rules have none.
func (l *linter) field(r row, name string) string {
	if i := l.def.rule.index(name); i >= 0 && r.fields[0] == "p" {
		return r.fields[1+i]
	}
	return ""
}

// place is where a field of rules stands in a row.
func (l *linter) place(name string) int { return l.def.rule.index(name) + 1 }

// domain is the organization of a link, "" if links have none.
func domain(r row) string {
	if len(r.fields) == 4 {
		return r.fields[3]
	}
	return ""
}

// maxCycle is the longest circle of roles that is told as one. Longer ones are
// chains that are too deep, at each of their members.
const maxCycle = 64

// roles finds cycles and chains that are too deep.
func (l *linter) roles() {
	all := roleLinks{}
	for _, r := range l.rows {
		if r.fields[0] != "p" {
			all.add(r.fields)
		}
	}
	told := map[string]bool{}
	for _, r := range l.rows {
		if r.fields[0] == "p" {
			continue
		}
		own, every := all.in(r.fields[0], domain(r))
		member, role := r.fields[1], r.fields[2]
		if path := chainWithin(role, member, own, every, maxCycle); path != nil && !told[member+"\x00"+domain(r)] {
			for _, n := range path {
				told[n+"\x00"+domain(r)] = true
			}
			l.add(r.finding(Warning, "role-cycle", 1, "roles inherit each other in a circle: "+strings.Join(append([]string{member}, path...), " > "), "remove one of the links"))
		}
		if _, deep := closure(member, own, every); deep {
			l.add(r.finding(Error, "role-too-deep", 1, fmt.Sprintf("the chain of roles that begins at %q has more than %d links; Casbin would stop there in silence", member, maxRoleDepth), "make the chain shorter"))
		}
	}
}

// namesRoles reports whether the rules name roles "role:...", as a convention to hold
// the others to.
func (l *linter) namesRoles() bool {
	return slices.ContainsFunc(l.rows, func(r row) bool {
		return strings.HasPrefix(l.field(r, "sub"), "role:") || r.fields[0] == "g" && strings.HasPrefix(r.fields[2], "role:")
	})
}

// subjects finds names that are taken for something else, and rules that no one
// can reach.
func (l *linter) subjects() {
	if !l.namesRoles() {
		return
	}
	members := map[string]bool{}
	for _, r := range l.rows {
		if r.fields[0] == "g" {
			members[r.fields[2]] = true
		}
	}
	defined := map[string]bool{}
	for _, r := range l.rows {
		if r.fields[0] == "g" {
			l.link(r)
			defined[r.fields[1]] = true
		}
		if sub := l.field(r, "sub"); sub != "" {
			defined[sub] = true
			if !strings.HasPrefix(sub, "role:") && !validSubject(sub) && !members[sub] {
				fix := "write role:" + sub + ", or key: or user: before it"
				if strings.Contains(sub, "*") {
					fix = "name a role, and give it to everyone who is meant; a star means nothing here"
				}
				l.add(r.finding(Warning, "unreachable-rule", l.place("sub"), fmt.Sprintf("%q is neither role:NAME nor key:ID nor user:ID, so that no request is ever its", sub), fix))
			}
		}
	}
	for _, r := range l.rows {
		if r.fields[0] == "g" && !defined[r.fields[2]] {
			fix := "write a rule for it"
			if near := closest(r.fields[2], keys(defined)); near != "" {
				fix = "write " + near
			}
			l.add(r.finding(Warning, "empty-role", 2, fmt.Sprintf("no rule gives %q anything", r.fields[2]), fix))
		}
	}
}

// link finds links of subjects that look like roles, and the other way round.
func (l *linter) link(r row) {
	member, role := r.fields[1], r.fields[2]
	if validSubject(role) {
		l.add(r.finding(Warning, "subject-as-role", 2, fmt.Sprintf("%q is a subject and used as a role: who is a member of it has all its rights", role), "make a role and give it to both"))
	} else if !strings.HasPrefix(role, "role:") {
		l.add(r.finding(Warning, "role-without-prefix", 2, fmt.Sprintf("the role %q could be taken for a subject of that name", role), "write role:"+role))
	}
	if !strings.HasPrefix(member, "role:") && !validSubject(member) {
		l.add(r.finding(Warning, "subject-looks-like-role", 1, fmt.Sprintf("%q is neither role:NAME nor key:ID nor user:ID", member), "write role:, key: or user: before it"))
	}
}

func keys(m map[string]bool) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// duplicates finds rows that stand twice, and rules that say opposite things.
func (l *linter) duplicates() {
	seen := map[string]row{}
	eft := l.def.rule.index("eft")
	for _, r := range l.rows {
		key := rowKey(r.fields)
		if first, ok := seen[key]; ok {
			l.add(r.finding(Warning, "duplicate-rule", 0, fmt.Sprintf("the same rule stands in line %d", first.line), "remove one"))
			continue
		}
		seen[key] = r
		if eft < 0 || r.fields[0] != "p" || r.fields[1+eft] != "allow" {
			continue
		}
		opposite := slices.Clone(r.fields)
		opposite[1+eft] = "deny"
		if deny, ok := seen[rowKey(opposite)]; ok {
			l.add(r.finding(Warning, "shadowed-rule", 0, fmt.Sprintf("line %d denies the same, and a denial wins", deny.line), "remove one"))
		}
	}
}

// shadowed finds rules that another one makes needless.
func (l *linter) shadowed() {
	s := l.def.shape
	if s == nil || s.object&relPattern == 0 {
		return
	}
	// Who covers a rule has one of few spellings, so that a policy of a hundred
	// thousand rules is looked at in one pass.
	places := map[string][]int{}
	key := func(sub, dom, act, obj string) string { return rowKey([]string{sub, dom, act, obj}) }
	for i, r := range l.rows {
		if r.fields[0] == "p" {
			k := key(l.field(r, "sub"), l.field(r, "dom"), l.field(r, "act"), l.field(r, "obj"))
			places[k] = append(places[k], i)
		}
	}
	for _, r := range l.rows {
		if r.fields[0] != "p" {
			continue
		}
		first := -1
		for _, dom := range slices.Compact([]string{l.field(r, "dom"), everyOrganization}) {
			for _, act := range covering(l.field(r, "act")) {
				for _, obj := range covering(l.field(r, "obj")) {
					for _, i := range places[key(l.field(r, "sub"), dom, act, obj)] {
						if (first < 0 || i < first) && !sameRow(l.rows[i].fields, r.fields) && l.shadows(l.rows[i], r) {
							first = i
						}
					}
				}
			}
		}
		if first < 0 {
			continue
		}
		o := l.rows[first]
		word, fix := "already gives", "remove this one, or narrow the other"
		if l.field(o, "eft") != l.field(r, "eft") {
			word, fix = "takes away", "remove this one, for it never counts"
		} else if l.field(r, "eft") == "deny" {
			word = "already denies"
		}
		l.add(r.finding(Warning, "shadowed-rule", 0, fmt.Sprintf("line %d %s all of it", o.line, word), fix))
	}
}

// shadows reports whether rule o makes rule r needless.
func (l *linter) shadows(o, r row) bool {
	s := l.def.shape
	if l.field(o, "eft") == "allow" && l.field(r, "eft") == "deny" {
		return false
	}
	if s.dom >= 0 {
		if d := l.field(o, "dom"); d != l.field(r, "dom") && !(s.anyDom && d == everyOrganization) {
			return false
		}
	}
	for _, c := range s.conditions {
		if v := o.fields[1+c.field]; v != "*" && v != r.fields[1+c.field] {
			return false
		}
	}
	action := l.field(o, "act") == l.field(r, "act")
	if s.action&relPattern != 0 {
		action = patternCovers(l.field(o, "act"), l.field(r, "act"))
	}
	return action && patternCovers(l.field(o, "obj"), l.field(r, "obj"))
}

// patterns finds patterns that cover more, or less, than they seem to.
func (l *linter) patterns() {
	checked := patternFields(l.def.matcher)
	for _, r := range l.rows {
		if r.fields[0] != "p" {
			for i, value := range r.fields {
				if strings.Contains(value, "*") && (i < 3 || value != everyOrganization) {
					l.add(r.finding(Warning, "literal-star", i, fmt.Sprintf("a star is no pattern in links, so that only what is called %q is meant", value), "write the whole name"))
				}
			}
			continue
		}
		for i, name := range l.def.rule.fields {
			value := r.fields[1+i]
			switch fn := checked[name]; {
			case fn == "regexMatch" && (!strings.HasPrefix(value, "^") || !strings.HasSuffix(value, "$")):
				l.add(r.finding(Warning, "wide-pattern", i+1, fmt.Sprintf("%q also matches inside longer texts", value), "write ^("+value+")$"))
			case fn == "" && (name == "dom" || name == "sub") && value != "*" && strings.Contains(value, "*"):
				l.add(r.finding(Warning, "literal-star", i+1, fmt.Sprintf("a star is no pattern in %s, so that only what is called %q is meant", name, value), "write the whole name"))
			case name == "dom" || name == "eft" || name == "sub":
			case fn == "" && (name == "obj" || name == "act") && strings.Contains(value, "*"):
				l.add(r.finding(Warning, "literal-star", i+1, fmt.Sprintf("the matcher compares %s as a text, so that %q means a star", name, value), "use segMatch in the matcher"))
			}
		}
		if l.wide(r) {
			l.add(r.finding(Warning, "wide-rule", 0, fmt.Sprintf("%q may do everything in every organization", l.field(r, "sub")), "give it to a role, or name an organization"))
		}
	}
}

// wide reports whether a rule gives a single subject everything everywhere.
func (l *linter) wide(r row) bool {
	return validSubject(l.field(r, "sub")) && l.field(r, "eft") != "deny" && l.field(r, "dom") == everyOrganization &&
		l.field(r, "obj") == "*" && l.field(r, "act") == "*"
}

// organizations finds rules by which one organization reaches into another.
func (l *linter) organizations() {
	if l.def.rule.index("dom") < 0 {
		return
	}
	for _, r := range l.rows {
		if r.fields[0] == "g" && validSubject(r.fields[1]) && (domain(r) == everyOrganization || len(r.fields) == 3) {
			l.add(r.finding(Warning, "cross-organization", len(r.fields)-1, fmt.Sprintf("%q holds %q in every organization", r.fields[1], r.fields[2]), "name the organization, unless it operates all of them"))
		}
		if sub := l.field(r, "sub"); validSubject(sub) && l.field(r, "dom") == everyOrganization && l.field(r, "eft") != "deny" && !l.wide(r) {
			l.add(r.finding(Warning, "cross-organization", l.place("dom"), fmt.Sprintf("%q has this right in every organization", sub), "name the organization"))
		}
	}
}
