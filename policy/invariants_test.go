package policy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"pgregory.net/rapid"
)

// The invariants of a policy, each as a property. Six of the fourteen stand
// elsewhere: the engine agrees with Casbin (oracle_test.go), applying and rolling
// back is the identity (live_test.go), what is granted is held and explaining
// agrees with deciding (explain_test.go), a flood of unknown subjects stays
// bounded and an empty policy denies (traps_test.go).

// draw makes a policy of one of the shapes, and the rows it is made of.
func draw(rt *rapid.T) (chooser, Model, [][]string) {
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
	return choose, m, rows
}

func fixedNow() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func engineWith(rt *rapid.T, m Model, rows [][]string) *Engine {
	e, err := New(Config{Model: m, Rules: RulesOf(rows...), Now: fixedNow})
	if err != nil {
		rt.Fatal(err)
	}
	return e
}

func answer(rt *rapid.T, e *Engine, q Question) bool {
	d, err := e.Decide(context.Background(), q)
	if err != nil {
		rt.Fatal(err)
	}
	return d.Allowed
}

// organizationOf is the organization a row is about, "" if rows have none.
func organizationOf(d *modelDef, fields []string) string {
	if fields[0] != "p" {
		return domain(row{fields: fields})
	}
	if i := d.rule.index("dom"); i >= 0 {
		return fields[1+i]
	}
	return ""
}

func TestInvariantOrganizationsAreIsolated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		choose, m, rows := draw(rt)
		if !m.Organizations() || strings.Contains(m.Text(), "g(r.sub, p.sub) ") {
			return
		}
		with := engineWith(rt, m, rows)
		without := engineWith(rt, m, slices.DeleteFunc(slices.Clone(rows), func(r []string) bool { return organizationOf(m.def, r) == "o2" }))
		for range 8 {
			q := randomQuestion(m.def, choose)
			if q.Organization == "o2" {
				continue
			}
			if answer(rt, with, q) != answer(rt, without, q) {
				rt.Fatalf("%+v depends on the rules of another organization\n%s", q, RulesOf(rows...).CSV())
			}
		}
	})
}

func TestInvariantAddingADenialNeverWidens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		choose, m, rows := draw(rt)
		eft := m.def.rule.index("eft")
		if eft < 0 {
			return
		}
		denial := randomRow(m.def, choose)
		for denial[0] != "p" {
			denial = randomRow(m.def, choose)
		}
		denial[1+eft] = "deny"
		if validateRules(m.def, RulesOf(denial)).errors() != nil {
			return
		}
		before, after := engineWith(rt, m, rows), engineWith(rt, m, append(slices.Clone(rows), denial))
		for range 8 {
			q := randomQuestion(m.def, choose)
			if answer(rt, after, q) && !answer(rt, before, q) {
				rt.Fatalf("%+v is allowed since %q", q, denial)
			}
		}
	})
}

func TestInvariantOrderOfRowsIsIrrelevant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		choose, m, rows := draw(rt)
		shuffled := slices.Clone(rows)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		a, b := engineWith(rt, m, rows), engineWith(rt, m, shuffled)
		for range 8 {
			q := randomQuestion(m.def, choose)
			da, _ := a.Decide(context.Background(), q)
			db, _ := b.Decide(context.Background(), q)
			if da != db {
				rt.Fatalf("%+v: %+v and %+v", q, da, db)
			}
		}
	})
}

func TestInvariantABoundaryOnlyNarrows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		choose, m, rows := draw(rt)
		e := engineWith(rt, m, rows)
		for range 8 {
			q := randomQuestion(m.def, choose)
			free := answer(rt, e, q)
			q.Boundary = []string{choose("doc:read", "*:*", "=doc:write", "doc:1:*", "note:list", "", ":", "*"), choose("*:read", "x:y")}
			bound := answer(rt, e, q)
			if bound && !free {
				rt.Fatalf("%+v is allowed by its boundary", q)
			}
			if bound && !permits(q.Boundary[0], q.Object, q.Action) && !permits(q.Boundary[1], q.Object, q.Action) {
				rt.Fatalf("%+v is allowed outside its boundary", q)
			}
			q.Boundary = append(q.Boundary, "*:*")
			if answer(rt, e, q) != free {
				rt.Fatalf("%+v: a boundary that leaves everything changes something", q)
			}
			q.Boundary = []string{}
			if answer(rt, e, q) {
				rt.Fatalf("%+v is allowed by an empty boundary", q)
			}
		}
	})
}

