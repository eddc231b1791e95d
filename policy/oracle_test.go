package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"pgregory.net/rapid"
)

// oracle is a fresh Casbin enforcer over the model as it is written, with the
// functions of this package registered and "*" read as every organization in
// role links.
type oracle struct {
	model Model
	rows  [][]string
}

// conditionCall finds condition functions, to which the oracle adds the effect
// of the rule: it decides what a missing fact means.
var conditionCall = regexp.MustCompile(`(environment|scope|client|during|attribute|atMost|atLeast)\(r\.ctx, ?("[a-z]*", ?)?(p\.[a-z]+)\)`)

func (o oracle) decide(t testing.TB, q Question, now func() time.Time) bool {
	t.Helper()
	text := conditionCall.ReplaceAllString(o.model.Text(), "$1(r.ctx, $2$3, p.eft)")
	m, err := model.NewModelFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		t.Fatal(err)
	}
	e.AddFunction("segMatch", segMatchFunction)
	for name, f := range functions {
		if !f.condition {
			continue
		}
		e.AddFunction(name, func(args ...any) (any, error) {
			column := conditionColumn{function: name}
			if f.named {
				column.attribute = args[1].(string)
			}
			parsed, err := parseCell(column, args[len(args)-2].(string))
			if err != nil {
				return nil, err
			}
			return parsed == nil || parsed.test(args[0].(*facts)).holds(args[len(args)-1] == "deny"), nil
		})
	}
	for _, role := range o.model.def.roles {
		if role.fields == 3 {
			e.AddNamedDomainMatchingFunc(role.key, "every", func(_, pattern string) bool { return pattern == "*" })
		}
	}
	load := func(row ...string) {
		if err := persist.LoadPolicyArray(row, e.GetModel()); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range o.rows {
		load(row...)
	}
	if g, ok := o.model.def.role("g"); ok {
		for _, r := range q.Roles {
			row := []string{"g", q.Subject, "role:" + r, q.Organization}
			load(row[:1+g.fields]...)
		}
	}
	if err := e.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	var values []any
	for _, f := range o.model.def.request.fields {
		values = append(values, map[string]any{
			"sub": q.Subject, "dom": q.Organization, "obj": q.Object, "act": q.Action,
			"ctx": &facts{roles: q.Roles, scopes: q.Scopes, attributes: q.Attributes, now: now},
		}[f])
	}
	if len(e.GetModel()["p"]["p"].Policy) == 0 {
		return false // where Casbin may allow by a matcher with empty values
	}
	allowed, err := e.Enforce(values...)
	if err != nil {
		t.Fatalf("Casbin: %v", err)
	}
	return allowed
}

// shapes are models of which each makes the compiler take another way; the last
// ones are not compiled at all.
var shapes = []string{
	libraryText("organizations"),
	libraryText("deny"),
	libraryText("conditions"),
	libraryText("sharing"),
	shapeText("sub, dom, obj, act", "sub, dom, obj, act, eft", "g = _, _, _", "r.dom == p.dom && g(r.sub, p.sub, r.dom) && r.obj == p.obj && segMatch(r.act, p.act)"),
	shapeText("sub, dom, obj, act", "act, obj, sub, eft, dom", "g = _, _", `g(r.sub, p.sub) && (p.dom == "*" || r.dom == p.dom) && segMatch(r.obj, p.obj) && r.act == p.act`),
	shapeText("sub, obj, act", "sub, obj, act, eft", "", "r.sub == p.sub && segMatch(r.obj, p.obj) && r.act == p.act"),
	shapeText("sub, obj, act", "sub, obj, act, eft", "g = _, _\ng2 = _, _", "g(r.sub, p.sub) && g2(r.obj, p.obj) && p.act == r.act"),
	shapeText("act, obj, sub", "sub, obj, act", "g = _, _", "g(r.sub, p.sub) && segMatch(r.obj, p.obj) && segMatch(r.act, p.act)"),
	shapeText("sub, dom, obj, act", "sub, dom, obj, act, eft", "g = _, _, _\ng2 = _, _, _", "r.dom == p.dom && g(r.sub, p.sub, r.dom) && (r.obj == p.obj || g2(r.obj, p.obj, r.dom)) && r.act == p.act"),
	shapeText("sub, obj, act, ctx", "sub, obj, act, eft, env, least, max", "g = _, _", `attribute(r.ctx, "environment", p.env) && g(r.sub, p.sub) && (segMatch(r.obj, p.obj) || r.obj == p.obj) && segMatch(r.act, p.act) && atLeast(r.ctx, "amount", p.least) && atMost(r.ctx, "amount", p.max)`),
	shapeText("dom, act, sub, obj", "dom, sub, obj, act", "g = _, _", "p.act == r.act && p.obj == r.obj && p.dom == r.dom && p.sub == r.sub && g(r.sub, p.sub)"),
	fallbackShape,
	shapeText("sub, dom, obj, act", "sub, dom, obj, act, eft", "g = _, _, _", `r.dom == p.dom && g(r.sub, p.sub, p.dom) && keyMatch(r.obj, p.obj) && !(r.act != p.act)`),
	shapeText("sub, obj, act, ctx", "sub, obj, act, eft, net", "g = _, _", `g(r.sub, p.sub) && segMatch(r.obj, p.obj) && (r.act == p.act && client(r.ctx, p.net) || r.act in ("read", "list"))`),
}

