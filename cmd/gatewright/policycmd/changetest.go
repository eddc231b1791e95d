package policycmd

import (
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/policy/policytest"
)

// testChange runs the suites of a directory against the rules as they will be:
// those of the directory, and of a database on top of it.
func (c *call) testChange(at *place, dir string, change policy.Change) error {
	m, rules, err := filesIn(dir).Read()
	if err != nil {
		return err
	}
	rows, err := at.rows(c.ctx, rules)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, r := range change.Remove {
		gone[rowKey(r)] = true
	}
	rows = slices.DeleteFunc(rows, func(r []string) bool { return gone[rowKey(r)] })
	changed := policy.RulesOf(append(rows, change.Add...)...)
	var failed []policytest.Report
	for _, file := range suites(dir) {
		s, err := policytest.Read(disk{}, file)
		if err != nil {
			return err
		}
		if s.Model != "model.conf" || len(s.Rules) != 1 || s.Rules[0] != "policy.csv" {
			continue // about other files
		}
		e, err := policy.New(policy.Config{Model: m, Rules: changed, InsecureAnySubject: s.AnySubject})
		if err != nil {
			return err
		}
		report, err := s.Run(c.ctx, e, changed)
		if err != nil {
			return err
		}
		if report.Failed > 0 {
			// What the change leaves uncovered is for the command test to tell.
			report.Coverage.Unused, report.Coverage.Short = nil, false
			failed = append(failed, report)
		}
	}
	if failed == nil {
		return nil
	}
	if c.format != "json" {
		fmt.Fprintf(c.io.Err, "gatewright policy %s: tests fail with this change; nothing was applied\n", c.command.name)
	}
	return c.reports(failed)
}
