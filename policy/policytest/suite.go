package policytest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
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
	Name         string `yaml:"name"`
	Line         int    `yaml:"-"`
	column       int
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

// UnmarshalYAML implements [yaml.Unmarshaler]: it keeps the place.
func (t *Test) UnmarshalYAML(n *yaml.Node) error {
	type plain Test
	if err := n.Decode((*plain)(t)); err != nil {
		return err
	}
	t.Line, t.column = n.Line, n.Column
	return nil
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
