package policytest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/policy/policytest"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const table = "tests:\n  - name: t\n    objects: [a]\n    actions: [b]\n    allow: {r: {a: [b]}}\n"
	if _, err := policytest.Parse("f", []byte(table)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, says string }{
		"nothing":                     {"", "is empty"},
		"no tests":                    {"coverage: 10\n", "has no tests"},
		"not YAML":                    {"tests: [\n", "yaml"},
		"a list":                      {"- a\n", "the file is no suite"},
		"an unknown member":           {"test:\n" + table, `f.yaml:1:1: error: a suite has no member "test"; it may have: model, rules`},
		"an unknown member of a test": {strings.Replace(table, "objects", "objets", 1), `f.yaml:3:5: error: a test has no member "objets"`},
		"an unknown member of who":    {"who: {a: {role: b}}\n" + table, `f.yaml:1:11: error: who "a" has no member "role"`},
		"an unknown member of ask":    {"tests:\n  - name: t\n    ask: {who: a, object: b, action: c, boundry: [d:e]}\n    want: deny\n", `f.yaml:3:41: error: ask has no member "boundry"`},
		"a member twice":              {table + "    name: u\n", `f.yaml:6:5: error: a test has "name" twice, first in line 2`},
		"a tab":                       {"tests:\n\t- name: t\n", "f.yaml:2:1: error: found character that cannot start any token"},
		"a text for a list":           {strings.Replace(table, "[a]\n", "a\n", 1), "f.yaml:3:1: error: cannot unmarshal the text `a` into a list of texts"},
		"a boundary of who":           {"who: {a: {boundary: [account]}}\n" + table, `"account", which is no permission`},
		"a boundary of ask":           {"tests:\n  - name: t\n    ask: {who: a, object: b, action: c, boundary: [account]}\n    want: deny\n", `f.yaml:2:5: error: test "t": the boundary holds "account"`},
		"two documents":               {table + "---\n" + table, "more than one document"},
		"no name":                     {strings.Replace(table, "name: t", "organization: o", 1), "has no name"},
		"a table and a question":      {table + "    ask: {who: a, object: b, action: c}\n    want: deny\n", "either a table"},
		"neither":                     {"tests:\n  - name: t\n", "either a table"},
		"a test that is a text":       {"tests: [hello]\n", "a test is a mapping, as in name: ..."},
		"no want":                     {"tests:\n  - name: t\n    ask: {who: a, object: b, action: c}\n", "want is allow or deny"},
		"another want":                {"tests:\n  - name: t\n    ask: {who: a, object: b, action: c}\n    want: yes\n", "want is allow or deny"},
		"nobody asks":                 {"tests:\n  - name: t\n    ask: {object: b, action: c}\n    want: deny\n", "ask needs who"},
		"no objects":                  {strings.Replace(table, "[a]\n    actions", "[]\n    actions", 1), "needs objects"},
		"nobody":                      {strings.Replace(table, "    allow: {r: {a: [b]}}\n", "", 1), "needs objects, actions, and allow or people"},
		"an object outside":           {strings.Replace(table, "{a: [b]}", "{c: [b]}", 1), `"c" is not among the objects`},
		"an action outside":           {strings.Replace(table, "{a: [b]}", "{a: [c]}", 1), `"c" is not among the actions`},
		"want in a table":             {table + "    want: deny\n", "belong to one question"},
		"a coverage of 200":           {"coverage: 200\n" + table, "percentage"},
		"an attribute that is a list": {table + "    attributes: {a: [b]}\n", "is a text, a number"},
		"a time that is none":         {table + "    attributes: {time: noon}\n", "time is written"},
	} {
		_, err := policytest.Parse("f.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "f.yaml") {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func policyFS(suite string) fstest.MapFS {
	return fstest.MapFS{
		"model.conf":       {Data: []byte(policy.DefaultModel().Text())},
		"policy.csv":       {Data: []byte(policy.DefaultRules().CSV())},
		"policy_test.yaml": {Data: []byte(suite)},
	}
}

// recorder stands for a test and keeps what it is told.
type recorder struct {
	*testing.T
	told []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.told = append(r.told, fmt.Sprintf(format, args...))
}

// TestCheckFails holds that a suite can fail: a wrong want, a wrong reason, an
// allowed cell that is not listed, and coverage that falls short.
func TestCheckFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ suite, says string }{
		"want":        {"tests:\n  - name: t\n    ask: {who: viewer, organization: o, object: account, action: read}\n    want: deny\n", "policy_test.yaml:2: t: viewer read account: allow (allowed), want deny"},
		"reason":      {"tests:\n  - name: t\n    ask: {who: viewer, organization: o, object: account, action: create}\n    want: deny\n    reason: explicit_deny\n", "the reason is no_matching_rule, want explicit_deny"},
		"unlisted":    {"tests:\n  - name: t\n    organization: o\n    objects: [account]\n    actions: [read]\n    people: [viewer]\n", "want deny"},
		"listed":      {"tests:\n  - name: t\n    organization: o\n    objects: [account]\n    actions: [create]\n    allow: {viewer: {account: [create]}}\n", "want allow"},
		"no question": {"tests:\n  - name: t\n    ask: {who: viewer, object: account, action: create}\n    want: deny\n", "viewer create account: the question is malformed: the question names no organization"},
		"coverage":    {"coverage: 50\ntests:\n  - name: t\n    ask: {who: viewer, organization: o, object: account, action: read}\n    want: allow\n", "8 % of the rules are covered, want 50 %"},
	} {
		r := &recorder{T: t}
		policytest.Check(r, policyFS(c.suite), "policy_test.yaml")
		if len(r.told) != 1 || !strings.Contains(r.told[0], c.says) {
			t.Errorf("%s: %q, want %q", name, r.told, c.says)
		}
	}
}

