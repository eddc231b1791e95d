package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func lintText(model, rules string) []Finding {
	parsed, err := ParseRules("policy.csv", rules)
	return append(Lint("model.conf", model, parsed), asFindings(err, "policy.csv")...)
}

func TestLint(t *testing.T) {
	t.Parallel()
	starter := libraryText("organizations")
	regex := shapeText("sub, obj, act", "sub, obj, act", "g = _, _", "g(r.sub, p.sub) && r.obj == p.obj && regexMatch(r.act, p.act)")
	narrow := shapeText("sub, dom, obj, act", "sub, dom, obj, act", "g = _, _, _", "r.dom == p.dom && g(r.sub, p.sub, r.dom) && r.obj == p.obj && r.act == p.act")
	const use = "p, role:x, *, doc:*, read, allow\n"
	for name, c := range map[string]struct {
		model, rules string
		code         string
		level        Level
		line         int
		says         string
	}{
		"cycle":                      {starter, use + "g, role:x, role:y, *\ng, role:y, role:x, o1\n", "role-cycle", Warning, 3, "role:y > role:x > role:y"},
		"member of itself":           {starter, use + "g, role:x, role:x, *\n", "role-cycle", Error, 2, "member of itself"},
		"too deep":                   {starter, use + RulesOf(deepChain("*", 11)...).CSV(), "role-too-deep", Error, 2, "more than 9 links"},
		"duplicate":                  {starter, use + use, "duplicate-rule", Warning, 2, "line 1"},
		"shadowed":                   {starter, use + "p, role:x, o1, doc:1, read, allow\n", "shadowed-rule", Warning, 2, "already gives"},
		"shadowed by a denial":       {starter, "p, role:x, *, doc:*, *, deny\np, role:x, o1, doc:1, read, allow\n", "shadowed-rule", Warning, 2, "takes away"},
		"denied twice":               {starter, "p, role:x, *, doc:*, *, deny\np, role:x, o1, doc:1, read, deny\n", "shadowed-rule", Warning, 2, "already denies"},
		"allowed and denied":         {starter, "p, role:x, o1, doc, read, deny\np, role:x, o1, doc, read, allow\n", "shadowed-rule", Warning, 2, "a denial wins"},
		"unreachable":                {starter, use + "p, clerk, o1, doc, read, allow\n", "unreachable-rule", Warning, 2, "role:clerk"},
		"empty role":                 {starter, use + "g, user:a, role:xx, o1\n", "empty-role", Warning, 2, "write role:x"},
		"subject as role":            {starter, use + "p, user:b, o1, doc, write, allow\ng, user:a, user:b, o1\n", "subject-as-role", Warning, 3, "user:b"},
		"role without prefix":        {starter, use + "p, admin, o1, doc, write, allow\ng, user:a, admin, o1\n", "role-without-prefix", Warning, 3, "role:admin"},
		"subject like a role":        {starter, use + "g, ann, role:x, o1\n", "subject-looks-like-role", Warning, 2, "ann"},
		"every organization":         {starter, use + "g, user:a, role:x, *\n", "cross-organization", Warning, 2, "every organization"},
		"right everywhere":           {starter, use + "p, user:a, *, doc, write, allow\n", "cross-organization", Warning, 2, "user:a"},
		"everything everywhere":      {starter, use + "p, key:1, *, *, *, allow\n", "wide-rule", Warning, 2, "everything"},
		"star inside":                {starter, "p, role:x, *, doc*, read, allow\n", "bad-pattern", Error, 1, "star may stand"},
		"star in the middle":         {starter, "p, role:x, *, doc:*:x, read, allow\n", "bad-pattern", Error, 1, "star may stand"},
		"only a colon and a star":    {starter, "p, role:x, *, :*, read, allow\n", "bad-pattern", Error, 1, "nothing stands before"},
		"loose regular expression":   {regex, "p, role:x, doc, read|list\n", "wide-pattern", Warning, 1, "^(read|list)$"},
		"broken regular expression":  {regex, "p, role:x, doc, re(ad\n", "bad-pattern", Error, 1, "regular expression"},
		"a star that is a text":      {narrow, "p, role:x, o1, doc:*, read\n", "literal-star", Warning, 1, "segMatch"},
		"an organization of stars":   {narrow, "p, role:x, *, doc, read\n", "never-matches", Error, 1, `(p.dom == r.dom || p.dom == "*")`},
		"a role with a star":         {starter, "p, role:*, *, doc, read, allow\n", "literal-star", Warning, 1, "sub"},
		"organizations with a star":  {starter, "p, role:x, ac*, doc, read, allow\n", "literal-star", Warning, 1, "dom"},
		"members with a star":        {starter, use + "g, user:*, role:x, o1\n", "literal-star", Warning, 2, "links"},
		"a subject of stars":         {starter, use + "p, *, o1, doc:1, read, allow\n", "unreachable-rule", Warning, 2, "a star means nothing here"},
		"shadowed by a wider tree":   {starter, "p, role:x, o1, doc:1:*, read, allow\np, role:x, o1, doc:1:2:3:*, read, allow\n", "shadowed-rule", Warning, 2, "line 1"},
		"a name with no width in it": {starter, use + "p, role:x\u200b, o1, doc:1, read, allow\n", "bad-value", Error, 2, "cannot be seen"},
		"a byte order mark":          {starter, "\ufeff" + use, "byte-order-mark", Error, 1, "without BOM"},
		"a model with such a mark":   {"\ufeff" + starter, use, "byte-order-mark", Error, 1, "without BOM"},
		"one ampersand":              {strings.Replace(starter, "&& g(", "& g(", 1), use, "bad-matcher", Error, 20, "write &&"},
		"a parenthesis left open":    {strings.Replace(starter, "r.dom)", "r.dom", 1), use, "bad-matcher", Error, 20, "missing before the end"},
		"one that was never opened":  {strings.Replace(starter, "r.dom)", "r.dom))", 1), use, "bad-matcher", Error, 20, "remove it"},
		"roles without their domain": {strings.Replace(starter, ", r.dom)", ")", 1), use, "wrong-arguments", Error, 20, "write g(r.sub, p.sub, r.dom)"},
		"not compiled":               {regex, "p, role:x, doc, ^read$\n", "not-compiled", Warning, 10, "not compiled"},
		"an unknown kind of row":     {starter, use + "g2, a, b, o1\n", "unknown-kind", Error, 2, "p or g"},
		"a quote left open":          {starter, use + "p, \"role:x, *, doc, read, allow\n", "bad-row", Error, 2, "double quotes"},
		"a role in capitals":         {starter, use + "p, role:X, *, doc:*, write, allow\n", "looks-alike", Warning, 2, `"role:X" differs from "role:x" in line 1 by capital letters only`},
		"a role with more space":     {starter, "p, role:night clerk, *, doc, read, allow\ng, user:a, role:night  clerk, o1\n", "looks-alike", Warning, 2, "by white space only"},
		"a role with another space":  {starter, "p, role:night clerk, *, doc, read, allow\ng, user:a, role:night\u00a0clerk, o1\n", "looks-alike", Warning, 2, "by white space only"},
		"a role in Cyrillic":         {starter, "p, role:axe, *, doc, read, allow\ng, user:a, role:ахе, o1\n", "looks-alike", Warning, 2, "by letters that look alike"},
		"a role in Greek capitals":   {starter, "p, role:HOME, *, doc, read, allow\np, role:ΗΟΜΕ, *, doc, write, allow\n", "looks-alike", Warning, 2, "by letters that look alike"},
		"a full-width role":          {starter, "p, role:x, *, doc, read, allow\np, role:ｘ, *, doc, write, allow\n", "looks-alike", Warning, 2, "by letters that look alike"},
		"an action in capitals":      {starter, use + "p, role:x, *, note, Read, allow\n", "looks-alike", Warning, 2, "capital letters"},
		"an object in capitals":      {starter, use + "p, role:x, o1, Doc:1, write, allow\n", "looks-alike", Warning, 2, "capital letters"},
		"two alphabets in a word":    {starter, "p, role:аdmin, *, doc, read, allow\n", "mixed-alphabets", Warning, 1, "аdmin"},
		"a letter of two characters": {starter, "p, role:cafe\u0301, *, doc, read, allow\n", "mixed-alphabets", Warning, 1, "two characters"},
		"a space before a comma":     {starter, "p, role:x , *, doc, read, allow\n", "bad-value", Error, 1, "remove the space"},
		"a comma at the end":         {starter, use + "p, role:x, o1, doc, read, allow,\n", "bad-value", Error, 2, "remove the comma at the end"},
		"tabs in place of commas":    {starter, use + "p\trole:x\to1\tdoc\tread\tallow\n", "bad-row", Error, 2, "divide the fields by commas"},
		"semicolons":                 {starter, use + "p;role:x;o1;doc;read;allow\n", "bad-row", Error, 2, "divide the fields by commas"},
		"a matcher without an end":   {strings.Replace(starter, "r.dom)", "r.dom)"+strings.Repeat(` && r.obj != "x"`, 5000), 1), use, "bad-matcher", Error, 20, "longer than 64 KiB"},
	} {
		found := lintText(c.model, c.rules)
		ok := false
		for _, f := range found {
			if f.Code == c.code && f.Level == c.level && f.Line == c.line && strings.Contains(f.String(), c.says) && f.Column > 0 {
				ok = true
			}
		}
		if !ok {
			t.Errorf("%s: %v\nwant %s at line %d saying %q", name, found, c.code, c.line, c.says)
		}
	}
	// What is missing is told once, not again at each use.
	if found := lintText(strings.Replace(starter, "r = sub, dom, obj, act", "", 1), use); len(found) != 1 || found[0].Code != "missing-definition" {
		t.Errorf("a model without a request: %v", found)
	}
	for name, c := range map[string]struct{ model, rules string }{
		"nothing":                     {starter, ""},
		"a role used by its holders":  {starter, use},
		"different conditions":        {libraryText("conditions"), "p, role:x, *, doc, read, allow, sandbox, *, *, *, *\np, role:x, *, doc, read, allow, uat, *, *, *, *\n"},
		"names of one's own":          {narrow, "p, admin, o1, doc, read\ng, alice, admin, o1\n"},
		"ids that differ by capitals": {starter, use + "p, key:Ab, o1, note:aB, write, allow\np, key:aB, o1, note:Ab, write, allow\n"},
		"words of two alphabets":      {starter, "p, role:кассир-shop, *, касса:*, read, allow\np, role:café, *, doc, read, allow\n"},
		"a narrower denial":           {starter, use + "p, role:x, o1, doc:9, read, deny\n"},
	} {
		if found := lintText(c.model, c.rules); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// TestLintLarge lints and draws policies of a size at which a look at every pair
// of rules, or of links, would take minutes.
func TestLintLarge(t *testing.T) {
	t.Parallel()
	const n = 20_000
	rows := map[string][][]string{}
	for i := range n {
		a, b := fmt.Sprint("role:", i), fmt.Sprint("role:", (i+1)%n)
		rows["objects"] = append(rows["objects"], []string{"p", "role:x", "o1", fmt.Sprint("doc:", i), "read", "allow"})
		rows["subjects"] = append(rows["subjects"], []string{"p", a, "o1", "doc", "read", "allow"})
		rows["circle"] = append(rows["circle"], []string{"g", a, b, "o1"})
	}
	rows["deep"] = rows["circle"][:n-1]
	for name, rows := range rows {
		if took := lintLarge(t, name, rows); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// lintLarge lints and draws rules, and tells how long that takes.
func lintLarge(t *testing.T, name string, rows [][]string) time.Duration {
	t.Helper()
	began := time.Now()
	rules := RulesOf(rows...)
	bad := 0
	for _, f := range Lint("model.conf", DefaultModel().Text(), rules) {
		if f.Level == Error {
			bad++
		}
	}
	if wants := name == "deep" || name == "circle"; wants != (bad > len(rows)/2) {
		t.Errorf("%s: %d errors", name, bad)
	}
	if text := Draw(DefaultModel(), rules, "").Text(); strings.Count(text, "\n") < len(rows) {
		t.Errorf("%s: drawn in %d lines", name, strings.Count(text, "\n"))
	}
	return time.Since(began)
}

func TestGraph(t *testing.T) {
	t.Parallel()
	rules, err := ParseRules("p.csv", "p, role:x, o1, doc, read, allow\np, role:x, o2, doc, read, deny\ng, \"user:\"\"a\", role:x, *\n")
	if err != nil {
		t.Fatal(err)
	}
	g := Draw(DefaultModel(), rules, "o1")
	if want := "role:x\n  allow read doc  in o1\nuser:\"a\n  is    role:x  in every organization\n"; g.Text() != want {
		t.Errorf("%s", g.Text())
	}
	for _, want := range []string{`"user:\"a" -> "role:x"`, `"role:x" -> "doc"`} {
		if !strings.Contains(g.Dot(), want) {
			t.Errorf("%s is not in %s", want, g.Dot())
		}
	}
	if all := Draw(DefaultModel(), rules, ""); len(all.Rights) != 2 || !strings.Contains(all.Dot(), "color=red") {
		t.Errorf("%+v", all)
	}
}
