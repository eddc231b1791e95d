package policy_test

import (
	"testing"

	"github.com/gatewright/gatewright/policy"
)

// What rules give by name counts beside roles, on either side.
func TestCoversSubject(t *testing.T) {
	t.Parallel()
	e, err := policy.New(policy.Config{Model: policy.DefaultModel(), Rules: policy.DefaultRules().With(
		[]string{"g", "key:svc", "role:admin", "acme"},
		[]string{"p", "key:clerk", "acme", "transfer:*", "initiate", "deny"})})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, organization, holder string
		held                       []string
		target                     string
		wanted                     []string
		covered                    bool
	}{
		{"by roles alone", "acme", "key:a", []string{"operator"}, "key:b", []string{"viewer"}, true},
		{"an admin by name, managed by an operator", "acme", "key:a", []string{"operator"}, "key:svc", []string{"viewer"}, false},
		{"an admin by name, managed by an admin", "acme", "key:a", []string{"admin"}, "key:svc", []string{"viewer"}, true},
		{"an admin by name manages an admin", "acme", "key:svc", nil, "key:a", []string{"admin"}, true},
		{"by name in another organization", "umbrella", "key:svc", nil, "key:a", []string{"viewer"}, false},
		{"somebody new", "acme", "key:a", []string{"viewer"}, "", []string{"viewer"}, true},
		{"denied by name, hands on what it may not do", "acme", "key:clerk", []string{"operator"}, "key:b", []string{"transfer-only"}, false},
		{"denied by name, manages the like", "acme", "key:clerk", []string{"operator"}, "key:b", []string{"viewer"}, true},
	} {
		missing, err := e.CoversSubject(t.Context(), tc.organization, tc.holder, tc.held, tc.target, tc.wanted)
		if err != nil || (missing == "") != tc.covered {
			t.Errorf("%s: missing %q, %v", tc.name, missing, err)
		}
	}
	if _, err := e.CoversSubject(t.Context(), "acme", "key:a", []string{"nobody"}, "", nil); err == nil {
		t.Error("an unknown role is not an error")
	}
}