// TestSchema holds the JSON Schema against the types that read suites.
func TestSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/policy-test.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties           map[string]any `json:"properties"`
		AdditionalProperties any            `json:"additionalProperties"`
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		schema object
		goType any
	}{
		"suite": {schema.object, policytest.Suite{}},
		"who":   {schema.Defs["who"], policytest.Who{}},
		"test":  {schema.Defs["test"], policytest.Test{}},
		"ask":   {schema.Defs["ask"], policytest.Ask{}},
	} {
		var want, have []string
		typ := reflect.TypeOf(c.goType)
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() && f.Tag.Get("yaml") != "-" {
				want = append(want, f.Tag.Get("yaml"))
			}
		}
		for p := range c.schema.Properties {
			have = append(have, p)
		}
		slices.Sort(want)
		slices.Sort(have)
		if !slices.Equal(want, have) || c.schema.AdditionalProperties != false {
			t.Errorf("%s: the schema has %q (additional: %v), suites have %q", name, have, c.schema.AdditionalProperties, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, template := range policy.Templates() {
		file, err := template.FS().Open("policy_test.yaml")
		if err != nil {
			f.Fatal(err)
		}
		text := make([]byte, 1<<16)
		n, _ := file.Read(text)
		f.Add(text[:n])
	}
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := policytest.Parse("f", text)
		if err != nil || len(s.Tests) > 20 {
			return
		}
		e, err := policy.Default()
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range s.Tests {
			if len(test.Objects)*len(test.Actions)*(len(test.Allow)+len(test.People)) > 200 {
				return
			}
		}
		if _, err := s.Run(t.Context(), e, policy.DefaultRules()); err != nil {
			t.Fatal(err)
		}
	})
}

func ExampleCheck() {
	// In a test of the host, beside its policy:
	//
	//	func TestPolicy(t *testing.T) {
	//		policytest.Check(t, os.DirFS("policy"), policytest.DefaultFile)
	//	}
	suite, err := policytest.Parse("policy_test.yaml", []byte(`
tests:
  - name: what a viewer may do
    organization: acme
    objects: [account:42]
    actions: [create, read]
    allow:
      viewer: {account:42: [read]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := policy.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := suite.Run(context.Background(), engine, policy.DefaultRules())
	fmt.Println(report.Passed, report.Failed, err)
	// Output: 1 0 <nil>
}
