package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// grantShapes are the models of the oracle, and others by which handing on was,
// or could be, misjudged.
var grantShapes = append(slices.Clone(shapes),
	// Texts that look like patterns and are none.
	shapeText("sub, obj, act", "sub, obj, act, eft", "g = _, _", "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"),
	shapeText("sub, dom, obj, act", "sub, dom, obj, act, eft", "g = _, _, _", `r.dom == p.dom && g(r.sub, p.sub, r.dom) && (keyMatch(r.obj, p.obj) || r.obj == "note") && keyMatch(r.act, p.act)`),
	shapeText("sub, obj, act", "sub, obj, act", "g = _, _", `g(r.sub, p.sub) && segMatch(r.obj, p.obj) && r.act != p.act`),
	shapeText("sub, obj, act", "sub, obj, act, eft", "g = _, _\ng2 = _, _", `(g(r.sub, p.sub) || r.sub in ("user:a", "user:b") && r.act == "read") && (g2(r.obj, p.obj) || segMatch(r.obj, p.obj)) && segMatch(r.act, p.act)`),
	shapeText("sub, obj, act", "sub, obj, act, eft", "g = _, _", `(g(r.sub, p.sub) || keyMatch(r.sub, p.sub)) && segMatch(r.obj, p.obj) && r.act == p.act`),
	shapeText("sub, act", "sub, act", "g = _, _", `g(r.sub, p.sub) && segMatch(r.act, p.act)`),
	strings.Replace(shapeText("sub, obj, act", "sub, obj, act, eft", "g = _, _", `g(r.sub, p.sub) && segMatch(r.obj, p.obj) && segMatch(r.act, p.act)`),
		"e = some(where (p.eft == allow)) && !some(where (p.eft == deny))", "e = priority(p.eft) || deny", 1),
	shapeText("sub, obj, act, ctx", "sub, obj, act, eft, env", "g = _, _\ng2 = _, _", `g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act && environment(r.ctx, p.env)`),
)

// grantCase is a random policy and two who may hold something.
type grantCase struct {
	choose           chooser
	engine           *Engine
	rows             [][]string
	holder, receiver Holder
}

func drawGrant(rt *rapid.T, shapes []string) grantCase {
	choose := func(values ...string) string { return rapid.SampledFrom(values).Draw(rt, "v") }
	m, err := ParseModel("model.conf", choose(shapes...))
	if err != nil {
		rt.Fatal(err)
	}
	c := grantCase{choose: choose}
	for range rapid.IntRange(1, 9).Draw(rt, "rules") {
		if row := randomRow(m.def, choose); validateRules(m.def, RulesOf(row)).errors() == nil {
			c.rows = append(c.rows, row)
		}
	}
	c.engine = engineWith(rt, m, c.rows)
	org := ""
	if m.Organizations() {
		org = "o1"
	}
	known, err := c.engine.KnownRoles(rt.Context(), org)
	if err != nil {
		rt.Fatal(err)
	}
	pick := func(subjects ...string) Holder {
		h := Holder{Organization: org, Subject: choose(subjects...)}
		for range 2 {
			if role := choose(append([]string{""}, known...)...); role != "" {
				h.Roles = append(h.Roles, role)
			}
		}
		if choose("", "", "b") != "" {
			h.Boundary = []string{choose("doc:read", "*:*", "=doc:read", "doc:1:*", "note:list"), choose("note:list", "*:read")}
		}
		return h
	}
	c.holder, c.receiver = pick("", "", "user:a", "key:c"), pick("", "", "user:b", "key:c")
	return c
}

// question is what a holder asks; nobody in particular is given a name that no
// rule has.
func (h Holder) question(q Question, name string) Question {
	q.Organization, q.Subject, q.Roles, q.Boundary = h.Organization, h.Subject, h.Roles, h.Boundary
	if h.Subject == "" {
		q.Subject = name
	}
	return q
}

func cannotTell(rt *rapid.T, err error) bool {
	var cannot *CannotTellError
	if err != nil && !errors.As(err, &cannot) {
		rt.Fatal(err)
	}
	return err != nil
}