// fallbackShape is not compiled, and its answers are cached.
var fallbackShape = shapeText("sub, dom, obj, act", "sub, dom, obj, act, eft", "g = _, _, _", `(p.dom == r.dom || p.dom == "*") && g(r.sub, p.sub, r.dom) && segMatch(r.obj, p.obj) && (segMatch(r.act, p.act) || r.sub == "user:b")`)

func libraryText(name string) string {
	text, err := library.ReadFile("library/" + name + "/model.conf")
	if err != nil {
		panic(err)
	}
	return string(text)
}

func shapeText(r, p, g, m string) string {
	effect := "some(where (p.eft == allow))"
	if strings.Contains(p, "eft") {
		effect += " && !some(where (p.eft == deny))"
	}
	if g != "" {
		g = "[role_definition]\n" + g + "\n"
	}
	return fmt.Sprintf("[request_definition]\nr = %s\n[policy_definition]\np = %s\n%s[policy_effect]\ne = %s\n[matchers]\nm = %s\n", r, p, g, effect, m)
}

// chooser picks among values; rapid and the fuzzer both make one.
type chooser func(values ...string) string

var (
	somePeople   = []string{"user:a", "user:b", "key:c"}
	someRoles    = []string{"role:x", "role:y", "role:z"}
	someObjects  = []string{"doc", "doc:1", "doc:1:a", "doc:2", "note"}
	somePatterns = append([]string{"*", "doc:*", "doc:1:*", "note:*"}, someObjects...)
	someActions  = []string{"read", "write", "write:own", "list"}
)

// randomRow makes a row that the model accepts, mostly.
func randomRow(d *modelDef, choose chooser) []string {
	kinds := []string{"p", "p", "p"}
	for _, r := range d.roles {
		kinds = append(kinds, r.key)
	}
	kind := choose(kinds...)
	orgs := []string{"o1", "o2", "*"}
	if kind != "p" {
		row := []string{kind, choose(append(somePeople, someRoles...)...), choose(someRoles...)}
		if kind == "g2" {
			row = []string{kind, choose(append(someObjects, "group:1")...), choose("group:1", "group:2", "doc:1")}
		}
		if role, _ := d.role(kind); role.fields == 3 {
			row = append(row, choose(orgs...))
		}
		return row
	}
	row := []string{"p"}
	for _, f := range d.rule.fields {
		row = append(row, map[string]func() string{
			"sub": func() string { return choose(append(somePeople, someRoles...)...) },
			"dom": func() string { return choose(orgs...) },
			"obj": func() string { return choose(append(somePatterns, "group:1", "group:2")...) },
			"act": func() string { return choose(append([]string{"*", "write:*"}, someActions...)...) },
			"eft": func() string { return choose("allow", "allow", "deny") },
			"env": func() string { return choose("*", "*", "sandbox", "uat|production") },
			"scope": func() string {
				return choose("*", "*", "pay", "pay|view")
			},
			"net":   func() string { return choose("*", "*", "10.0.0.0/8", "10.1.0.0/16|2001:db8::/32") },
			"hours": func() string { return choose("*", "*", "mon-fri 08:00-18:00", "22:00-06:00 Europe/Berlin") },
			"least": func() string { return choose("*", "*", "99", "99.5") },
			"max":   func() string { return choose("*", "*", "100", "99.5") },
		}[f]())
	}
	return row
}

