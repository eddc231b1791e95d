package policytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/gatewright/gatewright/policy"
)

// DefaultFile is the name of the suite that `gatewright policy init` writes.
const DefaultFile = "policy_test.yaml"

// Suite is a test file.
type Suite struct {
	// File is where it was read from.
	File string `yaml:"-"`
	// Model and Rules name the files under test, beside the suite:
	// model.conf and policy.csv, if not given.
	Model string   `yaml:"model"`
	Rules []string `yaml:"rules"`
	// AnySubject lets subjects be called anything, for models that do not name
	// them key:ID and user:ID.
	AnySubject bool `yaml:"any_subject"`
	// Who gives names to those who ask. A name that is not here is a role: a key
	// that holds just this role.
	Who map[string]Who `yaml:"who"`
	// Coverage is the least part of the rules, in percent, that the tests must
	// bring to decide something.
	Coverage float64 `yaml:"coverage"`
	Tests    []Test  `yaml:"tests"`
}

// Who is someone who asks.
type Who struct {
	Subject    string     `yaml:"subject"`
	Roles      []string   `yaml:"roles"`
	Boundary   *[]string  `yaml:"boundary"`
	Scopes     []string   `yaml:"scopes"`
	Attributes Attributes `yaml:"attributes"`
}

// Test is a table (Objects, Actions, Allow) or a single question (Ask, Want).
type Test struct {
	Name         string     `yaml:"name"`
	Line         int        `yaml:"-"`
	Organization string     `yaml:"organization"`
	Attributes   Attributes `yaml:"attributes"`
	Scopes       []string   `yaml:"scopes"`

	Objects []string `yaml:"objects"`
	Actions []string `yaml:"actions"`
	// People are asked for besides those in Allow: nothing is allowed to them.
	People []string `yaml:"people"`
	// Allow lists who may do what: name, then object, then actions. "*" is
	// every object, or every action, of the table.
	Allow map[string]map[string][]string `yaml:"allow"`

	Ask    *Ask   `yaml:"ask"`
	Want   string `yaml:"want"`
	Reason string `yaml:"reason"`
}

// Ask is a single question.
type Ask struct {
	Name         string     `yaml:"who"`
	Organization string     `yaml:"organization"`
	Object       string     `yaml:"object"`
	Action       string     `yaml:"action"`
	Boundary     *[]string  `yaml:"boundary"`
	Scopes       []string   `yaml:"scopes"`
	Attributes   Attributes `yaml:"attributes"`
}

// Attributes are facts for conditions. Numbers keep their decimal form, and
// "time" is a moment.
type Attributes map[string]any

// UnmarshalYAML implements [yaml.Unmarshaler].
func (a *Attributes) UnmarshalYAML(n *yaml.Node) error {
	var nodes map[string]yaml.Node
	if err := n.Decode(&nodes); err != nil {
		return err
	}
	*a = Attributes{}
	for name, node := range nodes {
		var v any
		if err := node.Decode(&v); err != nil {
			return err
		}
		switch value := v.(type) {
		case int, float64:
			v = json.Number(node.Value)
		case string:
			if name == policy.AttributeTime {
				t, err := time.Parse(time.RFC3339, value)
				if err != nil {
					return fmt.Errorf("line %d: time is written 2026-03-04T12:00:00Z", node.Line)
				}
				v = t
			}
		case time.Time, bool:
		default:
			return fmt.Errorf("line %d: attribute %q is a text, a number, true, false or a moment", node.Line, name)
		}
		(*a)[name] = v
	}
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler]: it keeps the line.
func (t *Test) UnmarshalYAML(n *yaml.Node) error {
	type plain Test
	if err := checkKeys(n, testKeys); err != nil {
		return err
	}
	if err := n.Decode((*plain)(t)); err != nil {
		return err
	}
	t.Line = n.Line
	return nil
}

var testKeys = []string{"name", "organization", "attributes", "scopes", "objects", "actions", "people", "allow", "ask", "want", "reason"}