// TestPropertyWhatIsHandedOnIsHeldInEveryModel: in compiled models and in those
// that Casbin decides, whatever a receiver may do, the holder may do too; and
// what is said to be missing is, by a fresh Casbin enforcer.
func TestPropertyWhatIsHandedOnIsHeldInEveryModel(t *testing.T) {
	t.Parallel()
	told, granted := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		c := drawGrant(rt, grantShapes)
		d := c.engine.Model().def
		missing, err := c.engine.lacking(rt.Context(), c.holder, c.receiver)
		if cannotTell(rt, err) {
			return
		}
		told++
		if missing == "" {
			granted++
			for range 12 {
				q := randomQuestion(d, c.choose)
				asks, has := c.receiver.question(q, "key:receiver"), c.holder.question(q, "user:holder")
				if answer(rt, c.engine, asks) && !answer(rt, c.engine, has) {
					rt.Fatalf("%+v is handed on to %+v by %+v, who lacks it\n%s\n%s", q, c.receiver, c.holder, d.text, RulesOf(c.rows...).CSV())
				}
			}
			return
		}
		if d.shape != nil && d.shape.patternsOnly() || d.request.index("ctx") >= 0 || c.holder.Subject == "" || c.receiver.Subject == "" {
			return // where patterns and conditions are compared as texts, more is missing than is
		}
		if !c.isMissing(t, missing) {
			rt.Fatalf("%q is said to be missing when %+v hands on to %+v, and is not\n%s\n%s", missing, c.holder, c.receiver, d.text, RulesOf(c.rows...).CSV())
		}
	})
	if told == 0 || granted == 0 || granted == told {
		t.Errorf("of %d answers %d granted: nothing was compared", told, granted)
	}
}

// isMissing asks Casbin for a request that a permission names.
func (c grantCase) isMissing(t *testing.T, permission string) bool {
	d := c.engine.Model().def
	all, err := newCandidates(d, c.engine.current.Load().set(c.holder.Organization), c.holder.Organization)
	if err != nil {
		t.Fatal(err)
	}
	all.addBoundary(c.holder.Boundary)
	all.addBoundary(c.receiver.Boundary)
	by := oracle{c.engine.Model(), c.rows}
	may := func(h Holder, object, action string) bool {
		q := h.question(Question{Object: object, Action: action}, "")
		return by.decide(t, q, fixedNow) && !capped(h.Boundary, object, action)
	}
	for _, object := range all.kind["obj"].list() {
		for _, action := range all.kind["act"].list() {
			named := right{object: object.pattern, action: action.pattern}.String() == permission
			if named && may(c.receiver, object.value, action.value) && !may(c.holder, object.value, action.value) {
				return true
			}
		}
	}
	return false
}

// TestPropertyPermissionsAreWhatRolesGive: in every model, what roles allow is
// listed, and what is listed is allowed somewhere.
func TestPropertyPermissionsAreWhatRolesGive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := drawGrant(rt, grantShapes)
		d := c.engine.Model().def
		who := Holder{Organization: c.holder.Organization, Roles: c.holder.Roles}
		list, err := c.engine.Permissions(rt.Context(), who.Organization, who.Roles)
		if cannotTell(rt, err) {
			return
		}
		for _, p := range list {
			if !ValidPermission(p) {
				rt.Fatalf("%q is no permission", p)
			}
		}
		for range 12 {
			q := who.question(randomQuestion(d, c.choose), "key:someone")
			if !strings.Contains(q.Action, ":") && answer(rt, c.engine, q) && capped(list, q.Object, q.Action) {
				rt.Fatalf("%+v is allowed, and the permissions are %q\n%s\n%s", q, list, d.text, RulesOf(c.rows...).CSV())
			}
		}
		if d.shape != nil && d.shape.patternsOnly() || d.request.index("ctx") >= 0 || strings.Contains(d.text, "keyMatch(r.sub") {
			return
		}
		all, err := newCandidates(d, c.engine.current.Load().set(who.Organization), who.Organization)
		if err != nil {
			rt.Fatal(err)
		}
		for _, p := range list {
			found := false
			for _, object := range all.kind["obj"].list() {
				for _, action := range all.kind["act"].list() {
					found = found || formatPermission(object.pattern, action.pattern) == p &&
						answer(rt, c.engine, who.question(Question{Object: object.value, Action: action.value}, "key:someone"))
				}
			}
			if !found {
				rt.Fatalf("%q is listed and never allowed\n%s\n%s", p, d.text, RulesOf(c.rows...).CSV())
			}
		}
	})
}

