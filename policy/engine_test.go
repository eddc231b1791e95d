package policy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gatewright/gatewright/policy"
)

// decider is what package authz asks of a policy, written as it writes it.
type decider interface {
	Decide(ctx context.Context, q struct {
		Organization string
		Subject      string
		Roles        []string
		Boundary     []string
		Scopes       []string
		Object       string
		Action       string
		Attributes   map[string]any
	}) (struct {
		Allowed  bool
		Reason   string
		Revision uint64
	}, error)
	Covers(ctx context.Context, organization string, held, wanted []string) (string, error)
	Permissions(ctx context.Context, organization string, roles []string) ([]string, error)
	KnownRoles(ctx context.Context, organization string) ([]string, error)
}

var _ decider = (*policy.Engine)(nil)

func defaultEngine(t testing.TB, more ...[]string) *policy.Engine {
	t.Helper()
	e, err := policy.New(policy.Config{Model: policy.DefaultModel(), Rules: policy.DefaultRules().With(more...)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decide(t testing.TB, e *policy.Engine, q policy.Question) policy.Decision {
	t.Helper()
	d, err := e.Decide(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBuiltInRoles(t *testing.T) {
	t.Parallel()
	e, err := policy.Default()
	if err != nil {
		t.Fatal(err)
	}
	permissions := []string{"account:create", "account:read", "transaction:read", "transaction:manage", "terminal:assign", "transfer:initiate", "key:manage"}
	grants := map[string][]string{
		"admin":            permissions,
		"operator":         permissions[:6],
		"viewer":           {"account:read", "transaction:read"},
		"terminal-manager": {"account:read", "terminal:assign"},
		"transfer-only":    {"account:read", "transfer:initiate"},
		"no-such-role":     nil,
	}
	for role, granted := range grants {
		for _, p := range permissions {
			for _, id := range []string{"", ":42"} {
				var object, action string
				for i, c := range p {
					if c == ':' {
						object, action = p[:i]+id, p[i+1:]
					}
				}
				q := policy.Question{Organization: "org-1", Subject: "key:k1", Roles: []string{role}, Object: object, Action: action}
				d := decide(t, e, q)
				if want := slices.Contains(granted, p); d.Allowed != want {
					t.Errorf("%s %s%s: allowed %t, want %t (%s)", role, p, id, d.Allowed, want, d.Reason)
				}
			}
		}
	}
}

func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	e := defaultEngine(t,
		[]string{"p", "role:viewer", "org-1", "account:9", "read", "deny"},
		[]string{"g", "user:ann", "role:admin", "org-2"},
		[]string{"p", "role:teller", "org-1", "till", "open", "allow"},
	)
	good := policy.Question{Organization: "org-1", Subject: "key:k1", Roles: []string{"viewer"}, Object: "account:1", Action: "read"}
	if d := decide(t, e, good); !d.Allowed || d.Reason != policy.ReasonAllowed || d.Revision != 1 {
		t.Fatalf("the good question: %+v", d)
	}
	for name, c := range map[string]struct {
		change func(*policy.Question)
		reason string
	}{
		"no organization":        {func(q *policy.Question) { q.Organization = "" }, policy.ReasonInvalidQuestion},
		"every organization":     {func(q *policy.Question) { q.Organization = "*" }, policy.ReasonInvalidQuestion},
		"no subject":             {func(q *policy.Question) { q.Subject = "" }, policy.ReasonInvalidQuestion},
		"subject is a role":      {func(q *policy.Question) { q.Subject = "role:admin" }, policy.ReasonInvalidQuestion},
		"subject without a kind": {func(q *policy.Question) { q.Subject = "ann" }, policy.ReasonInvalidQuestion},
		"subject is only a kind": {func(q *policy.Question) { q.Subject = "key:" }, policy.ReasonInvalidQuestion},
		"no object":              {func(q *policy.Question) { q.Object = "" }, policy.ReasonInvalidQuestion},
		"no action":              {func(q *policy.Question) { q.Action = "" }, policy.ReasonInvalidQuestion},
		"deep object":            {func(q *policy.Question) { q.Object = "account" + string(make([]byte, 2000)) }, policy.ReasonInvalidQuestion},
		"another action":         {func(q *policy.Question) { q.Action = "create" }, policy.ReasonNoMatchingRule},
		"another object":         {func(q *policy.Question) { q.Object = "accounts" }, policy.ReasonNoMatchingRule},
		"no roles":               {func(q *policy.Question) { q.Roles = nil }, policy.ReasonNoMatchingRule},
		"unknown role":           {func(q *policy.Question) { q.Roles = []string{"root"} }, policy.ReasonNoMatchingRule},
		"denied by a rule":       {func(q *policy.Question) { q.Object = "account:9" }, policy.ReasonExplicitDeny},
		"denied and allowed":     {func(q *policy.Question) { q.Object = "account:9"; q.Roles = []string{"viewer", "admin"} }, policy.ReasonExplicitDeny},
		"admin of another org":   {func(q *policy.Question) { q.Subject = "user:ann"; q.Roles = nil }, policy.ReasonNoMatchingRule},
		"role of another org": {func(q *policy.Question) {
			q.Organization = "org-2"
			q.Roles = []string{"teller"}
			q.Object = "till"
			q.Action = "open"
		}, policy.ReasonNoMatchingRule},
		"exact object, below it":  {func(q *policy.Question) { q.Roles = []string{"teller"}; q.Object = "till:1"; q.Action = "open" }, policy.ReasonNoMatchingRule},
		"empty boundary":          {func(q *policy.Question) { q.Boundary = []string{} }, policy.ReasonBoundary},
		"boundary elsewhere":      {func(q *policy.Question) { q.Boundary = []string{"account:create", "transaction:read"} }, policy.ReasonBoundary},
		"boundary of another id":  {func(q *policy.Question) { q.Boundary = []string{"account:2:read"} }, policy.ReasonBoundary},
		"boundary object alone":   {func(q *policy.Question) { q.Boundary = []string{"=account:read"} }, policy.ReasonBoundary},
		"boundary malformed":      {func(q *policy.Question) { q.Boundary = []string{"account", "", ":", "*", "read"} }, policy.ReasonBoundary},
		"boundary widens nothing": {func(q *policy.Question) { q.Roles = nil; q.Boundary = []string{"*:*"} }, policy.ReasonNoMatchingRule},
	} {
		q := good
		c.change(&q)
		if d := decide(t, e, q); d.Allowed || d.Reason != c.reason {
			t.Errorf("%s: %+v, want %s", name, d, c.reason)
		}
	}
	for _, boundary := range [][]string{nil, {"account:read"}, {"account:1:read"}, {"*:read"}, {"*:*"}, {"account:*"}, {"account:*:read"}, {"key:manage", "=account:1:read"}} {
		q := good
		q.Boundary = boundary
		if d := decide(t, e, q); !d.Allowed {
			t.Errorf("boundary %q: %+v", boundary, d)
		}
	}
}

func TestZeroEngineDenies(t *testing.T) {
	t.Parallel()
	var e policy.Engine
	d, err := e.Decide(t.Context(), policy.Question{Organization: "o", Subject: "key:k", Roles: []string{"admin"}, Object: "account", Action: "read"})
	if err != nil || d.Allowed || d.Reason != policy.ReasonNoPolicy {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := e.Covers(t.Context(), "o", nil, nil); !errors.Is(err, policy.ErrNoPolicy) {
		t.Errorf("Covers: %v", err)
	}
	if err := e.Replace(policy.DefaultRules()); !errors.Is(err, policy.ErrNoPolicy) {
		t.Errorf("Replace: %v", err)
	}
}

func TestEmptyConfigIsAnError(t *testing.T) {
	t.Parallel()
	for field, c := range map[string]policy.Config{
		"Model": {Rules: policy.DefaultRules()},
		"Rules": {Model: policy.DefaultModel()},
	} {
		_, err := policy.New(c)
		var bad *policy.ConfigError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("without %s: %v", field, err)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	e := defaultEngine(t,
		[]string{"p", "role:capped-admin", "*", "*", "*", "allow"},
		[]string{"p", "role:capped-admin", "*", "key:*", "*", "deny"},
		[]string{"p", "role:reader", "*", "account:*", "*", "allow"},
		[]string{"p", "role:every-reader", "*", "*", "read", "allow"},
		[]string{"p", "role:one-account", "*", "account:1", "read", "allow"},
		[]string{"p", "role:exact-account", "*", "account", "read", "allow"},
		[]string{"p", "role:nothing", "*", "account:*", "read", "allow"},
		[]string{"p", "role:nothing", "*", "*", "*", "deny"},
		[]string{"g", "role:boss", "role:operator", "org-1"},
	)
	for _, c := range []struct {
		organization string
		held, wanted []string
		missing      string
	}{
		{"org-1", []string{"admin"}, []string{"admin", "operator", "viewer"}, ""},
		{"org-1", []string{"operator"}, []string{"viewer"}, ""},
		{"org-1", []string{"viewer"}, []string{"viewer"}, ""},
		{"org-1", []string{"viewer"}, nil, ""},
		{"org-1", []string{"boss"}, []string{"operator"}, ""},
		{"org-1", []string{"reader"}, []string{"one-account", "exact-account"}, ""},
		{"org-1", []string{"viewer"}, []string{"nothing"}, ""},
		{"org-1", []string{"admin"}, []string{"capped-admin"}, ""},
		{"org-1", []string{"terminal-manager", "transfer-only"}, []string{"transfer-only"}, ""},
		{"org-1", nil, []string{"viewer"}, "account:read"},
		{"org-1", []string{"operator"}, []string{"admin"}, "*:*"},
		{"org-1", []string{"viewer"}, []string{"operator"}, "account:create"},
		{"org-1", []string{"capped-admin"}, []string{"admin"}, "*:*"},
		{"org-1", []string{"operator"}, []string{"every-reader"}, "*:read"},
		{"org-1", []string{"one-account"}, []string{"exact-account"}, "=account:read"},
		{"org-1", []string{"exact-account"}, []string{"one-account"}, "=account:1:read"},
		{"org-1", []string{"nothing"}, []string{"one-account"}, "=account:1:read"},
		{"org-1", []string{"viewer"}, []string{"reader"}, "account:*"},
	} {
		missing, err := e.Covers(t.Context(), c.organization, c.held, c.wanted)
		if err != nil || missing != c.missing {
			t.Errorf("%v covers %v: missing %q, %v; want %q", c.held, c.wanted, missing, err, c.missing)
		}
	}
	for _, roles := range [][2][]string{{{"admin"}, {"ghost"}}, {{"ghost"}, {"viewer"}}, {{"admin"}, {""}}} {
		if _, err := e.Covers(t.Context(), "org-1", roles[0], roles[1]); !errors.Is(err, policy.ErrUnknownRole) {
			t.Errorf("%v: %v", roles, err)
		}
	}
	if _, err := e.Covers(t.Context(), "org-2", []string{"admin"}, []string{"boss"}); !errors.Is(err, policy.ErrUnknownRole) {
		t.Errorf("a role of another organization: %v", err)
	}
}

func TestPermissionsAndKnownRoles(t *testing.T) {
	t.Parallel()
	e := defaultEngine(t,
		[]string{"g", "role:lead", "role:viewer", "org-1"},
		[]string{"p", "role:lead", "org-1", "transaction:*", "read", "deny"},
		[]string{"p", "role:lead", "org-1", "till", "open", "allow"},
	)
	got, err := e.Permissions(t.Context(), "org-1", []string{"lead"})
	if want := []string{"=till:open", "account:read"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("lead: %q %v, want %q", got, err, want)
	}
	if _, err := e.Permissions(t.Context(), "org-2", []string{"lead"}); !errors.Is(err, policy.ErrUnknownRole) {
		t.Errorf("lead in another organization: %v", err)
	}
	roles, err := e.KnownRoles(t.Context(), "org-1")
	if want := []string{"admin", "lead", "operator", "terminal-manager", "transfer-only", "viewer"}; err != nil || !slices.Equal(roles, want) {
		t.Errorf("roles: %q %v", roles, err)
	}
}

func ExampleDefault() {
	engine, err := policy.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	decision, err := engine.Decide(context.Background(), policy.Question{
		Organization: "acme",
		Subject:      "key:4711",
		Roles:        []string{"viewer"},
		Object:       "transaction:42",
		Action:       "read",
	})
	fmt.Println(decision.Allowed, decision.Reason, err)
	// Output: true allowed <nil>
}

func ExampleNew() {
	rules := policy.DefaultRules().With(
		[]string{"p", "role:auditor", "*", "*", "read", "allow"},
		[]string{"p", "role:auditor", "acme", "salary:*", "*", "deny"},
	)
	engine, err := policy.New(policy.Config{Model: policy.DefaultModel(), Rules: rules})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, organization := range []string{"acme", "globex"} {
		decision, _ := engine.Decide(context.Background(), policy.Question{
			Organization: organization, Subject: "user:ann", Roles: []string{"auditor"},
			Object: "salary:7", Action: "read",
		})
		fmt.Println(organization, decision.Allowed, decision.Reason)
	}
	// Output:
	// acme false explicit_deny
	// globex true allowed
}
