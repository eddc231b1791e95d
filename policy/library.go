package policy

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Template is a ready model with rules and tests, to begin from.
type Template struct {
	// Name is "organizations", "deny", "conditions" or "sharing".
	Name string
	// Title says what it is for.
	Title string
	files fs.FS
}

// templateFiles are what a template consists of.
var templateFiles = []string{"model.conf", "policy.csv", "policy_test.yaml"}

// Templates lists the ready models, the default one first.
func Templates() []Template {
	list := []Template{
		{Name: "organizations", Title: "roles with organizations, the default"},
		{Name: "deny", Title: "roles where a denial wins, for a single organization"},
		{Name: "conditions", Title: "roles with conditions on environment, scope, address, time and amount"},
		{Name: "sharing", Title: "sharing of single resources, next to roles"},
	}
	for i := range list {
		sub, err := fs.Sub(library, "library/"+list[i].Name)
		if err == nil {
			list[i].files = sub
		}
	}
	return list
}

// FindTemplate gives the template of a name.
func FindTemplate(name string) (Template, error) {
	var names []string
	for _, t := range Templates() {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Template{}, fmt.Errorf("policy: there is no template %q; there are %s", name, strings.Join(names, ", "))
}

// Files are the model and rules of the template.
func (t Template) Files() Files { return DefaultFiles(t.files) }

// FS holds model.conf, policy.csv, policy_test.yaml and README.md.
func (t Template) FS() fs.FS { return t.files }

// Write writes the template into a directory, which it makes if need be. If one
// of the files is there already, nothing is written.
func (t Template) Write(dir string) (written []string, err error) {
	for _, name := range templateFiles {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, fmt.Errorf("policy: %s is there already: %w", filepath.Join(dir, name), fs.ErrExist)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, name := range templateFiles {
		text, err := fs.ReadFile(t.files, name)
		if err != nil {
			return written, err
		}
		file := filepath.Join(dir, name)
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return written, err
		}
		_, err = f.Write(text)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return written, err
		}
		written = append(written, file)
	}
	return slices.Clip(written), nil
}
