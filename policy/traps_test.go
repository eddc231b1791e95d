package policy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests of this file are each named after a way in which Casbin, used
// directly, opens something or goes on with what is over. The first group
// cannot even be said here; the second is refused with a place and a fix; the
// third is decided otherwise.

func wantFinding(t *testing.T, err error, code string) {
	t.Helper()
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("%v, want a finding %s", err, code)
	}
	for _, f := range invalid.Findings {
		if f.Code == code {
			if f.Line == 0 || f.Message == "" {
				t.Errorf("the finding has no place or no words: %+v", f)
			}
			return
		}
	}
	t.Fatalf("%v, want a finding %s", err, code)
}

func newWith(rows ...[]string) (*Engine, error) {
	return New(Config{Model: DefaultModel(), Rules: RulesOf(rows...)})
}

func TestTrapZeroEnforcerAllowsEverything(t *testing.T) {
	t.Parallel()
	var e Engine
	if d, err := e.Decide(t.Context(), opensTill); d.Allowed || err != nil {
		t.Errorf("%+v %v", d, err)
	}
	if d, err := e.Check(t.Context(), Question{}, "a", "b", "c"); d.Allowed || err != nil {
		t.Errorf("%+v %v", d, err)
	}
	if d, err := e.DecideAll(t.Context(), []Question{opensTill}); d[0].Allowed || err != nil {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("an empty configuration is accepted")
	}
}

func TestTrapDenyOnlyEffectAllowsWithoutPolicies(t *testing.T) {
	t.Parallel()
	_, err := ParseModel("m", strings.Replace(starterHead+starterMatcher, "some(where (p.eft == allow)) && !some", "!some", 1))
	wantFinding(t, err, "allow-by-default")
}

func TestTrapEmptyPolicyAllows(t *testing.T) {
	t.Parallel()
	rules, err := ParseRules("p.csv", "\n# nothing\n")
	if err != nil {
		t.Fatal(err)
	}
	root := shapeText("sub, obj, act", "sub, obj, act", "", `r.sub == p.sub && r.obj == p.obj && r.act == p.act || r.sub == "user:b"`)
	for _, shape := range append([]string{root}, shapes...) {
		m, err := ParseModel("m", shape)
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(Config{Model: m, Rules: rules, InsecureAnySubject: true})
		if err != nil {
			t.Fatal(err)
		}
		q := Question{Subject: "user:b", Roles: []string{"admin"}, Object: "doc", Action: "read"}
		if m.Organizations() {
			q.Organization = "o"
		}
		if d, _ := e.Decide(t.Context(), q); d.Allowed {
			t.Errorf("%+v under\n%s", d, shape)
		}
	}
}

func TestTrapCacheKeepsAllowingAfterARoleIsRemoved(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{shapes[0], fallbackShape} { // compiled, and on Casbin with a cache
		m, err := ParseModel("m", shape)
		if err != nil {
			t.Fatal(err)
		}
		rules := RulesOf([]string{"p", "role:x", "o1", "doc", "read", "allow"}, []string{"g", "user:a", "role:x", "o1"})
		e, err := New(Config{Model: m, Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		q := Question{Organization: "o1", Subject: "user:a", Object: "doc", Action: "read"}
		for range 3 {
			if d, _ := e.Decide(t.Context(), q); !d.Allowed {
				t.Fatalf("%+v", d)
			}
		}
		if err := e.Replace(RulesOf([]string{"p", "role:x", "o1", "doc", "read", "allow"})); err != nil {
			t.Fatal(err)
		}
		if d, _ := e.Decide(t.Context(), q); d.Allowed {
			t.Errorf("the role is gone and still counts: %+v", d)
		}
	}
}

func TestTrapCacheKeysCollideAcrossTenants(t *testing.T) {
	t.Parallel()
	m, err := ParseModel("m", fallbackShape)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Model: m, Rules: RulesOf([]string{"p", "user:a$$o1", "o2", "doc", "read", "allow"}), InsecureAnySubject: true})
	if err != nil {
		t.Fatal(err)
	}
	good := Question{Organization: "o2", Subject: "user:a$$o1", Object: "doc", Action: "read"}
	bad := Question{Organization: "o1$$o2", Subject: "user:a", Object: "doc", Action: "read"}
	if d, _ := e.Decide(t.Context(), good); !d.Allowed {
		t.Errorf("%+v", d)
	}
	if d, _ := e.Decide(t.Context(), bad); d.Allowed {
		t.Errorf("%+v", d)
	}
}

