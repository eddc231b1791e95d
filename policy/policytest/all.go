package policytest

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/policy"
)

// RunFiles runs several suites. Suites about the same model and rules cover
// rules together: each report tells what all of them leave uncovered.
func RunFiles(ctx context.Context, fsys fs.FS, files ...string) ([]Report, error) {
	var suites []*Suite
	var reports []Report
	for _, file := range files {
		s, err := Read(fsys, file)
		if err != nil {
			return nil, err
		}
		e, rules, err := s.Engine(fsys)
		if err != nil {
			return nil, err
		}
		report, err := s.Run(ctx, e, rules)
		if err != nil {
			return nil, err
		}
		suites, reports = append(suites, s), append(reports, report)
	}
	separate := make([]Coverage, len(reports))
	for i, r := range reports {
		separate[i] = r.Coverage
	}
	for i, s := range suites {
		c := &reports[i].Coverage
		for j, other := range suites {
			if s.about() == other.about() {
				c.join(separate[j])
			}
		}
		c.Short = c.Percent < s.Coverage
	}
	return reports, nil
}

// about tells suites about the same files.
func (s *Suite) about() string { return s.Model + "\x00" + strings.Join(s.Rules, "\x00") }

// join takes out of the unused rules those that another suite uses.
func (c *Coverage) join(other Coverage) {
	unused := map[string]bool{}
	for _, m := range other.Unused {
		unused[key(m.Rule)] = true
	}
	c.Unused = slices.DeleteFunc(slices.Clone(c.Unused), func(m policy.MatchedRule) bool { return !unused[key(m.Rule)] })
	c.Covered = c.Total - len(c.Unused)
	if c.Total > 0 {
		c.Percent = 100 * float64(c.Covered) / float64(c.Total)
	}
}
