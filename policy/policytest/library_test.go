package policytest_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/policy/policytest"
)

// TestLibrary runs the suite of every template, and holds that each lints
// without a finding and is formatted.
func TestLibrary(t *testing.T) {
	t.Parallel()
	for _, template := range policy.Templates() {
		t.Run(template.Name, func(t *testing.T) {
			t.Parallel()
			policytest.Check(t, template.FS(), policytest.DefaultFile)
			found, err := policy.LintFiles(template.Files())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				t.Error(f)
			}
			m, _, err := template.Files().Read()
			if err != nil {
				t.Fatal(err)
			}
			if ok, why := m.Compiled(); !ok {
				t.Error(why)
			}
			for file, format := range map[string]func(string, string) (string, error){"model.conf": policy.FormatModel, "policy.csv": policy.FormatRules} {
				text, err := fs.ReadFile(template.FS(), file)
				if err != nil {
					t.Fatal(err)
				}
				formatted, err := format(file, string(text))
				if err != nil || formatted != string(text) {
					t.Errorf("%s is not formatted (%v); write:\n%s", file, err, formatted)
				}
			}
			if page, err := fs.ReadFile(template.FS(), "README.md"); err != nil || !strings.HasPrefix(string(page), "# ") {
				t.Errorf("page: %v", err)
			}
		})
	}
}
