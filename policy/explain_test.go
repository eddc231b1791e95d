package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPropertyExplainAgreesWithDecide holds the evaluator of explanations, which
// knows nothing of the compiled form, against decisions.
func TestPropertyExplainAgreesWithDecide(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(values ...string) string { return rapid.SampledFrom(values).Draw(rt, "v") }
		m, err := ParseModel("model.conf", choose(shapes...))
		if err != nil {
			rt.Fatal(err)
		}
		var rows [][]string
		for range rapid.IntRange(0, 20).Draw(rt, "rules") {
			if row := randomRow(m.def, choose); validateRules(m.def, RulesOf(row)).errors() == nil {
				rows = append(rows, row)
			}
		}
		e, err := New(Config{Model: m, Rules: RulesOf(rows...), Now: now})
		if err != nil {
			rt.Fatal(err)
		}
		for range 4 {
			q := randomQuestion(m.def, choose)
			d, _ := e.Decide(t.Context(), q)
			x, err := e.Explain(t.Context(), q)
			if err != nil || x.Decision != d {
				rt.Fatalf("%+v: decided %+v, explained %+v, %v", q, d, x.Decision, err)
			}
			allows := slices.ContainsFunc(x.Rules, func(r MatchedRule) bool { return r.Effect == "allow" })
			denies := slices.ContainsFunc(x.Rules, func(r MatchedRule) bool { return r.Effect == "deny" })
			if d.Allowed != (allows && !denies) {
				rt.Fatalf("%+v: %+v by rules %v\n%s", q, d, x.Rules, RulesOf(rows...).CSV())
			}
			if (d.Reason == ReasonExplicitDeny) != denies && d.Reason != ReasonInvalidQuestion {
				rt.Fatalf("%+v: %+v by rules %v", q, d, x.Rules)
			}
			for _, hint := range x.Nearest {
				var role string
				if _, err := fmt.Sscanf(hint, "would be allowed with role %q", &role); err == nil {
					q2 := q
					q2.Roles = append(slices.Clone(q.Roles), role)
					if d, _ := e.Decide(t.Context(), q2); !d.Allowed {
						rt.Fatalf("%s: it is not", hint)
					}
				}
			}
		}
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	rules, err := ParseRules("extra.csv", "p, role:viewer, acme, account:9, read, deny\ng, user:ann, role:lead, acme\ng, role:lead, role:viewer, *\n")
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Model: DefaultModel(), Rules: DefaultRules().Join(rules)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q      Question
		reason string
		rule   string
		near   string
	}{
		{Question{Organization: "acme", Subject: "user:ann", Object: "account:1", Action: "read"}, ReasonAllowed, "policy.csv:15: p, role:viewer, *, account:*, read, allow  [user:ann > role:lead > role:viewer]", ""},
		{Question{Organization: "acme", Subject: "user:ann", Object: "account:9", Action: "read"}, ReasonExplicitDeny, "extra.csv:1: p, role:viewer, acme, account:9, read, deny  [user:ann > role:lead > role:viewer]", "denied by the rule extra.csv:1"},
		{Question{Organization: "acme", Subject: "user:ann", Object: "terminal:1", Action: "assign"}, ReasonNoMatchingRule, "", `would be allowed with role "terminal-manager"`},
		{Question{Organization: "acme", Subject: "user:ann", Object: "account:1", Action: "raed"}, ReasonNoMatchingRule, "", `if it held that segMatch(r.act, p.act)`},
		{Question{Organization: "acme", Subject: "user:ann", Object: "account:1", Action: "read", Boundary: []string{"key:manage"}}, ReasonBoundary, "account:*", "would be allowed if the boundary permitted account:1:read"},
		{Question{Organization: "acme", Subject: "role:admin", Object: "account:1", Action: "read"}, ReasonInvalidQuestion, "", "neither key:ID nor user:ID"},
		{Question{Subject: "user:ann", Object: "account:1", Action: "read"}, ReasonInvalidQuestion, "", "names no organization"},
	} {
		x, err := e.Explain(t.Context(), c.q)
		if err != nil || x.Decision.Reason != c.reason {
			t.Errorf("%+v: %+v %v", c.q, x.Decision, err)
			continue
		}
		if c.rule != "" && (len(x.Rules) == 0 || !strings.Contains(x.Rules[0].String(), c.rule)) {
			t.Errorf("%+v: rules %v, want %s", c.q, x.Rules, c.rule)
		}
		if !strings.Contains(strings.Join(x.Nearest, "\n"), c.near) {
			t.Errorf("%+v: nearest %q, want %s", c.q, x.Nearest, c.near)
		}
	}
}

