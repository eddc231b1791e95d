package policytest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/policy"
)

// Report is the outcome of a suite.
type Report struct {
	File     string   `json:"file"`
	Results  []Result `json:"results"`
	Passed   int      `json:"passed"`
	Failed   int      `json:"failed"`
	Coverage Coverage `json:"coverage"`
}

// Result is the outcome of one test.
type Result struct {
	Name string `json:"name"`
	Line int    `json:"line"`
	// Asked is how many questions it put.
	Asked int `json:"asked"`
	// Failures are those answered otherwise than wanted.
	Failures []string `json:"failures,omitempty"`
}

// Coverage is how many rules decided something.
type Coverage struct {
	Covered int     `json:"covered"`
	Total   int     `json:"total"`
	Percent float64 `json:"percent"`
	// Unused are rules that decided nothing.
	Unused []policy.MatchedRule `json:"unused,omitempty"`
	// Short reports that the suite asks for more.
	Short bool `json:"short,omitempty"`
}

// OK reports whether every test passed and enough rules are covered.
func (r Report) OK() bool { return r.Failed == 0 && !r.Coverage.Short }

// runner puts questions and notes which rules answered.
type runner struct {
	suite  *Suite
	engine *policy.Engine
	used   map[string]bool
}

// Run runs the suite against an engine with the given rules.
func (s *Suite) Run(ctx context.Context, e *policy.Engine, rules policy.Rules) (Report, error) {
	r := runner{suite: s, engine: e, used: map[string]bool{}}
	report := Report{File: s.File}
	for i := range s.Tests {
		result, err := r.test(ctx, &s.Tests[i])
		if err != nil {
			return report, fmt.Errorf("%s:%d: %w", s.File, s.Tests[i].Line, err)
		}
		report.Results = append(report.Results, result)
		if len(result.Failures) == 0 {
			report.Passed++
		} else {
			report.Failed++
		}
	}
	report.Coverage = r.coverage(rules)
	report.Coverage.Short = report.Coverage.Percent < s.Coverage
	return report, nil
}

// question makes the question that someone of the suite asks.
func (r *runner) question(name string) policy.Question {
	who, ok := r.suite.Who[name]
	if !ok {
		return policy.Question{Subject: "key:test", Roles: []string{name}, Attributes: map[string]any{}}
	}
	q := policy.Question{Subject: who.Subject, Roles: who.Roles, Scopes: who.Scopes, Attributes: map[string]any{}}
	if q.Subject == "" {
		q.Subject = "key:test"
	}
	if who.Boundary != nil {
		q.Boundary = append([]string{}, *who.Boundary...)
	}
	maps.Copy(q.Attributes, who.Attributes)
	return q
}

func (r *runner) test(ctx context.Context, t *Test) (Result, error) {
	result := Result{Name: t.Name, Line: t.Line}
	if t.Ask != nil {
		return r.single(ctx, t, result)
	}
	names := slices.Sorted(maps.Keys(t.Allow))
	for _, p := range t.People {
		if !slices.Contains(names, p) {
			names = append(names, p)
		}
	}
	for _, name := range names {
		for _, object := range t.Objects {
			for _, action := range t.Actions {
				q := r.question(name)
				q.Organization, q.Object, q.Action = t.Organization, object, action
				q.Scopes = append(slices.Clone(q.Scopes), t.Scopes...)
				maps.Copy(q.Attributes, t.Attributes)
				failure, err := r.ask(ctx, name, q, allowed(t.Allow[name], object, action), "")
				if err != nil {
					return result, err
				}
				result.Asked++
				if failure != "" {
					result.Failures = append(result.Failures, failure)
				}
			}
		}
	}
	return result, nil
}

// allowed reports whether a table lists an action on an object.
func allowed(objects map[string][]string, object, action string) bool {
	for _, key := range []string{object, "*"} {
		if actions := objects[key]; slices.Contains(actions, action) || slices.Contains(actions, "*") {
			return true
		}
	}
	return false
}

func (r *runner) single(ctx context.Context, t *Test, result Result) (Result, error) {
	q := r.question(t.Ask.Name)
	q.Organization, q.Object, q.Action = t.Ask.Organization, t.Ask.Object, t.Ask.Action
	if q.Organization == "" {
		q.Organization = t.Organization
	}
	q.Scopes = append(append(slices.Clone(q.Scopes), t.Scopes...), t.Ask.Scopes...)
	if t.Ask.Boundary != nil {
		q.Boundary = append([]string{}, *t.Ask.Boundary...)
	}
	maps.Copy(q.Attributes, t.Attributes)
	maps.Copy(q.Attributes, t.Ask.Attributes)
	failure, err := r.ask(ctx, t.Ask.Name, q, t.Want == "allow", t.Reason)
	result.Asked = 1
	if failure != "" {
		result.Failures = []string{failure}
	}
	return result, err
}

// ask puts a question and says in words how the answer fails, "" if it does not.
func (r *runner) ask(ctx context.Context, name string, q policy.Question, want bool, reason string) (string, error) {
	x, err := r.engine.Explain(ctx, q)
	if err != nil {
		return "", err
	}
	for _, m := range x.Rules {
		// A rule that allows decides nothing where another one denies.
		if x.Decision.Reason != policy.ReasonExplicitDeny || m.Effect == "deny" {
			r.used[key(m.Rule)] = true
		}
	}
	word := map[bool]string{true: "allow", false: "deny"}
	var b strings.Builder
	switch {
	case x.Decision.Reason == policy.ReasonInvalidQuestion && reason != policy.ReasonInvalidQuestion:
		// It is denied whatever the rules say, so that the test would test nothing.
		return fmt.Sprintf("%s %s %s: the question is malformed: %s", name, q.Action, q.Object, strings.Join(x.Nearest, "; ")), nil
	case x.Decision.Allowed != want:
		fmt.Fprintf(&b, "%s %s %s: %s (%s), want %s", name, q.Action, q.Object, word[x.Decision.Allowed], x.Decision.Reason, word[want])
	case reason != "" && x.Decision.Reason != reason:
		fmt.Fprintf(&b, "%s %s %s: the reason is %s, want %s", name, q.Action, q.Object, x.Decision.Reason, reason)
	default:
		return "", nil
	}
	for _, m := range x.Rules {
		fmt.Fprintf(&b, "\n    by %s", m)
	}
	for _, hint := range x.Nearest {
		fmt.Fprintf(&b, "\n    %s", hint)
	}
	return b.String(), nil
}

func key(fields []string) string { return strings.Join(fields, "\x00") }

func (r *runner) coverage(rules policy.Rules) Coverage {
	c := Coverage{Percent: 100}
	rules.Each(func(fields []string, file string, line int) {
		if fields[0] != "p" {
			return
		}
		c.Total++
		if r.used[key(fields)] {
			c.Covered++
			return
		}
		c.Unused = append(c.Unused, policy.MatchedRule{Rule: fields, File: file, Line: line})
	})
	if c.Total > 0 {
		c.Percent = 100 * float64(c.Covered) / float64(c.Total)
	}
	return c
}