// TestInvariantInactiveIsDeniedAtEveryRevisionSince: suspending stands above the
// rules, whatever is reloaded meanwhile.
func TestInvariantInactiveIsDeniedAtEveryRevisionSince(t *testing.T) {
	t.Parallel()
	var standing atomic.Value
	standing.Store(Active)
	store := newMemStore()
	l, err := Open(t.Context(), Config{
		Model: DefaultModel(), Rules: DefaultRules(),
		Standing: func(context.Context, string, string) (Standing, error) { return standing.Load().(Standing), nil },
	}, store, SyncConfig{Lease: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			set, _ := l.Rules(ctx, "acme")
			row := []string{"p", "key:1", "acme", fmt.Sprint("thing:", i), "read", "allow"}
			if _, err := l.Apply(ctx, Change{Organization: "acme", Revision: set.Revision, Add: [][]string{row}}); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			if i%40 == 39 {
				set, _ = l.Rules(ctx, "acme")
				if _, err := l.Apply(ctx, Change{Organization: "acme", Revision: set.Revision, Remove: set.Rows}); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		}
	})
	q := Question{Organization: "acme", Subject: "key:1", Roles: []string{"admin"}, Object: "account", Action: "read"}
	var since uint64
	for _, now := range []Standing{Suspended, Active, Expired, WrongEnvironment, Unknown, Revoked} {
		standing.Store(now)
		from := since
		for i := 0; i < 300 || since < from+3; i++ {
			runtime.Gosched()
			d, err := l.Engine().Decide(ctx, q)
			if err != nil || d.Allowed != (now == Active) || now != Active && d.Reason != string(now) {
				t.Fatalf("%s: %+v %v", now, d, err)
			}
			if d.Revision < since {
				t.Fatalf("the revision went back from %d to %d", since, d.Revision)
			}
			since = d.Revision
		}
	}
	cancel()
	wg.Wait()
}

func TestInvariantAStandingThatCannotBeLearnedDenies(t *testing.T) {
	t.Parallel()
	e, err := New(Config{Model: DefaultModel(), Rules: DefaultRules(), Standing: func(context.Context, string, string) (Standing, error) { return Active, errSevered }})
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Decide(t.Context(), Question{Organization: "acme", Subject: "key:1", Roles: []string{"admin"}, Object: "account", Action: "read"})
	if d.Allowed || err == nil {
		t.Errorf("%+v %v", d, err)
	}
}

func TestInvariantAFailedReloadChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		choose, m, rows := draw(rt)
		e := engineWith(rt, m, rows)
		var questions []Question
		var before []Decision
		for range 6 {
			q := randomQuestion(m.def, choose)
			d, _ := e.Decide(context.Background(), q)
			questions, before = append(questions, q), append(before, d)
		}
		snapshot := e.current.Load()
		broken := append(slices.Clone(rows), [][]string{{"p"}, {"q", "a"}, {}, {"p", "role:x", "*", "doc", "read", "Deny"}, {"g", "a"}}[rapid.IntRange(0, 4).Draw(rt, "how")])
		if err := e.Replace(RulesOf(broken...)); err == nil {
			rt.Fatalf("%q is accepted", broken)
		}
		if e.current.Load() != snapshot {
			rt.Fatal("the snapshot was replaced")
		}
		for i, q := range questions {
			if d, _ := e.Decide(context.Background(), q); d != before[i] {
				rt.Fatalf("%+v: %+v, before %+v", q, d, before[i])
			}
		}
	})
}