func TestTrapReloadIsNotAtomic(t *testing.T) {
	t.Parallel()
	e, err := newWith([]string{"p", "role:x", "*", "doc", "read", "allow"}, []string{"g", "user:a", "role:x", "o1"})
	if err != nil {
		t.Fatal(err)
	}
	q := Question{Organization: "o1", Subject: "user:a", Object: "doc", Action: "read"}
	before, _ := e.Decide(t.Context(), q)
	for _, bad := range [][]string{{"g", "user:a"}, {"g", "user:a", "role:x"}, {"g", "user:a", "role:x", "o1", "more"}, {"x"}, {"p", "", "o1", "doc", "read", "allow"}} {
		if err := e.Replace(RulesOf([]string{"p", "role:x", "*", "doc", "read", "deny"}, bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
		if after, _ := e.Decide(t.Context(), q); after != before || !after.Allowed {
			t.Errorf("after refusing %q: %+v, before %+v", bad, after, before)
		}
	}
}

func TestTrapReloadWhileDeciding(t *testing.T) {
	t.Parallel()
	rules := func(eft string) Rules {
		return manyRules(500).With([]string{"p", "role:x", "*", "doc", "read", "allow"}, []string{"p", "role:x", "*", "doc", "write", eft})
	}
	e, err := New(Config{Model: DefaultModel(), Rules: rules("deny")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				q := Question{Organization: "o1", Subject: "key:a", Roles: []string{"x"}, Object: "doc", Action: "read"}
				if d, err := e.Decide(ctx, q); !d.Allowed || err != nil {
					t.Errorf("denied under reload: %+v %v", d, err)
					return
				}
				runtime.Gosched()
			}
		})
	}
	for i := range 30 {
		if err := e.Replace(rules([]string{"allow", "deny"}[i%2])); err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
}

func TestTrapCommittedRevokeComesBack(t *testing.T) {
	t.Parallel()
	store := newMemStore()
	store.force("acme", tellerOpens)
	l := openLive(t, store, SyncConfig{Lease: time.Hour})
	stale := RuleSet{Organization: "acme", Revision: 1, Rows: [][]string{tellerOpens}}
	if _, err := l.Apply(t.Context(), Change{Organization: "acme", Revision: 1, Remove: [][]string{tellerOpens}}); err != nil {
		t.Fatal(err)
	}
	// A slow reader comes late with what it read before.
	if err := l.enforce(stale, stale.Revision); err != nil {
		t.Fatal(err)
	}
	if d, _ := l.Engine().Decide(t.Context(), opensTill); d.Allowed {
		t.Errorf("%+v", d)
	}
}

func TestTrapEffectTypoNeverDenies(t *testing.T) {
	t.Parallel()
	for _, eft := range []string{"Deny", "DENY", "deny # note", "denied", "block", "Allow", "true"} {
		_, err := newWith([]string{"p", "role:x", "*", "doc", "read", eft})
		wantFinding(t, err, "bad-effect")
	}
	rules, err := ParseRules("p.csv", "p, role:x, *, doc, read, deny # note\n")
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{Model: DefaultModel(), Rules: rules})
	wantFinding(t, err, "bad-effect")
	for _, eft := range []string{"", " deny", "deny "} {
		_, err := newWith([]string{"p", "role:x", "*", "doc", "read", eft})
		wantFinding(t, err, "bad-value")
	}
}

