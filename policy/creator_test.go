package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// creators are a host's records of who created whom, changed as a host does.
type creators struct {
	mu      sync.Mutex
	of      map[string]Holder
	failing error
	asked   int
}

func (c *creators) creator(_ context.Context, organization, subject string) (Holder, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	h, ok := c.of[organization+"/"+subject]
	return h, ok, c.failing
}

func (c *creators) set(organization, subject string, h Holder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[organization+"/"+subject] = h
}

func cappedEngine(t testing.TB, c *creators, standing StandingFunc, rows ...[]string) *Engine {
	t.Helper()
	e, err := New(Config{Model: DefaultModel(), Rules: DefaultRules().With(rows...), Creator: c.creator, Standing: standing})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func reasonOf(t testing.TB, e *Engine, q Question) string {
	t.Helper()
	d, err := e.Decide(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if d.Allowed != (d.Reason == ReasonAllowed) {
		t.Fatalf("%+v", d)
	}
	return d.Reason
}

// TestCreatorCapsWhatItCreated: a creator who loses a right takes it from the
// key at once, by every way in which a right can be lost, and gives it back with
// its own.
func TestCreatorCapsWhatItCreated(t *testing.T) {
	t.Parallel()
	suspended := map[string]Standing{}
	c := &creators{of: map[string]Holder{"acme/key:1": {Subject: "user:ann", Roles: []string{"admin"}}}}
	e := cappedEngine(t, c, func(_ context.Context, _, subject string) (Standing, error) { return suspended[subject], nil },
		[]string{"g", "user:eve", "role:operator", "acme"})
	key := Question{Organization: "acme", Subject: "key:1", Roles: []string{"operator"}, Object: "transfer:7", Action: "initiate"}
	want := func(when, reason string) {
		t.Helper()
		if got := reasonOf(t, e, key); got != reason {
			t.Errorf("%s: %s, want %s", when, got, reason)
		}
	}
	want("the creator is an admin", ReasonAllowed)
	c.set("acme", "key:1", Holder{Subject: "user:ann", Roles: []string{"viewer"}})
	want("the creator is a viewer only", ReasonBoundary)
	x, err := e.Explain(t.Context(), key)
	if err != nil || x.Decision.Reason != ReasonBoundary || len(x.Nearest) != 1 ||
		x.Nearest[0] != "would be allowed if user:ann, under whom key:1 stands, had transfer:7:initiate" || len(x.Rules) == 0 {
		t.Errorf("%+v %v", x, err)
	}
	c.set("acme", "key:1", Holder{Subject: "user:eve"})
	want("the creator has the right by a rule", ReasonAllowed)
	if err := e.Replace(DefaultRules()); err != nil {
		t.Fatal(err)
	}
	want("the rule is gone", ReasonBoundary)
	c.set("acme", "key:1", Holder{Subject: "user:ann", Roles: []string{"operator"}, Boundary: []string{"account:read"}})
	want("the creator is bounded", ReasonBoundary)
	c.set("acme", "key:1", Holder{Subject: "user:ann", Roles: []string{"operator"}})
	want("the creator has it again", ReasonAllowed)
	suspended["user:ann"] = Suspended
	want("the creator is suspended", ReasonBoundary)
	delete(suspended, "user:ann")
	c.set("acme", "key:1", Holder{Subject: "key:0", Roles: []string{"admin"}})
	c.set("acme", "key:0", Holder{Subject: "user:ann", Roles: []string{"viewer"}})
	want("the creator's creator has lost it", ReasonBoundary)
	if x, err := e.Explain(t.Context(), key); err != nil || !strings.Contains(strings.Join(x.Nearest, ""), "user:ann, under whom") {
		t.Errorf("%+v %v", x, err)
	}
	c.set("acme", "key:0", Holder{Roles: []string{"operator"}})
	want("the creator's creator is known by roles only", ReasonAllowed)
	c.set("acme", "key:0", Holder{Subject: "key:1", Roles: []string{"admin"}})
	want("the two created each other", ReasonBoundary)
	key.Boundary = []string{"account:read"}
	if x, err := e.Explain(t.Context(), key); err != nil || x.Nearest[0] != "would be allowed if the boundary permitted transfer:7:initiate" {
		t.Errorf("%+v %v", x, err)
	}
	key.Boundary, key.Object = nil, "vault"
	want("what no rule gives", ReasonNoMatchingRule)
}

// TestCreatorIsKnownOrNothingIsAllowed: an error denies, as stale, whoever asks
// and however.
func TestCreatorIsKnownOrNothingIsAllowed(t *testing.T) {
	t.Parallel()
	failed := errors.New("the records are away")
	c := &creators{of: map[string]Holder{}, failing: failed}
	e := cappedEngine(t, c, nil, []string{"p", "key:1", "acme", "doc", "read", "allow"})
	q := Question{Organization: "acme", Subject: "key:1", Object: "doc", Action: "read"}
	d, err := e.Decide(t.Context(), q)
	if d.Allowed || d.Reason != ReasonStale || !errors.Is(err, failed) {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := e.Explain(t.Context(), q); !errors.Is(err, failed) {
		t.Error(err)
	}
	if _, err := e.WhoCan(t.Context(), q); !errors.Is(err, failed) {
		t.Error(err)
	}
	if missing, err := e.CanGrant(t.Context(), Holder{Organization: "acme", Subject: "key:1", Roles: []string{"admin"}}, []string{"viewer"}, nil); !errors.Is(err, failed) {
		t.Error(missing, err)
	}
	q.Action = "write"
	c.asked = 0
	if reason := reasonOf(t, e, q); reason != ReasonNoMatchingRule || c.asked != 0 {
		t.Errorf("%s, asked %d times: what the rules deny needs no creator", reason, c.asked)
	}
}

// TestCreatorCapsWhatIsHandedOn: who holds a role by a key made by somebody with
// less hands on no more than that somebody has.
func TestCreatorCapsWhatIsHandedOn(t *testing.T) {
	t.Parallel()
	c := &creators{of: map[string]Holder{
		"acme/key:1": {Subject: "user:ann", Roles: []string{"viewer"}},
		"acme/key:2": {Subject: "key:2", Roles: []string{"admin"}},
		"acme/key:3": {Roles: []string{"admin"}},
	}}
	e := cappedEngine(t, c, nil)
	for _, tc := range []struct{ key, role, missing string }{
		{"key:1", "viewer", ""},
		{"key:1", "transfer-only", "transfer:initiate"},
		{"key:2", "viewer", "account:read"}, // created by itself
		{"key:3", "transfer-only", ""},
		{"key:4", "transfer-only", ""}, // created by nobody
	} {
		missing, err := e.CanGrant(t.Context(), Holder{Organization: "acme", Subject: tc.key, Roles: []string{"admin"}}, []string{tc.role}, nil)
		if err != nil || missing != tc.missing {
			t.Errorf("%s hands on %s: missing %q %v, want %q", tc.key, tc.role, missing, err, tc.missing)
		}
		missing, err = e.CoversSubject(t.Context(), "acme", tc.key, []string{"admin"}, "", []string{tc.role})
		if err != nil || missing != tc.missing {
			t.Errorf("%s covers %s: missing %q %v, want %q", tc.key, tc.role, missing, err, tc.missing)
		}
	}
}

// TestCreatorCapsOtherRequestsAndLists: the cap holds for requests that are no
// questions, and for the list of who can.
func TestCreatorCapsOtherRequestsAndLists(t *testing.T) {
	t.Parallel()
	m, err := ParseModel("m", shapeText("sub, obj, act, hall", "sub, obj, act, hall", "g = _, _", "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act && r.hall == p.hall"))
	if err != nil {
		t.Fatal(err)
	}
	c := &creators{of: map[string]Holder{"/key:1": {Subject: "user:ann"}, "/key:2": {Subject: "user:bob"}, "/key:3": {Subject: "user:ann", Boundary: []string{"door:open"}}}}
	e, err := New(Config{Model: m, Creator: c.creator, Rules: RulesOf(
		[]string{"p", "role:guard", "door", "open", "h1"}, []string{"g", "user:ann", "role:guard"},
		[]string{"g", "key:1", "role:guard"}, []string{"g", "key:2", "role:guard"}, []string{"g", "key:3", "role:guard"})})
	if err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]string{
		"user:ann": ReasonAllowed, "key:1": ReasonAllowed, "key:2": ReasonBoundary,
		"key:3": ReasonBoundary, // nothing is known to lie within a boundary
		"key:4": ReasonNoMatchingRule,
	} {
		d, err := e.Check(t.Context(), Question{}, subject, "door", "open", "h1")
		if err != nil || d.Reason != want || d.Allowed != (want == ReasonAllowed) {
			t.Errorf("%s: %+v %v, want %s", subject, d, err, want)
		}
	}
	c.failing = errors.New("away")
	if d, err := e.Check(t.Context(), Question{}, "key:1", "door", "open", "h1"); err == nil || d.Allowed || d.Reason != ReasonStale {
		t.Errorf("%+v %v", d, err)
	}

	lists := &creators{of: map[string]Holder{"acme/key:1": {Subject: "user:ann", Roles: []string{"viewer"}}}}
	by := cappedEngine(t, lists, nil, []string{"g", "key:1", "role:admin", "acme"}, []string{"g", "key:2", "role:admin", "acme"})
	got, err := by.WhoCan(t.Context(), Question{Organization: "acme", Object: "transfer", Action: "initiate"})
	if err != nil || !slices.Equal(got.Subjects, []string{"key:2"}) {
		t.Errorf("%+v %v", got, err)
	}
	got, err = by.WhoCan(t.Context(), Question{Organization: "acme", Object: "account", Action: "read"})
	if err != nil || !slices.Equal(got.Subjects, []string{"key:1", "key:2"}) {
		t.Errorf("%+v %v", got, err)
	}
}

// TestPropertyACreatedKeyNeverExceedsItsCreators: in every model, what is allowed
// to a key is allowed to all above it, and what all above it and its own rules
// allow is allowed.
func TestPropertyACreatedKeyNeverExceedsItsCreators(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := drawGrant(rt, shapes)
		above := &creators{of: map[string]Holder{}}
		m := c.engine.Model()
		e, err := New(Config{Model: m, Rules: RulesOf(c.rows...), Now: fixedNow, Creator: above.creator})
		if err != nil {
			rt.Fatal(err)
		}
		for range 8 {
			q := randomQuestion(m.def, c.choose)
			first, second := c.holder, c.receiver
			first.Subject, second.Subject = "user:first", "user:second"
			above.set(q.Organization, q.Subject, first)
			above.set(q.Organization, "user:first", second)
			want := answer(rt, c.engine, q)
			for _, h := range []Holder{first, second} {
				try := q
				try.Subject, try.Roles, try.Boundary = h.Subject, h.Roles, h.Boundary
				want = want && answer(rt, c.engine, try)
			}
			if got := answer(rt, e, q); got != want {
				rt.Fatalf("%+v under %+v under %+v: %t, want %t\n%s", q, first, second, got, want, RulesOf(c.rows...).CSV())
			}
		}
	})
}