// TestPropertyWhoCanAgreesWithCasbin: in models that are not compiled, and in
// others, exactly those are listed who may.
func TestPropertyWhoCanAgreesWithCasbin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := drawGrant(rt, grantShapes)
		d := c.engine.Model().def
		q := randomQuestion(d, c.choose)
		q.Organization = c.holder.Organization
		q.Scopes, q.Roles = nil, nil
		got, err := c.engine.WhoCan(rt.Context(), q)
		if err != nil {
			rt.Fatal(err)
		}
		by := oracle{c.engine.Model(), c.rows}
		known, err := c.engine.KnownRoles(rt.Context(), q.Organization)
		if err != nil {
			rt.Fatal(err)
		}
		for _, role := range known {
			try := q
			try.Subject, try.Roles = "user:\x00", []string{role}
			if want := by.decide(t, try, fixedNow); want != slices.Contains(got.Roles, role) {
				rt.Fatalf("%s: %+v, Casbin says %t for %+v\n%s\n%s", role, got, want, try, d.text, RulesOf(c.rows...).CSV())
			}
		}
		for _, subject := range somePeople {
			try := q
			try.Subject = subject
			want := by.decide(t, try, fixedNow)
			if slices.Contains(got.Subjects, subject) != want && slices.Contains(c.engine.current.Load().set(q.Organization).subjects(d), subject) {
				rt.Fatalf("%s: %+v, Casbin says %t for %+v\n%s\n%s", subject, got, want, try, d.text, RulesOf(c.rows...).CSV())
			}
		}
	})
}

// TestPropertyFallbackGrantsWhatTheCompiledModelGrants: the same model, written
// so that it is not compiled, judges at least as exactly.
func TestPropertyFallbackGrantsWhatTheCompiledModelGrants(t *testing.T) {
	t.Parallel()
	twin, err := ParseModel("twin.conf", strings.Replace(libraryText("organizations"), "g(r.sub, p.sub, r.dom)", `!(!g(r.sub, p.sub, r.dom))`, 1))
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := twin.Compiled(); ok {
		t.Fatal("the twin is compiled")
	}
	same := 0
	rapid.Check(t, func(rt *rapid.T) {
		c := drawGrant(rt, []string{libraryText("organizations")})
		want, err := c.engine.lacking(rt.Context(), c.holder, c.receiver)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := engineWith(rt, twin, c.rows).lacking(rt.Context(), c.holder, c.receiver)
		if err != nil || want == "" && got != "" {
			rt.Fatalf("%+v to %+v: %q %v, the compiled model says %q\n%s", c.holder, c.receiver, got, err, want, RulesOf(c.rows...).CSV())
		}
		if got == want {
			same++
		}
	})
	if same == 0 {
		t.Error("the two never say the same")
	}
}

func engineOfText(t *testing.T, model string, rows ...[]string) *Engine {
	t.Helper()
	m, err := ParseModel("model.conf", model)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Model: m, Rules: RulesOf(rows...), InsecureAnySubject: true})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestCanGrantNeverOpens: what once let a grantor hand on more than was held.