func TestWhoCan(t *testing.T) {
	t.Parallel()
	e, err := New(Config{Model: DefaultModel(), Rules: DefaultRules().With(
		[]string{"g", "user:ann", "role:operator", "acme"},
		[]string{"g", "user:bob", "role:operator", "globex"},
		[]string{"p", "key:1", "acme", "transfer", "initiate", "allow"},
		[]string{"p", "user:ann", "acme", "transfer:*", "refund", "deny"},
	)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.WhoCan(t.Context(), Question{Organization: "acme", Object: "transfer", Action: "initiate"})
	if err != nil || fmt.Sprint(got) != "{[admin operator transfer-only] [key:1 user:ann]}" {
		t.Errorf("%v %v", got, err)
	}
	if got, err := e.WhoCan(t.Context(), Question{Organization: "acme", Object: "transfer:9", Action: "refund"}); err != nil || fmt.Sprint(got) != "{[admin] []}" {
		t.Errorf("%v %v", got, err)
	}
}

func TestCanGrant(t *testing.T) {
	t.Parallel()
	e, err := New(Config{Model: DefaultModel(), Rules: DefaultRules().With([]string{"g", "user:ann", "role:admin", "acme"})})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		grantor         Holder
		roles, boundary []string
		missing         string
	}{
		{Holder{Organization: "acme", Subject: "user:ann"}, []string{"admin"}, nil, ""},
		{Holder{Organization: "acme", Roles: []string{"operator"}}, []string{"viewer"}, nil, ""},
		{Holder{Organization: "acme", Roles: []string{"operator"}}, []string{"admin"}, []string{"account:read"}, ""},
		{Holder{Organization: "acme", Roles: []string{"admin"}, Boundary: []string{"account:read"}}, []string{"viewer"}, []string{"account:7:read"}, ""},
		{Holder{Organization: "acme", Roles: []string{"operator"}}, []string{"admin"}, []string{}, ""},
		{Holder{Organization: "globex", Subject: "user:ann"}, []string{"viewer"}, nil, "account:read"},
		{Holder{Organization: "acme", Roles: []string{"operator"}}, []string{"admin"}, []string{"key:manage"}, "key:manage"},
		{Holder{Organization: "acme", Roles: []string{"operator"}}, []string{"admin"}, nil, "*:*"},
		{Holder{Organization: "acme", Roles: []string{"admin"}, Boundary: []string{"account:read"}}, []string{"viewer"}, nil, "transaction:read"},
		{Holder{Organization: "acme", Roles: []string{"admin"}, Boundary: []string{"=account:read"}}, []string{"viewer"}, []string{"account:read"}, "account:read"},
		{Holder{Organization: "acme", Roles: []string{"admin"}, Boundary: []string{}}, []string{"viewer"}, nil, "account:read"},
	} {
		missing, err := e.CanGrant(t.Context(), c.grantor, c.roles, c.boundary)
		if err != nil || missing != c.missing {
			t.Errorf("%+v grants %v under %q: missing %q %v, want %q", c.grantor, c.roles, c.boundary, missing, err, c.missing)
		}
	}
}

// TestPropertyWhatIsGrantedIsHeld: whatever one who received roles may do, the
// grantor may do too.
func TestPropertyWhatIsGrantedIsHeld(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(values ...string) string { return rapid.SampledFrom(values).Draw(rt, "v") }
		m := DefaultModel()
		var rows [][]string
		for range rapid.IntRange(1, 15).Draw(rt, "rules") {
			row := randomRow(m.def, choose)
			// What the grantor is by name, and the receiver is not, is
			// another question.
			if !strings.HasPrefix(row[1], "role:") || validateRules(m.def, RulesOf(row)).errors() != nil {
				continue
			}
			rows = append(rows, row)
		}
		for _, r := range someRoles {
			rows = append(rows, []string{"p", r, "*", "base", "see", "allow"})
		}
		e, err := New(Config{Model: m, Rules: RulesOf(rows...)})
		if err != nil {
			rt.Fatal(err)
		}
		pick := func() (roles, boundary []string) {
			roles = []string{choose("x", "y", "z"), choose("x", "y", "z")}
			if choose("", "b") != "" {
				boundary = []string{choose("doc:read", "*:*", "=doc:read", "doc:1:*"), choose("note:list", "*:read")}
			}
			return roles, boundary
		}
		heldRoles, heldBoundary := pick()
		roles, boundary := pick()
		missing, err := e.CanGrant(t.Context(), Holder{Organization: "o1", Roles: heldRoles, Boundary: heldBoundary}, roles, boundary)
		if err != nil {
			rt.Fatal(err)
		}
		if missing != "" {
			return
		}
		for range 10 {
			q := randomQuestion(m.def, choose)
			q.Organization, q.Subject = "o1", "key:receiver"
			q.Roles, q.Boundary = roles, boundary
			got, _ := e.Decide(t.Context(), q)
			q.Subject, q.Roles, q.Boundary = "key:grantor", heldRoles, heldBoundary
			has, _ := e.Decide(t.Context(), q)
			if got.Allowed && !has.Allowed {
				rt.Fatalf("%+v is granted and not held\n%s", q, RulesOf(rows...).CSV())
			}
		}
	})
}
