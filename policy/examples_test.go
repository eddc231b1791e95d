package policy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
)

// casbinExamples finds the examples that Casbin publishes with its source.
func casbinExamples(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/casbin/casbin/v2").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "examples")
	if err != nil || strings.TrimSpace(string(out)) == "" {
		t.Skipf("Casbin's source is not at hand: %v", err)
	}
	return dir
}

// TestCasbinExamples loads the pairs of models and policies that Casbin
// publishes. Those that this package supports decide every request made of
// values in sight as Casbin does; the others are refused by name.
func TestCasbinExamples(t *testing.T) {
	t.Parallel()
	dir := casbinExamples(t)
	for _, c := range []struct {
		model, policy string
		refused       string // code of the finding, "" if supported
		compiled      bool
	}{
		{"basic_model.conf", "basic_policy.csv", "", true},
		{"basic_model_without_spaces.conf", "basic_policy.csv", "", true},
		{"comment_model.conf", "basic_policy.csv", "", true},
		{"basic_with_root_model.conf", "basic_policy.csv", "", false},
		{"basic_without_resources_model.conf", "basic_without_resources_policy.csv", "", false},
		{"basic_without_users_model.conf", "basic_without_users_policy.csv", "", false},
		{"rbac_model.conf", "rbac_policy.csv", "", true},
		{"rbac_model.conf", "rbac_with_hierarchy_policy.csv", "", true},
		{"rbac_model_in_multi_line.conf", "rbac_policy.csv", "", true},
		{"rbac_model_matcher_using_in_op.conf", "rbac_policy.csv", "", false},
		{"rbac_model_matcher_using_in_op_bracket.conf", "rbac_policy.csv", "", false},
		{"rbac_with_deny_model.conf", "rbac_with_deny_policy.csv", "", true},
		{"rbac_with_domains_model.conf", "rbac_with_domains_policy.csv", "", true},
		{"rbac_with_domains_model.conf", "rbac_with_domains_policy2.csv", "", true},
		{"rbac_with_domains_model.conf", "rbac_with_hierarchy_with_domains_policy.csv", "", true},
		{"rbac_with_resource_roles_model.conf", "rbac_with_resource_roles_policy.csv", "", true},
		{"rbac_with_pattern_model.conf", "rbac_with_pattern_policy.csv", "", false},
		{"rbac_with_all_pattern_model.conf", "rbac_with_all_pattern_policy.csv", "", false},
		{"rbac_with_domain_pattern_model.conf", "rbac_with_domain_pattern_policy.csv", "never-matches", false},
		{"keymatch_model.conf", "keymatch_policy.csv", "", false},
		{"keymatch2_model.conf", "keymatch2_policy.csv", "", false},
		{"keymatch_with_rbac_in_domain.conf", "keymatch_with_rbac_in_domain.csv", "", false},
		{"keyget_model.conf", "keymatch_policy.csv", "", false},
		{"keyget2_model.conf", "keymatch2_policy.csv", "", false},
		{"glob_model.conf", "glob_policy.csv", "", false},
		{"ipmatch_model.conf", "ipmatch_policy.csv", "", false},
		{"priority_model.conf", "priority_policy.csv", "", false},
		{"priority_model.conf", "priority_indeterminate_policy.csv", "bad-effect", false},
		{"priority_model_explicit.conf", "priority_policy_explicit.csv", "", false},
		{"orbac_model.conf", "orbac_policy.csv", "", false},
		{"rebac_model.conf", "rebac_policy.csv", "", false},

		{"rbac_with_not_deny_model.conf", "rbac_with_deny_policy.csv", "allow-by-default", false},
		{"basic_model.conf", "basic_inverse_policy.csv", "", true},
		{"priority_model_explicit_customized.conf", "priority_policy_explicit_customized.csv", "unused-field", false},
		{"priority_model_enforce_context.conf", "priority_policy_enforce_context.csv", "second-definition", false},
		{"subject_priority_model.conf", "subject_priority_policy.csv", "unsupported-effect", false},
		{"subject_priority_model_with_domain.conf", "subject_priority_policy_with_domain.csv", "unsupported-effect", false},
		{"multiple_policy_definitions_model.conf", "multiple_policy_definitions_policy.csv", "second-definition", false},
		{"rbac_with_multiple_policy_model.conf", "rbac_with_multiple_policy_policy.csv", "second-definition", false},
		{"rbac_with_domains_conditional_model.conf", "rbac_with_domains_conditional_policy.csv", "conditional-role", false},
		{"rbac_with_temporal_roles_model.conf", "rbac_with_temporal_roles_policy.csv", "conditional-role", false},
		{"rbac_with_domain_temporal_roles_model.conf", "rbac_with_domain_temporal_roles_policy.csv", "conditional-role", false},
		{"rbac_with_different_types_of_roles_model.conf", "rbac_with_different_types_of_roles_policy.csv", "conditional-role", false},
		{"abac_model.conf", "", "member-access", false},
		{"abac_not_using_policy_model.conf", "abac_rule_effect_policy.csv", "member-access", false},
		{"abac_rule_model.conf", "abac_rule_policy.csv", "eval", false},
		{"eval_operator_model.conf", "eval_operator_policy.csv", "eval", false},
		{"object_conditions_model.conf", "object_conditions_policy.csv", "eval", false},
		{"pbac_model.conf", "pbac_policy.csv", "eval", false},
		{"keymatch_custom_model.conf", "keymatch2_policy.csv", "unknown-function", false},
		{"biba_model.conf", "", "text-order", false},
		{"blp_model.conf", "", "text-order", false},
		{"lbac_model.conf", "", "text-order", false},
		{"syntax_matcher_model.conf", "", "rules-unused", false},
	} {
		t.Run(c.model+"+"+c.policy, func(t *testing.T) {
			t.Parallel()
			e, rules, err := engineOf(dir, c.model, c.policy)
			if c.refused != "" {
				var invalid *InvalidError
				if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "("+c.refused+")") || invalid.Findings[0].Line == 0 {
					t.Fatalf("%v, want it refused by name: %s", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ok, why := e.Model().Compiled(); ok != c.compiled {
				t.Errorf("compiled %t (%s), want %t", ok, why, c.compiled)
			}
			oracle, err := casbin.NewEnforcer(filepath.Join(dir, c.model), filepath.Join(dir, c.policy))
			if err != nil {
				t.Fatal(err)
			}
			for _, role := range e.Model().def.roles {
				if role.fields == 3 {
					oracle.AddNamedDomainMatchingFunc(role.key, "every", func(_, pattern string) bool { return pattern == "*" })
				}
			}
			compareRequests(t, e, oracle, rules)
		})
	}
}

func engineOf(dir, model, policy string) (*Engine, Rules, error) {
	f := Files{FS: os.DirFS(dir), Model: model, Rules: []string{policy}}
	if policy == "" {
		f.Rules = []string{model} // never reached: the model is refused
	}
	m, rules, err := f.Read()
	if err != nil {
		return nil, rules, err
	}
	e, err := New(Config{Model: m, Rules: rules, InsecureAnySubject: true})
	return e, rules, err
}

// compareRequests asks every combination of the values in sight.
func compareRequests(t *testing.T, e *Engine, oracle *casbin.Enforcer, rules Rules) {
	fields := e.Model().RequestFields()
	seen := map[string]bool{}
	// The order matters where a cap on the number leaves some out.
	candidates := []string{"alice", "bob", "root", "/resource2/age", "/alice_data/age", "/alice_data/resource1", "/foo/1", "192.168.2.123", "GET", "POST", "nobody"}
	var fromRules []string
	for _, row := range rules.Rows() {
		fromRules = append(fromRules, row[1:]...)
	}
	candidates = append(fromRules, candidates...)
	var values []string
	for _, v := range candidates {
		if v != "*" && !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	most := 20
	if len(fields) > 3 {
		most = 11
	}
	values = values[:min(len(values), most)]
	allowed, asked := 0, 0
	var ask func(request []string)
	ask = func(request []string) {
		if len(request) < len(fields) {
			for _, v := range values {
				ask(append(request[:len(request):len(request)], v))
			}
			return
		}
		asked++
		any := make([]any, len(request))
		for i, v := range request {
			any[i] = v
		}
		want, err := oracle.Enforce(any...)
		if err != nil {
			want = false // Casbin's own functions panic on values they cannot read
		}
		got, err := e.Check(t.Context(), Question{}, request...)
		if err != nil || got.Allowed != want {
			t.Errorf("%q: %+v %v, Casbin says %t", request, got, err, want)
		}
		if got.Allowed {
			allowed++
		}
	}
	ask(nil)
	if allowed == 0 || allowed == asked {
		t.Errorf("%d of %d requests are allowed: nothing was compared", allowed, asked)
	}
}