func TestCanGrantNeverOpens(t *testing.T) {
	t.Parallel()
	plain := shapeText("sub, obj, act", "sub, obj, act, eft", "g = _, _", "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act")
	for name, c := range map[string]struct {
		model   string
		rows    [][]string
		missing string
	}{
		"a denial on a group of objects": {libraryText("sharing"), [][]string{
			{"p", "role:held", "*", "doc:1", "read", "allow"}, {"p", "role:held", "*", "group:1", "read", "deny"},
			{"p", "role:given", "*", "doc:1", "read", "allow"}, {"g2", "doc:1", "group:1", "*"}}, "=doc:1:read"},
		"a star that is a text": {plain, [][]string{
			{"p", "role:held", "*", "*", "allow"}, {"p", "role:given", "doc:1", "read", "allow"}}, "=doc:1:read"},
		"a tree that is a text": {plain, [][]string{
			{"p", "role:held", "doc:*", "read", "allow"}, {"p", "role:given", "doc:1", "read", "allow"}}, "=doc:1:read"},
		"not compiled, a wider pattern": {fallbackShape, [][]string{
			{"p", "role:held", "*", "doc:1", "read", "allow"}, {"p", "role:given", "*", "doc:*", "read", "allow"}}, "doc:read"},
		"not compiled, every object": {fallbackShape, [][]string{
			{"p", "role:held", "*", "doc:*", "*", "allow"}, {"p", "role:given", "*", "*", "*", "allow"}}, "*:*"},
		"not compiled, the order of rules": {strings.Replace(plain, "some(where (p.eft == allow)) && !some(where (p.eft == deny))", "priority(p.eft) || deny", 1), [][]string{
			{"p", "role:held", "doc:1", "read", "deny"}, {"p", "role:held", "doc:1", "read", "allow"},
			{"p", "role:given", "doc:1", "read", "allow"}}, "=doc:1:read"},
		"not compiled, links the other way round": {shapeText("sub, obj, act", "sub, obj, act, eft", "g = _, _\ng2 = _, _", "g(r.sub, p.sub) && g2(p.obj, r.obj) && r.act == p.act"), [][]string{
			{"p", "role:held", "doc:1", "read", "allow"}, {"p", "role:held", "doc:9", "read", "deny"}, {"p", "role:given", "doc:1", "read", "allow"},
			{"g2", "doc:1", "group:1"}, {"g2", "doc:9", "group:1"}}, "=group:1:read"},
		"not compiled, a fact that is not known": {shapeText("sub, obj, act, ctx", "sub, obj, act, eft, env, side", "g = _, _",
			`g(r.sub, p.sub) && segMatch(r.obj, p.obj) && r.act == p.act && (p.side == "in" && environment(r.ctx, p.env) || p.side == "out" && !environment(r.ctx, p.env))`), [][]string{
			{"p", "role:held", "doc", "read", "allow", "*", "in"}, {"p", "role:held", "doc", "read", "deny", "uat", "in"},
			{"p", "role:given", "doc", "read", "allow", "uat", "out"}}, "=doc:read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := engineOfText(t, c.model, c.rows...)
			grantor := Holder{Roles: []string{"held"}}
			if e.Model().Organizations() {
				grantor.Organization = "acme"
			}
			if missing, err := e.CanGrant(t.Context(), grantor, []string{"given"}, nil); err != nil || missing != c.missing {
				t.Errorf("missing %q %v, want %q", missing, err, c.missing)
			}
			if missing, err := e.CanGrant(t.Context(), grantor, []string{"held"}, nil); err != nil || missing != "" {
				t.Errorf("the grantor's own role: missing %q %v", missing, err)
			}
		})
	}
}

// TestNamesByPattern: where rules name subjects by patterns, a holder who is not
// named is taken for one of whom none speaks, a receiver for one of whom any does.
func TestNamesByPattern(t *testing.T) {
	t.Parallel()
	model := shapeText("sub, obj, act", "sub, obj, act", "g = _, _", `(g(r.sub, p.sub) || keyMatch(r.sub, p.sub)) && r.obj == p.obj && r.act == p.act`)
	for _, kind := range [][2]string{{"user:", "key:"}, {"key:", "user:"}} {
		named, other := kind[0], kind[1]
		e := engineOfText(t, model, []string{"p", named + "*", "doc", "read"}, []string{"p", "role:x", "note", "read"})
		for _, c := range []struct {
			grantor Holder
			missing string
		}{
			{Holder{Roles: []string{"x"}}, "=doc:read"},
			{Holder{Subject: other + "1", Roles: []string{"x"}}, "=doc:read"},
			{Holder{Subject: named + "1", Roles: []string{"x"}}, ""},
			{Holder{Subject: named + "1"}, "=note:read"},
		} {
			if missing, err := e.CanGrant(t.Context(), c.grantor, []string{"x"}, nil); err != nil || missing != c.missing {
				t.Errorf("%s: %+v: missing %q %v, want %q", named, c.grantor, missing, err, c.missing)
			}
		}
	}
}

// TestWhoCanNamesWhoTheMatcherNames: a subject in the matcher itself is found.
func TestWhoCanNamesWhoTheMatcherNames(t *testing.T) {
	t.Parallel()
	e := engineOfText(t, shapeText("sub, obj, act", "sub, obj, act", "g = _, _", `g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act || r.sub == "user:root" || r.sub in ("user:sys", "key:sys")`),
		[]string{"p", "role:x", "doc", "read"}, []string{"p", "user:ann", "doc", "write"})
	if got, err := e.WhoCan(t.Context(), Question{Object: "doc", Action: "read"}); err != nil || !slices.Equal(got.Roles, []string{"x"}) || !slices.Equal(got.Subjects, []string{"key:sys", "user:root", "user:sys"}) {
		t.Errorf("%+v %v", got, err)
	}
}