// checkKeys refuses members that are not known; within its own decoding the
// strictness of the decoder is lost.
func checkKeys(n *yaml.Node, known []string) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a test is name: ... and what it asks", n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i]; !slices.Contains(known, key.Value) {
			return fmt.Errorf("line %d, column %d: field %s is not known in a test; it may have: %s", key.Line, key.Column, key.Value, strings.Join(known, ", "))
		}
	}
	return nil
}

// maxSuiteBytes bounds a test file.
const maxSuiteBytes = 4 << 20

// Parse reads a suite from the text of a YAML file. Members that are not known
// are an error.
func Parse(file string, text []byte) (*Suite, error) {
	if len(text) > maxSuiteBytes {
		return nil, fmt.Errorf("%s: is larger than 4 MiB", file)
	}
	s := &Suite{File: file}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("is empty; it begins with tests")
		}
		if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
			// Without the names of Go types, which say nothing to an author.
			lines := make([]string, len(wrong.Errors))
			for i, e := range wrong.Errors {
				lines[i] = strings.Replace(e, "not found in type policytest.", "is not known in ", 1)
			}
			err = errors.New(strings.Join(lines, "\n  "))
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: holds more than one document", file)
	}
	if s.Model == "" {
		s.Model = "model.conf"
	}
	if len(s.Rules) == 0 {
		s.Rules = []string{"policy.csv"}
	}
	return s, s.check()
}

// Read reads a suite from a file system.
func Read(fsys fs.FS, file string) (*Suite, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text)
}

// check refuses tests that test nothing.
func (s *Suite) check() error {
	var problems []error
	bad := func(t *Test, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s:%d: test %q: %s", s.File, t.Line, t.Name, fmt.Sprintf(format, args...)))
	}
	if len(s.Tests) == 0 {
		return fmt.Errorf("%s: has no tests", s.File)
	}
	if s.Coverage < 0 || s.Coverage > 100 {
		problems = append(problems, fmt.Errorf("%s: coverage is a percentage", s.File))
	}
	for i := range s.Tests {
		t := &s.Tests[i]
		table := t.Objects != nil || t.Actions != nil || t.Allow != nil || t.People != nil
		switch {
		case t.Name == "":
			bad(t, "has no name")
		case table == (t.Ask != nil):
			bad(t, "is either a table (objects, actions, allow) or one question (ask, want)")
		case t.Ask != nil && t.Want != "allow" && t.Want != "deny":
			bad(t, "want is allow or deny, not %q", t.Want)
		case t.Ask != nil && (t.Ask.Object == "" || t.Ask.Action == "" || t.Ask.Name == ""):
			bad(t, "ask needs who, object and action")
		case table && (t.Want != "" || t.Reason != ""):
			bad(t, "want and reason belong to one question (ask)")
		case table && (len(t.Objects) == 0 || len(t.Actions) == 0 || len(t.Allow)+len(t.People) == 0):
			bad(t, "a table needs objects, actions, and allow or people")
		case table:
			s.checkTable(t, bad)
		}
	}
	return errors.Join(problems...)
}

// checkTable refuses cells that lie outside the table.
func (s *Suite) checkTable(t *Test, bad func(*Test, string, ...any)) {
	for who, objects := range t.Allow {
		for object, actions := range objects {
			if object != "*" && !slices.Contains(t.Objects, object) {
				bad(t, "allow of %s: %q is not among the objects", who, object)
			}
			for _, action := range actions {
				if action != "*" && !slices.Contains(t.Actions, action) {
					bad(t, "allow of %s: %q is not among the actions", who, action)
				}
			}
		}
	}
}

// Engine compiles the policy that the suite is about.
func (s *Suite) Engine(fsys fs.FS) (*policy.Engine, policy.Rules, error) {
	dir := path.Dir(s.File)
	files := policy.Files{FS: fsys, Model: path.Join(dir, s.Model)}
	for _, r := range s.Rules {
		files.Rules = append(files.Rules, path.Join(dir, r))
	}
	m, rules, err := files.Read()
	if err != nil {
		return nil, rules, err
	}
	e, err := policy.New(policy.Config{Model: m, Rules: rules, InsecureAnySubject: s.AnySubject})
	return e, rules, err
}
