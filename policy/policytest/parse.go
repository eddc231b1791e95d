package policytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gatewright/gatewright/policy"
)

// maxSuiteBytes bounds a test file.
const maxSuiteBytes = 4 << 20

// Parse reads a suite from the text of a YAML file. What cannot be read, members
// that are not known, and tests that test nothing are a [*policy.InvalidError]
// with the place of each.
func Parse(file string, text []byte) (*Suite, error) {
	p := parser{file: file}
	root := p.document(text)
	if root == nil {
		return nil, p.err()
	}
	p.members(root)
	s := &Suite{File: file}
	if err := root.Decode(s); err != nil && p.found == nil {
		p.yaml(err)
	}
	if p.found != nil {
		return nil, p.err()
	}
	if s.Model == "" {
		s.Model = "model.conf"
	}
	if len(s.Rules) == 0 {
		s.Rules = []string{"policy.csv"}
	}
	p.suite(s)
	return s, p.err()
}

// Read reads a suite from a file system.
func Read(fsys fs.FS, file string) (*Suite, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text)
}

// parser gathers what is wrong with a test file.
type parser struct {
	file  string
	found []policy.Finding
}

func (p *parser) bad(line, column int, format string, args ...any) {
	p.found = append(p.found, policy.Finding{Level: policy.Error, Code: "bad-test-file", File: p.file, Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) err() error {
	if p.found == nil {
		return nil
	}
	return &policy.InvalidError{Findings: p.found}
}

// document reads the one document of a file, nil if there is none.
func (p *parser) document(text []byte) *yaml.Node {
	if len(text) > maxSuiteBytes {
		p.bad(0, 0, "the file is larger than 4 MiB")
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		p.bad(1, 1, "the file is empty; a suite begins with tests:")
		return nil
	case err != nil:
		p.yaml(err)
		return nil
	}
	switch err := d.Decode(&second); {
	case err == nil:
		p.bad(second.Line, second.Column, "the file holds more than one document; leave the line --- out")
	case !errors.Is(err, io.EOF):
		p.yaml(err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		p.bad(doc.Line, doc.Column, "the file is no suite; a suite is tests: and below it a list of tests")
		return nil
	}
	return doc.Content[0]
}

// place is how YAML says where something is.
var place = regexp.MustCompile(`^(?:yaml: )?line (\d+)(?:, column (\d+))?: `)

// yaml tells what a decoder refuses.
func (p *parser) yaml(err error) {
	messages := []string{err.Error()}
	if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
		messages = wrong.Errors
	}
	for _, message := range messages {
		line, column := 0, 0
		if m := place.FindStringSubmatch(message); m != nil {
			message = message[len(m[0]):]
			line, _ = strconv.Atoi(m[1])
			column, _ = strconv.Atoi(m[2])
		}
		// Go types say nothing to an author.
		message = strings.NewReplacer("!!map", "a mapping", "!!seq", "a list", "!!str", "the text", "!!int", "the number", "!!float", "the number", "!!bool", "", "!!null", "nothing",
			"[]string", "a list of texts", "map[string][]string", "a mapping of lists", "map[string]map[string][]string", "a mapping of mappings of lists",
			"float64", "a number", "policytest.", "", "yaml: ", "").Replace(message)
		p.bad(line, column, "%s", message)
	}
}

// members refuses members that are not known, everywhere.
func (p *parser) members(root *yaml.Node) {
	p.known(root, "a suite", Suite{})
	who := member(root, "who")
	for _, name := range slices.Sorted(maps.Keys(pairs(who))) {
		p.known(member(who, name), fmt.Sprintf("who %q", name), Who{})
	}
	tests := member(root, "tests")
	if tests == nil || tests.Kind != yaml.SequenceNode {
		return
	}
	for _, t := range tests.Content {
		p.known(t, "a test", Test{})
		if ask := member(t, "ask"); ask != nil {
			p.known(ask, "ask", Ask{})
		}
	}
}

// known refuses members of a mapping that the type it is read into has not.
func (p *parser) known(n *yaml.Node, what string, into any) {
	if n.Kind == yaml.AliasNode {
		return // told where it is defined
	}
	known := membersOf(into)
	if n.Kind != yaml.MappingNode {
		p.bad(n.Line, n.Column, "%s is a mapping, as in %s: ...", what, known[0])
		return
	}
	lines := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		first, twice := lines[key.Value]
		switch {
		case twice:
			p.bad(key.Line, key.Column, "%s has %q twice, first in line %d", what, key.Value, first)
		case key.Value != "<<" && !slices.Contains(known, key.Value):
			p.bad(key.Line, key.Column, "%s has no member %q; it may have: %s", what, key.Value, strings.Join(known, ", "))
		}
		lines[key.Value] = key.Line
	}
}

// membersOf names the members that a type is read from.
func membersOf(v any) []string {
	var names []string
	for f := range reflect.TypeOf(v).Fields() {
		if name := f.Tag.Get("yaml"); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// member gives the value of a mapping's member, nil if it has none.
func member(n *yaml.Node, name string) *yaml.Node {
	return pairs(n)[name]
}

// pairs gives the members of a mapping, none for anything else.
func pairs(n *yaml.Node) map[string]*yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	m := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content); i += 2 {
		m[n.Content[i].Value] = n.Content[i+1]
	}
	return m
}

// suite refuses tests that test nothing.
func (p *parser) suite(s *Suite) {
	if len(s.Tests) == 0 {
		p.bad(1, 1, "the suite has no tests")
	}
	if s.Coverage < 0 || s.Coverage > 100 {
		p.bad(1, 1, "coverage is a percentage, from 0 to 100")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Who)) {
		p.boundary(1, 1, fmt.Sprintf("who %q", name), s.Who[name].Boundary)
	}
	for i := range s.Tests {
		p.test(&s.Tests[i])
	}
}