func TestTrapShortRowBreaksEveryTenant(t *testing.T) {
	t.Parallel()
	_, err := newWith([]string{"p", "role:x", "o1", "doc", "read", "allow"}, []string{"p", "role:x", "o2", "doc"})
	wantFinding(t, err, "short-row")
	_, err = newWith([]string{"p", "role:x", "o1", "doc", "read", "allow", "extra"})
	wantFinding(t, err, "long-row")
}

func TestTrapRemovingWithAnEmptyFilterWipesEverything(t *testing.T) {
	t.Parallel()
	store := newMemStore()
	store.force("acme", tellerOpens, tellerStops)
	l := openLive(t, store, SyncConfig{Lease: time.Hour})
	for _, filter := range [][]string{{}, {""}, {"p"}, {"p", ""}, {"p", "role:teller"}, {"p", "", "", "", "", ""}} {
		if _, err := l.Apply(t.Context(), Change{Organization: "acme", Revision: 1, Remove: [][]string{filter}}); err == nil {
			t.Errorf("%q removes something", filter)
		}
	}
	if set, _ := l.Rules(t.Context(), "acme"); len(set.Rows) != 2 {
		t.Errorf("%q", set.Rows)
	}
}

func TestTrapTwoFieldRolesAcceptThree(t *testing.T) {
	t.Parallel()
	m, err := ParseModel("m", strings.Replace(strings.Replace(starterHead+starterMatcher, "g = _, _, _", "g = _, _", 1), "g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)", 1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{Model: m, Rules: RulesOf([]string{"g", "user:a", "role:admin", "org-1"})})
	wantFinding(t, err, "long-row")
	if !strings.Contains(err.Error(), "every organization") {
		t.Errorf("the message does not say what would happen: %v", err)
	}
}

func TestTrapSubjectNamedLikeARole(t *testing.T) {
	t.Parallel()
	e, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"role:admin", "admin", "", "*", "key:", "user:", "org:o1", "Key:1", " key:1"} {
		q := Question{Organization: "o1", Subject: subject, Object: "account", Action: "read"}
		if d, _ := e.Decide(t.Context(), q); d.Allowed || d.Reason != ReasonInvalidQuestion {
			t.Errorf("%q: %+v", subject, d)
		}
		if d, _ := e.Check(t.Context(), Question{}, subject, "o1", "account", "read"); d.Allowed {
			t.Errorf("check %q: %+v", subject, d)
		}
	}
}

