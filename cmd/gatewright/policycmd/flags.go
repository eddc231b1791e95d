package policycmd

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/policy"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(v string) error {
	*l = append(*l, v)
	return nil
}

// flags begins the flags of a subcommand.
func (c *call) flags() *flag.FlagSet {
	f := flag.NewFlagSet(c.command.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&c.format, "format", c.format, "text or json")
	return f
}

// parse reads flags, which may stand before, between and after other arguments,
// and gives the latter.
func (c *call) parse(f *flag.FlagSet, formats ...string) ([]string, error) {
	var rest []string
	args := c.args
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usagef("%v", err)
		}
		if f.NArg() == 0 {
			break
		}
		if n := len(args) - f.NArg(); n > 0 && args[n-1] == "--" {
			rest = append(rest, f.Args()...)
			break
		}
		rest = append(rest, f.Arg(0))
		args = f.Args()[1:]
	}
	if formats = append(formats, "text", "json"); !slices.Contains(formats, c.format) {
		return nil, usagef("--format is %s", strings.Join(formats, ", "))
	}
	return rest, nil
}

// formatOf finds the format among arguments, before they are parsed, so that what
// is wrong with them can be told in it.
func formatOf(args []string) string {
	format := "text"
	for i, arg := range args {
		name, value, given := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		switch {
		case arg == "--":
			return format
		case name != "-format" && name != "format" || !strings.HasPrefix(arg, "-"):
		case given:
			format = value
		case i+1 < len(args):
			format = args[i+1]
		}
	}
	return format
}

// directory reads the flags and the one argument, a directory.
func (c *call) directory(f *flag.FlagSet, formats ...string) (string, error) {
	args, err := c.parse(f, formats...)
	if err != nil {
		return "", err
	}
	if len(args) != 1 || args[0] == "" {
		return "", usagef("name one directory")
	}
	return args[0], nil
}

// disk is the file system as the command line names it, so that messages name
// files as the author did.
type disk struct{}

func (disk) Open(name string) (fs.File, error) { return os.Open(name) }

// maxFile is the largest file that is read; a hundred thousand rules take some 5
// million bytes.
const maxFile = 64 << 20

// ReadFile refuses what is too large, such as a device that never ends.
func (disk) ReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("larger than %d bytes", maxFile)}
	}
	return text, err
}

// filesIn names the files of a policy in a directory.
func filesIn(dir string) policy.Files {
	return policy.Files{FS: disk{}, Model: filepath.Join(dir, "model.conf"), Rules: []string{filepath.Join(dir, "policy.csv")}}
}

// source is where a policy is read from.
type source struct {
	dir, model string
	rules      list
}

func (s *source) register(f *flag.FlagSet) {
	f.StringVar(&s.dir, "dir", "", "directory with model.conf and policy.csv")
	f.StringVar(&s.model, "model", "", "model file")
	f.Var(&s.rules, "rules", "rules file, may be given several times")
}

// files names the files of the policy.
func (s *source) files() (policy.Files, error) {
	switch {
	case s.dir != "" && (s.model != "" || s.rules != nil):
		return policy.Files{}, usagef("give either --dir, or --model and --rules")
	case s.dir != "":
		return filesIn(s.dir), nil
	case s.model == "" || s.rules == nil:
		return policy.Files{}, usagef("--model and --rules are required, or --dir")
	}
	return policy.Files{FS: disk{}, Model: s.model, Rules: s.rules}, nil
}

// engine compiles the policy. Rules that do not name subjects key:ID and
// user:ID, such as Casbin's examples, take subjects of any name.
func (s *source) engine() (*policy.Engine, error) {
	f, err := s.files()
	if err != nil {
		return nil, err
	}
	return compile(f)
}

func compile(f policy.Files) (*policy.Engine, error) {
	m, rules, err := f.Read()
	if err != nil {
		return nil, err
	}
	return policy.New(policy.Config{Model: m, Rules: rules, InsecureAnySubject: !rules.NamesSubjects()})
}

// asker holds the flags of someone who asks.
type asker struct {
	subject, organization string
	roles, scopes         list
	boundary, attributes  list
	capped                bool
}

// person registers the flags that say who asks.
func (a *asker) person(f *flag.FlagSet) {
	f.Var(&a.roles, "role", "role that the subject holds, may be given several times")
	f.Var(&a.boundary, "boundary", "permission that the boundary leaves, may be given several times")
	f.BoolVar(&a.capped, "empty-boundary", false, "a boundary that leaves nothing")
}

// circumstances registers the flags that say what else conditions look at.
func (a *asker) circumstances(f *flag.FlagSet) {
	f.Var(&a.scopes, "scope", "scope of the token, may be given several times")
	f.Var(&a.attributes, "attr", "NAME=VALUE, may be given several times")
}

// question gives what the flags say.
func (a *asker) question() (policy.Question, error) {
	q := policy.Question{Organization: a.organization, Subject: a.subject, Roles: a.roles, Scopes: a.scopes, Boundary: a.boundary, Attributes: map[string]any{}}
	if a.capped && q.Boundary == nil {
		q.Boundary = []string{}
	}
	for _, p := range q.Boundary {
		if !policy.ValidPermission(p) {
			return q, usagef("--boundary %q is not OBJECT:ACTION", p)
		}
	}
	for _, text := range a.attributes {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return q, usagef("--attr is NAME=VALUE, not %q", text)
		}
		q.Attributes[name] = value
		if name == policy.AttributeTime {
			t, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return q, usagef("--attr time is written 2026-03-04T12:00:00Z")
			}
			q.Attributes[name] = t
		} else if json.Valid([]byte(value)) && strings.Trim(value, "-0123456789.") == "" {
			q.Attributes[name] = json.Number(value)
		}
	}
	return q, nil
}

// permission takes OBJECT:ACTION apart.
func permission(text string) (object, action string, err error) {
	i := strings.LastIndexByte(text, ':')
	if i <= 0 || i == len(text)-1 {
		return "", "", usagef("%q is not a permission; write OBJECT:ACTION, as in transaction:read or transaction:42:read", text)
	}
	return text[:i], text[i+1:], nil
}