func randomQuestion(d *modelDef, choose chooser) Question {
	q := Question{Subject: choose(append(somePeople, "user:nobody")...), Object: choose(append(someObjects, "doc:1:a:b", "other", "doc:*")...), Action: choose(append(someActions, "*", "write:own:x")...)}
	if d.request.index("dom") >= 0 {
		q.Organization = choose("o1", "o2", "o3")
	}
	for range 2 {
		if r := choose("", "x", "y", "ghost"); r != "" {
			q.Roles = append(q.Roles, r)
		}
	}
	if s := choose("", "pay", "other"); s != "" {
		q.Scopes = []string{s}
	}
	q.Attributes = map[string]any{}
	if env := choose("", "sandbox", "production"); env != "" {
		q.Attributes[AttributeEnvironment] = env
	}
	if a := choose("", "10.1.2.3", "192.0.2.1", "2001:db8::1"); a != "" {
		q.Attributes[AttributeClient] = netip.MustParseAddr(a)
	}
	if a := choose("", "99.5", "1000", "much"); a != "" {
		q.Attributes["amount"] = a
	}
	return q
}

// compareWithOracle holds the engine against Casbin on one policy.
func compareWithOracle(t testing.TB, shape string, rules, questions int, choose chooser) {
	m, err := ParseModel("model.conf", shape)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for range rules {
		row := randomRow(m.def, choose)
		if validateRules(m.def, RulesOf(row)).errors() == nil {
			rows = append(rows, row)
		}
	}
	now := func() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }
	e, err := New(Config{Model: m, Rules: RulesOf(rows...), Now: now})
	if err != nil {
		t.Fatalf("%v\n%s", err, RulesOf(rows...).CSV())
	}
	for range questions {
		q := randomQuestion(m.def, choose)
		got, err := e.Decide(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if want := (oracle{m, rows}).decide(t, q, now); got.Allowed != want {
			t.Fatalf("%+v: %+v, Casbin says %t\n%s\n%s", q, got, want, shape, RulesOf(rows...).CSV())
		}
	}
}

func TestPropertyEngineAgreesWithCasbin(t *testing.T) {
	t.Parallel()
	for i, shape := range shapes {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				choose := func(values ...string) string { return rapid.SampledFrom(values).Draw(rt, "v") }
				compareWithOracle(struct {
					testing.TB
				}{t}, shape, rapid.IntRange(0, 25).Draw(rt, "rules"), 8, choose)
			})
		})
	}
}

func FuzzEngineAgreesWithCasbin(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Add([]byte{3, 20, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255, 128, 77, 33, 21, 99, 14})
	f.Fuzz(func(t *testing.T, data []byte) {
		i := 0
		next := func() int {
			if i >= len(data) {
				return 0
			}
			i++
			return int(data[i-1])
		}
		shape := shapes[next()%len(shapes)]
		compareWithOracle(t, shape, next()%24, 6, func(values ...string) string { return values[next()%len(values)] })
	})
}

func TestShapesAreCompiledOrNot(t *testing.T) {
	t.Parallel()
	for i, shape := range shapes {
		m, err := ParseModel("model.conf", shape)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if ok, why := m.Compiled(); ok != (i < len(shapes)-4) || ok != (why == "") {
			t.Errorf("shape %d: compiled %t, %q", i, ok, why)
		}
	}
}
