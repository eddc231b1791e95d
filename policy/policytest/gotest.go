package policytest

import (
	"context"
	"io/fs"
)

// TB is what [Check] needs of a test: *testing.T has it. Package testing itself
// is left out, so that commands which run suites do not link it.
type TB interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// Check runs the suite in a file as part of a Go test.
func Check(t TB, fsys fs.FS, file string) {
	t.Helper()
	s, err := Read(fsys, file)
	if err != nil {
		t.Fatal(err)
	}
	e, rules, err := s.Engine(fsys)
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Run(t.Context(), e, rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		for _, failure := range result.Failures {
			t.Errorf("%s:%d: %s: %s", file, result.Line, result.Name, failure)
		}
	}
	if report.Coverage.Short {
		t.Errorf("%s: %.0f %% of the rules are covered, want %.0f %%", file, report.Coverage.Percent, s.Coverage)
	}
}