// TestInvariantHostileStringsComeBack: whatever text stands in a field, it is
// either refused or read back, by this package and by Casbin, as it was.
func TestInvariantHostileStringsComeBack(t *testing.T) {
	t.Parallel()
	hostile := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		`"`, `""`, `a"b`, ",", "a,b", "#", "# note", " a", "a ", "\n", "\r\n", "p, x", "\x00", "\t", "é", "日本", "'", "`", `\`, `a\nb`, ";", "=", "\ufeff", "p", "g", "*",
	}))
	d := DefaultModel().def
	rapid.Check(t, func(rt *rapid.T) {
		row := []string{"p", hostile.Draw(rt, "sub"), hostile.Draw(rt, "dom"), hostile.Draw(rt, "obj"), hostile.Draw(rt, "act"), "allow"}
		rules := RulesOf(row)
		if validateRules(d, rules).errors() != nil {
			return
		}
		back, err := ParseRules("p.csv", rules.CSV())
		if err != nil || back.Len() != 1 || !slices.Equal(back.Rows()[0], row) {
			rt.Fatalf("%q came back as %q, %v", row, back.Rows(), err)
		}
		formatted, err := FormatRules("p.csv", rules.CSV())
		if err != nil {
			rt.Fatal(err)
		}
		again, err := ParseRules("p.csv", formatted)
		if err != nil || !slices.Equal(again.Rows()[0], row) {
			rt.Fatalf("%q was formatted to %q", row, formatted)
		}
		m, err := model.NewModelFromString(DefaultModel().Text())
		if err != nil {
			rt.Fatal(err)
		}
		if err := persist.LoadPolicyLine(strings.TrimSpace(rules.CSV()), m); err != nil {
			rt.Fatalf("Casbin cannot read %q: %v", rules.CSV(), err)
		}
		if read := m["p"]["p"].Policy; len(read) != 1 || !slices.Equal(read[0], row[1:]) {
			rt.Fatalf("Casbin reads %q as %q", row, read)
		}
		// The store gives back what is in force.
		s, err := compile(d, rules, nil)
		if err != nil {
			rt.Fatal(err)
		}
		set := s.set(row[2])
		if row[2] == everyOrganization {
			set = s.common
		}
		if rows := set.ownRows(d); len(rows) != 1 || !slices.Equal(rows[0].fields, row) {
			rt.Fatalf("%q is in force as %v", row, rows)
		}
	})
}

// TestInvariantWhatIsAcceptedNeverFails: no question makes an accepted policy
// fail, whatever is in it.
func TestInvariantWhatIsAcceptedNeverFails(t *testing.T) {
	t.Parallel()
	extra := []string{
		shapeText("sub, obj, act", "sub, obj, act", "", "r.sub == p.sub && keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)"),
		shapeText("sub, obj, act", "sub, obj, act", "", "ipMatch(r.sub, p.sub) && globMatch(r.obj, p.obj) && keyGet2(r.obj, p.obj, \"id\") in (\"1\", \"2\") && r.act == p.act"),
		shapeText("sub, obj, act", "sub, obj, act, eft", "", "keyMatch3(r.obj, p.obj) && keyMatch5(r.sub, p.sub) && r.act == p.act"),
	}
	odd := []string{"", "*", "user:", "doc", "/a/:id", "/a/{id}", "10.0.0.1", "10.0.0.0/8", "[", "(", "{a", "^.*$", "a**b", "\x00", "\xff", strings.Repeat(":", 40), strings.Repeat("x", 3000)}
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(values ...string) string { return rapid.SampledFrom(values).Draw(rt, "v") }
		m, err := ParseModel("m", choose(append(extra, shapes...)...))
		if err != nil {
			rt.Fatal(err)
		}
		var rows [][]string
		for range 6 {
			row := []string{"p"}
			for _, f := range m.def.rule.fields {
				if f == "eft" {
					row = append(row, choose("allow", "deny"))
					continue
				}
				row = append(row, choose(append(odd, "o1")...))
			}
			if validateRules(m.def, RulesOf(row)).errors() == nil {
				rows = append(rows, row)
			}
		}
		e, err := New(Config{Model: m, Rules: RulesOf(rows...), InsecureAnySubject: true})
		if err != nil {
			rt.Fatalf("%q passed validation: %v", rows, err)
		}
		for range 5 {
			var values []string
			for range m.RequestFields() {
				values = append(values, choose(append(odd, "o1")...))
			}
			if _, err := e.Check(context.Background(), Question{}, values...); err != nil {
				rt.Fatalf("%q: %v\n%q", values, err, rows)
			}
			q, err := m.QuestionOf(Question{}, values...)
			if err != nil {
				continue
			}
			if _, err := e.Explain(context.Background(), q); err != nil {
				rt.Fatalf("explain %q: %v", values, err)
			}
		}
	})
}