// TestWhatCannotBeToldIsRefused: no answer is guessed, and the error says what to
// do.
func TestWhatCannotBeToldIsRefused(t *testing.T) {
	t.Parallel()
	many := [][]string{{"p", "role:x", "a", "b"}}
	for _, n := range strings.Split(strings.Repeat("x", 1500), "") {
		many = append(many, []string{"p", "role:x", n + strings.Repeat("y", len(many)%500), n + strings.Repeat("z", len(many)%499)})
	}
	matcher := func(m string) string { return shapeText("sub, obj, act", "sub, obj, act", "g = _, _", m) }
	for name, c := range map[string]struct {
		model, why string
		rows       [][]string
	}{
		"patterns of another language": {matcher("g(r.sub, p.sub) && regexMatch(r.obj, p.obj) && r.act == p.act"), `reads "^a.*$" (rule p, role:x, ^a.*$, b) as a pattern by regexMatch`, [][]string{{"p", "role:x", "^a.*$", "b"}}},
		"patterns of requests":         {matcher("g(r.sub, p.sub) && segMatch(p.obj, r.obj) && r.act == p.act"), "reads a value of the request as a pattern", [][]string{{"p", "role:x", "a", "b"}}},
		"values compared":              {matcher("g(r.sub, p.sub) && r.obj == r.sub && p.obj == r.act && p.act == r.act"), "compares two values of the request", [][]string{{"p", "role:x", "a", "b"}}},
		"parts of values":              {matcher(`g(r.sub, p.sub) && keyGet(r.obj, p.obj) == "1" && r.act == p.act`), "compares what keyGet makes of a value", [][]string{{"p", "role:x", "a", "b"}}},
		"roles of objects":             {matcher("g(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act"), "asks for roles of something that is not the subject", [][]string{{"p", "role:x", "a", "b"}}},
		"too many":                     {matcher("g(r.sub, p.sub) && (segMatch(r.obj, p.obj) && segMatch(r.act, p.act) || r.sub == p.act)"), "which is too many to try", many},
		"other requests": {shapeText("sub, obj, act, hall", "sub, obj, act, hall", "g = _, _", "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act && r.hall == p.hall"),
			`have a field "hall"`, [][]string{{"p", "role:x", "a", "b", "c"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := engineOfText(t, c.model, c.rows...)
			_, granting := e.CanGrant(t.Context(), Holder{Roles: []string{"x"}}, []string{"x"}, nil)
			_, covering := e.Covers(t.Context(), "", []string{"x"}, []string{"x"})
			_, listing := e.Permissions(t.Context(), "", []string{"x"})
			for _, err := range []error{granting, covering, listing} {
				var cannot *CannotTellError
				if !errors.As(err, &cannot) || !strings.Contains(err.Error(), c.why) || cannot.Fix == "" {
					t.Errorf("%v, want it to say: %s", err, c.why)
				}
			}
		})
	}
	e := engineOfText(t, matcher("g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && r.act == p.act"), []string{"p", "role:x", "/files/*", "read"})
	if _, err := e.Permissions(t.Context(), "", []string{"x"}); err == nil || !strings.Contains(err.Error(), `"/files/*" cannot be written as a permission`) {
		t.Error(err)
	}
	if missing, err := e.Covers(t.Context(), "", nil, []string{"x"}); err != nil || missing != "/files/*:read" {
		t.Error(missing, err)
	}
}

// TestStaleRulesGrantNothing: an organization whose stored rules do not compile
// is not asked what its rules give.
func TestStaleRulesGrantNothing(t *testing.T) {
	t.Parallel()
	e := engineOfText(t, libraryText("organizations"), []string{"p", "role:x", "*", "doc", "read", "allow"})
	s := e.current.Load()
	bad, err := poisoned(s.def, s.common, "acme", 1)
	if err != nil {
		t.Fatal(err)
	}
	e.current.Store(s.withSet(bad))
	_, granting := e.CanGrant(t.Context(), Holder{Organization: "acme", Roles: []string{"x"}}, []string{"x"}, nil)
	_, listing := e.Permissions(t.Context(), "acme", []string{"x"})
	_, naming := e.KnownRoles(t.Context(), "acme")
	_, who := e.WhoCan(t.Context(), Question{Organization: "acme", Object: "doc", Action: "read"})
	for _, err := range []error{granting, listing, naming, who} {
		if !errors.Is(err, ErrStale) {
			t.Errorf("%v, want it stale", err)
		}
	}
}