func (p *parser) test(t *Test) {
	bad := func(format string, args ...any) {
		p.bad(t.Line, t.column, "test %q: %s", t.Name, fmt.Sprintf(format, args...))
	}
	table := t.Objects != nil || t.Actions != nil || t.Allow != nil || t.People != nil
	switch {
	case t.Name == "":
		bad("has no name")
	case table == (t.Ask != nil):
		bad("is either a table (objects, actions, allow) or one question (ask, want)")
	case t.Ask != nil && t.Want != "allow" && t.Want != "deny":
		bad("want is allow or deny, not %q", t.Want)
	case t.Ask != nil && (t.Ask.Object == "" || t.Ask.Action == "" || t.Ask.Name == ""):
		bad("ask needs who, object and action")
	case table && (t.Want != "" || t.Reason != ""):
		bad("want and reason belong to one question (ask)")
	case table && (len(t.Objects) == 0 || len(t.Actions) == 0 || len(t.Allow)+len(t.People) == 0):
		bad("a table needs objects, actions, and allow or people")
	case table:
		checkTable(t, bad)
	default:
		p.boundary(t.Line, t.column, fmt.Sprintf("test %q", t.Name), t.Ask.Boundary)
	}
}

// boundary refuses what is no permission: it would permit nothing, so that every
// test that wants a denial would pass.
func (p *parser) boundary(line, column int, what string, boundary *[]string) {
	if boundary == nil {
		return
	}
	for _, permission := range *boundary {
		if !policy.ValidPermission(permission) {
			p.bad(line, column, "%s: the boundary holds %q, which is no permission; write OBJECT:ACTION", what, permission)
		}
	}
}

// checkTable refuses cells that lie outside the table.
func checkTable(t *Test, bad func(string, ...any)) {
	for _, who := range slices.Sorted(maps.Keys(t.Allow)) {
		for _, object := range slices.Sorted(maps.Keys(t.Allow[who])) {
			if object != "*" && !slices.Contains(t.Objects, object) {
				bad("allow of %s: %q is not among the objects", who, object)
			}
			for _, action := range t.Allow[who][object] {
				if action != "*" && !slices.Contains(t.Actions, action) {
					bad("allow of %s: %q is not among the actions", who, action)
				}
			}
		}
	}
}
