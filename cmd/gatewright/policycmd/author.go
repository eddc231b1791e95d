package policycmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/policy/policytest"
)

func runInit(c *call) error {
	f := c.flags()
	name := f.String("template", "organizations", "what to begin from")
	dir, err := c.directory(f)
	if err != nil {
		return err
	}
	t, err := policy.FindTemplate(*name)
	if err != nil {
		return usagef("%v", err)
	}
	written, err := t.Write(dir)
	if err != nil {
		return err
	}
	if c.format == "json" {
		c.json(map[string]any{"template": t.Name, "written": written})
		return nil
	}
	for _, file := range written {
		c.printf("wrote %s\n", file)
	}
	c.printf("next: gatewright policy test %s\n", dir)
	return nil
}

func runLint(c *call) error {
	dir, err := c.directory(c.flags())
	if err != nil {
		return err
	}
	found, err := policy.LintFiles(filesIn(dir))
	if err != nil {
		return err
	}
	for _, file := range suites(dir) {
		_, err := policytest.Read(disk{}, file)
		if invalid := (*policy.InvalidError)(nil); errors.As(err, &invalid) {
			found = append(found, invalid.Findings...)
		} else if err != nil {
			return err
		}
	}
	c.findings(found)
	if slices.ContainsFunc(found, func(f policy.Finding) bool { return f.Level == policy.Error }) {
		return errFindings
	}
	if c.format == "text" && len(found) == 0 {
		c.printf("no findings\n")
	}
	return nil
}

func runFmt(c *call) error {
	f := c.flags()
	check := f.Bool("check", false, "change nothing, fail if something would change")
	dir, err := c.directory(f)
	if err != nil {
		return err
	}
	// Both are formatted before either is written.
	texts := map[string]string{}
	changed := []string{}
	for _, file := range []struct {
		name   string
		format func(file, text string) (string, error)
	}{{"model.conf", policy.FormatModel}, {"policy.csv", policy.FormatRules}} {
		name := filepath.Join(dir, file.name)
		text, err := disk{}.ReadFile(name)
		if err != nil {
			return err
		}
		if texts[name], err = file.format(name, string(text)); err != nil {
			return err
		}
		if texts[name] != string(text) {
			changed = append(changed, name)
		}
	}
	for _, name := range changed {
		if *check {
			break
		}
		if err := replaceFile(name, texts[name]); err != nil {
			return fmt.Errorf("cannot replace %s: %w", name, err)
		}
	}
	if c.format == "json" {
		c.json(map[string]any{"changed": changed})
	} else {
		for _, name := range changed {
			c.printf("%s\n", name)
		}
	}
	if *check && len(changed) > 0 {
		return errUnformatted
	}
	return nil
}

// replaceFile writes a file whole or not at all, so that nobody who watches it
// reads half.
func replaceFile(name, text string) error {
	// What a link leads to is replaced, not the link; and who may read the file
	// stays as it was.
	mode := os.FileMode(0o644)
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
		if info, err := os.Stat(name); err == nil {
			mode = info.Mode().Perm()
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// suites names the test files of a directory.
func suites(dir string) []string {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.yaml"))
	if err != nil {
		return nil
	}
	return files
}

func runTest(c *call) error {
	dir, err := c.directory(c.flags())
	if err != nil {
		return err
	}
	files := suites(dir)
	if len(files) == 0 {
		return fmt.Errorf("there is no *_test.yaml in %s", dir)
	}
	reports, err := policytest.RunFiles(c.ctx, disk{}, files...)
	if err != nil {
		return err
	}
	return c.reports(reports)
}

// reports writes the outcome of suites.
func (c *call) reports(reports []policytest.Report) error {
	failed := slices.ContainsFunc(reports, func(r policytest.Report) bool { return !r.OK() })
	if c.format == "json" {
		c.json(map[string]any{"suites": reports})
	} else {
		told := map[string]bool{}
		for _, r := range reports {
			c.report(r, told)
		}
	}
	if failed {
		return errTests
	}
	return nil
}

// report writes the outcome of one suite, and once each rule that none covers.
func (c *call) report(r policytest.Report, told map[string]bool) {
	for _, result := range r.Results {
		if len(result.Failures) == 0 {
			c.printf("ok    %s (%d asked)\n", result.Name, result.Asked)
			continue
		}
		c.printf("FAIL  %s:%d: %s\n", r.File, result.Line, result.Name)
		for _, failure := range result.Failures {
			c.printf("  %s\n", failure)
		}
	}
	for _, unused := range r.Coverage.Unused {
		if line := unused.String(); !told[line] {
			told[line] = true
			c.printf("not covered: %s\n", line)
		}
	}
	c.printf("%s: %d passed, %d failed, %d of %d rules covered (%.0f %%)\n", r.File, r.Passed, r.Failed, r.Coverage.Covered, r.Coverage.Total, r.Coverage.Percent)
	if r.Coverage.Short {
		c.printf("FAIL  %s: the suite asks for more coverage\n", r.File)
	}
}

func runGraph(c *call) error {
	f := c.flags()
	organization := f.String("org", "", "one organization; all if not given")
	dir, err := c.directory(f, "dot")
	if err != nil {
		return err
	}
	m, rules, err := filesIn(dir).Read()
	if err != nil {
		return err
	}
	g := policy.Draw(m, rules, *organization)
	switch c.format {
	case "json":
		c.json(g)
	case "dot":
		c.printf("%s", g.Dot())
	default:
		c.printf("%s", g.Text())
	}
	return nil
}
