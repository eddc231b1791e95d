// Package policycmd is `gatewright policy`: what an author of policies does from
// the command line.
package policycmd

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/gatewright/gatewright/policy"
)

// Exit codes of the command.
const (
	ExitOK = iota
	// ExitFailed: the command could not do its work, for a reason that is none
	// of the following: a file that cannot be read, a conflict.
	ExitFailed
	// ExitUsage: the command was called in a way it does not know.
	ExitUsage
	// ExitFindings: a model, rules, changes or tests have findings of level
	// error.
	ExitFindings
	// ExitTests: tests of a policy fail.
	ExitTests
)

// IO is where the command reads and writes.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// command is one of the subcommands.
type command struct {
	name, args, about string
	run               func(*call) error
}

// commands in the order of an author's day.
func commands() []command {
	return []command{
		{"init", "[--template NAME] DIR", "write a starter model, rules and tests", runInit},
		{"lint", "DIR", "look for everything wrong with a policy", runLint},
		{"fmt", "[--check] DIR", "write model and rules in one way", runFmt},
		{"test", "DIR", "run the test suites (*_test.yaml) of a policy", runTest},
		{"check", "--model FILE --rules FILE ARG...", "decide one request, its values in the model's order", runCheck},
		{"explain", "--dir DIR ARG...", "decide one request and say why", runExplain},
		{"can", "--dir DIR --org ORG [--subject S] [--role R] PERMISSION", "say whether someone may do something", runCan},
		{"who-can", "--dir DIR --org ORG PERMISSION", "list the roles and subjects that may do something", runWhoCan},
		{"graph", "[--org ORG] [--format text|json|dot] DIR", "draw roles and permissions", runGraph},
		{"diff", "OLD NEW | --org ORG --from N --to N DIR", "compare two policies, or two revisions of one", runDiff},
		{"simulate", "--replay FILE DIR", "say which recorded decisions a policy would change", runSimulate},
		{"apply", "[--dry-run] [--revision N] [--actor WHO] [--no-test] DIR CHANGES", "check, test and apply changes: rows with + or - before them", runApply},
		{"history", "[--org ORG] DIR", "list applied changes, the newest first", runHistory},
		{"rollback", "--org ORG --to N [--dry-run] [--actor WHO] DIR", "bring rules back to what they were at a revision", runRollback},
	}
}

// usageError is a call that the command does not know.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// asUsage makes an error of package policy one of usage.
func asUsage(err error) error { return usagef("%s", strings.TrimPrefix(err.Error(), "policy: ")) }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// These say with what the command ends; what is wrong was written already.
var (
	errTests       = errors.New("tests fail")
	errFindings    = errors.New("the policy has errors")
	errUnformatted = errors.New("some files are not formatted")
)

// call is one call of a subcommand.
type call struct {
	ctx     context.Context
	io      IO
	command command
	args    []string
	format  string
}

// Run runs `gatewright policy` with the arguments after "policy" and gives the
// exit code. With --format json, whatever is written to streams.Out is one JSON
// value, errors included.
func Run(ctx context.Context, args []string, streams IO) int {
	c := &call{ctx: ctx, io: streams, format: formatOf(args)}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(streams.Err)
		if len(args) == 0 {
			return ExitUsage
		}
		return ExitOK
	}
	for _, known := range commands() {
		if known.name == args[0] {
			c.command, c.args = known, args[1:]
			return c.exit(known.run(c))
		}
	}
	return c.exit(usagef("there is no command %q", args[0]))
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "gatewright policy: write, test and change authorization policies")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  gatewright policy %s %s\n        %s\n", c.name, c.args, c.about)
	}
	fmt.Fprintln(w, "\nEvery command takes --format text|json. apply, history, rollback and diff take --store sqlite:FILE")
	fmt.Fprintln(w, "to work on the rules in a database, on top of those of the directory.")
	fmt.Fprintln(w, "Exit codes: 0 well, 1 the work could not be done (a file that is not there, a conflict, files that")
	fmt.Fprintln(w, "fmt --check would change), 2 usage, 3 findings of level error in a model, rules, changes or tests, 4 failing tests.")
}

// exit tells an error and gives the exit code.
func (c *call) exit(err error) int {
	var wrong *usageError
	var invalid *policy.InvalidError
	var refused interface{ Refusal() (int, string) }
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, flag.ErrHelp):
		return c.help()
	case errors.Is(err, errTests):
		return ExitTests
	case errors.Is(err, errFindings):
		return ExitFindings
	case errors.As(err, &invalid):
		c.findings(invalid.Findings)
		return ExitFindings
	case errors.As(err, &wrong):
		c.failed("usage", err)
		return ExitUsage
	case errors.Is(err, errUnformatted) && c.format == "json":
		return ExitFailed
	case errors.As(err, &refused):
		_, code := refused.Refusal()
		c.failed(code, err)
		return ExitFailed
	}
	c.failed("failed", err)
	return ExitFailed
}

// help tells how a command is called.
func (c *call) help() int {
	line := "gatewright policy " + c.command.name + " " + c.command.args
	if c.format == "json" {
		c.json(map[string]string{"usage": line})
	} else {
		fmt.Fprintln(c.io.Err, "usage: "+line)
	}
	return ExitOK
}

// failed writes an error, in JSON with a stable code.
func (c *call) failed(code string, err error) {
	message := strings.TrimPrefix(err.Error(), "policy: ")
	if c.format == "json" {
		c.json(map[string]any{"error": map[string]string{"code": code, "message": message}})
		return
	}
	if c.command.run == nil {
		fmt.Fprintf(c.io.Err, "gatewright policy: %s\n", message)
		usage(c.io.Err)
		return
	}
	fmt.Fprintf(c.io.Err, "gatewright policy %s: %s\n", c.command.name, message)
	if code == "usage" {
		fmt.Fprintf(c.io.Err, "usage: gatewright policy %s %s\n", c.command.name, c.command.args)
	}
}

// findings writes findings as the format asks.
func (c *call) findings(list []policy.Finding) {
	if list == nil {
		list = []policy.Finding{}
	}
	if c.format == "json" {
		c.json(struct {
			Findings []policy.Finding `json:"findings"`
		}{list})
		return
	}
	for _, f := range list {
		fmt.Fprintln(c.io.Out, f)
	}
}

// json writes a value as indented JSON.
func (c *call) json(v any) {
	e := json.NewEncoder(c.io.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		fmt.Fprintln(c.io.Err, err)
	}
}

func (c *call) printf(format string, args ...any) { fmt.Fprintf(c.io.Out, format, args...) }