func TestTrapKeyMatchDoesNotEscape(t *testing.T) {
	t.Parallel()
	m, err := ParseModel("m", shapeText("sub, obj, act", "sub, obj, act", "", "r.sub == p.sub && keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"/a.b", "/a(b", "/a|/b", "/[a", "/a+", `/a\d`, "/a^", "/a$"} {
		_, err := New(Config{Model: m, Rules: RulesOf([]string{"p", "user:a", pattern, "GET"})})
		wantFinding(t, err, "bad-pattern")
	}
	_, err = New(Config{Model: m, Rules: RulesOf([]string{"p", "user:a", "/a", "G(ET"})})
	wantFinding(t, err, "bad-pattern")
}

func TestTrapSavedNewlineInjectsAnAdmin(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"user:x\np, user:x, *, *, *, allow", "user:x\r", "user:\u2028x", "user:\x00", "user:x\t", "\xff", strings.Repeat("x", 600)} {
		_, err := newWith([]string{"p", name, "o1", "doc", "read", "allow"})
		wantFinding(t, err, "bad-value")
	}
}

func TestTrapFloodOfUnknownSubjectsEatsMemory(t *testing.T) {
	t.Parallel()
	for i, shape := range []string{shapes[0], fallbackShape} {
		m, err := ParseModel("m", shape)
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(Config{Model: m, Rules: RulesOf([]string{"p", "role:x", "*", "doc", "read", "allow"}, []string{"g", "user:a", "role:x", "o1"})})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3*cacheSize + 7 {
			q := Question{Organization: fmt.Sprint("o", n%5), Subject: fmt.Sprint("key:", n), Object: "doc", Action: "read"}
			if d, _ := e.Decide(t.Context(), q); d.Allowed {
				t.Fatalf("%+v", d)
			}
		}
		if i == 0 {
			continue
		}
		s := e.current.Load()
		for _, o := range []string{"o0", "o1", "o2"} {
			if f := s.set(o).fallback; len(f.recent) > cacheSize || len(f.older) > cacheSize || len(f.links) > 4 {
				t.Errorf("%s: %d and %d answers, %d links kept", o, len(f.recent), len(f.older), len(f.links))
			}
		}
	}
}

func TestTrapRoleDepthOverTenIsFalse(t *testing.T) {
	t.Parallel()
	rows := append(deepChain("o1", maxRoleDepth), []string{"p", "role:" + strings.Repeat("i", maxRoleDepth+1), "o1", "doc", "read", "deny"}, []string{"p", "role:i", "o1", "doc", "read", "allow"})
	e, err := newWith(rows...)
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := e.Decide(t.Context(), Question{Organization: "o1", Subject: "key:k", Roles: []string{"i"}, Object: "doc", Action: "read"}); d.Reason != ReasonExplicitDeny {
		t.Errorf("a denial at the end of the longest chain: %+v", d)
	}
	_, err = newWith(append(rows, []string{"g", "user:a", "role:i", "o1"})...)
	wantFinding(t, err, "role-too-deep")
	rules, _ := ParseRules("p.csv", RulesOf(append(deepChain("*", 5), deepChain("o1", 11)[5:]...)...).CSV())
	_, err = New(Config{Model: DefaultModel(), Rules: rules})
	wantFinding(t, err, "role-too-deep")
}

func TestTrapRowsWithCommasCollide(t *testing.T) {
	t.Parallel()
	// Casbin joins fields with commas to find duplicates, and drops the second.
	e, err := newWith([]string{"p", "role:x", "o1", "doc,read", "list", "allow"}, []string{"p", "role:x", "o1", "doc", "read,list", "allow"}, []string{"p", "role:x", "o1", "doc", "read", "deny"})
	if err != nil {
		t.Fatal(err)
	}
	q := Question{Organization: "o1", Subject: "key:k", Roles: []string{"x"}, Object: "doc", Action: "read,list"}
	if d, _ := e.Decide(t.Context(), q); !d.Allowed {
		t.Errorf("%+v", d)
	}
}

func TestTrapMissingFactLiftsADenial(t *testing.T) {
	t.Parallel()
	m, err := ParseModel("m", libraryText("conditions"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Model: m, Rules: RulesOf(
		[]string{"p", "role:x", "*", "doc", "read", "allow", "*", "*", "*", "*", "*"},
		[]string{"p", "role:x", "*", "doc", "read", "deny", "*", "*", "10.0.0.0/8", "*", "*"},
	)})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		client any
		want   string
	}{
		"missing":       {nil, ReasonExplicitDeny},
		"no address":    {"unknown", ReasonExplicitDeny},
		"another kind":  {42, ReasonExplicitDeny},
		"zero":          {netip.Addr{}, ReasonExplicitDeny},
		"inside":        {"10.2.3.4", ReasonExplicitDeny},
		"inside mapped": {"::ffff:10.2.3.4", ReasonExplicitDeny},
		"outside":       {"192.0.2.1", ReasonAllowed},
	} {
		q := Question{Organization: "o1", Subject: "key:k", Roles: []string{"x"}, Object: "doc", Action: "read", Attributes: map[string]any{AttributeClient: c.client}}
		if d, _ := e.Decide(t.Context(), q); d.Reason != c.want {
			t.Errorf("%s: %+v, want %s", name, d, c.want)
		}
	}
}
