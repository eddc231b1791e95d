package policy

import (
	"slices"
	"strings"
	"testing"
)

func FuzzParseModel(f *testing.F) {
	for _, s := range shapes {
		f.Add(s)
	}
	f.Add("[matchers]\nm = r.sub == \\\n p.sub # x\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseModel("m", text)
		if err != nil {
			return
		}
		// What is accepted compiles without rules, denies, and formats to
		// something that is accepted and means the same.
		e, err := New(Config{Model: m, Rules: RulesOf(), InsecureAnySubject: true})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		values := make([]string, len(m.RequestFields()))
		for i := range values {
			values[i] = "x"
		}
		if d, err := e.Check(t.Context(), Question{}, values...); err != nil || d.Allowed && m.def.rule.fields != nil {
			t.Fatalf("%+v %v\n%s", d, err, text)
		}
		formatted, err := FormatModel("m", text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseModel("m", formatted)
		if err != nil || source(again.def.matcher) != source(m.def.matcher) || !slices.Equal(again.def.rule.fields, m.def.rule.fields) {
			t.Fatalf("formatted to another model: %v\n%s\n%s", err, text, formatted)
		}
		if twice, err := FormatModel("m", formatted); err != nil || twice != formatted {
			t.Fatalf("formatting twice differs: %v\n%q\n%q", err, formatted, twice)
		}
	})
}

func FuzzParseRules(f *testing.F) {
	f.Add("p, role:x, *, doc, read, allow\n# c\n\ng, user:a, role:x, o1\n")
	f.Add("p, \"a,b\", \" c\", d # e, \"f\"\"g\"\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := ParseRules("p.csv", text)
		if err != nil {
			return
		}
		formatted, err := FormatRules("p.csv", text)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := FormatRules("p.csv", formatted); err != nil || again != formatted {
			t.Fatalf("formatting twice differs: %v\n%q\n%q", err, formatted, again)
		}
		e, err := New(Config{Model: DefaultModel(), Rules: rules})
		if err != nil {
			return
		}
		// Accepted rules come back from text, and lint without falling over.
		for _, written := range []string{rules.CSV(), formatted} {
			back, err := ParseRules("p.csv", written)
			if err != nil || !Diff(rules, back).IsEmpty() {
				t.Fatalf("%q came back otherwise: %v", text, err)
			}
		}
		Lint("m", DefaultModel().Text(), rules)
		if d, _ := e.Decide(t.Context(), Question{Organization: "o", Subject: "role:x", Object: "doc", Action: "read"}); d.Allowed {
			t.Fatal("a role asks and is allowed")
		}
	})
}

func FuzzConditions(f *testing.F) {
	for _, s := range []string{"*", "a|b", "10.0.0.0/8", "mon-fri 08:00-18:00 Europe/Berlin", "2026-01-01T00:00:00Z/..", "99.50", "-1"} {
		f.Add(s)
	}
	empty, full := &facts{now: fixedNow}, &facts{scopes: []string{"a"}, now: fixedNow, attributes: map[string]any{
		AttributeEnvironment: "a", AttributeClient: "10.1.2.3", "amount": "5", "x": "a",
	}}
	f.Fuzz(func(t *testing.T, text string) {
		for name, fn := range functions {
			if !fn.condition {
				continue
			}
			c, err := parseCell(conditionColumn{function: name, attribute: "amount"}, text)
			if err != nil {
				if c != nil {
					t.Fatalf("%s: both a condition and an error", name)
				}
				continue
			}
			if (c == nil) != (text == "*") {
				t.Fatalf("%s %q: condition %v", name, text, c)
			}
			if c == nil {
				continue
			}
			c.test(full)
			if c.test(empty) == yes && name != "during" {
				t.Fatalf("%s %q holds without any fact", name, text)
			}
		}
	})
}

func FuzzPermission(f *testing.F) {
	f.Add("transaction:read", "transaction:42", "read")
	f.Add("=a:b", "a", "b")
	f.Add("*:*", "a:b:c", "d")
	f.Fuzz(func(t *testing.T, permission, object, action string) {
		if !permits(permission, object, action) {
			return
		}
		r, ok := rightOf(permission)
		if !ok || !segMatch(object, r.object) || r.action != "*" && r.action != action {
			t.Fatalf("%q permits %s of %s", permission, action, object)
		}
		if strings.Contains(action, ":") && r.action != "*" {
			t.Fatalf("%q permits an action with a colon", permission)
		}
	})
}

// FuzzPatterns holds covering and overlapping of patterns against matching.
func FuzzPatterns(f *testing.F) {
	f.Add("a:*", "a:b", "a:b:c")
	f.Add("*", "a", "a")
	f.Fuzz(func(t *testing.T, a, b, value string) {
		if checkPattern(a) != "" || checkPattern(b) != "" {
			return
		}
		inA, inB := segMatch(value, a), segMatch(value, b)
		if patternCovers(a, b) && inB && !inA {
			t.Fatalf("%q covers %q, but not %q", a, b, value)
		}
		if inA && inB && !patternsOverlap(a, b) {
			t.Fatalf("%q is in %q and %q, which do not overlap", value, a, b)
		}
	})
}
