// Package command is what the subcommands of gatewright have in common: finding
// one, its flags and help, output as text or JSON, and exit codes.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Exit codes. Those of `gatewright policy` are the same.
const (
	ExitOK = iota
	// ExitFailed: something went wrong that is none of the following.
	ExitFailed
	// ExitUsage: the command was called in a way it does not know.
	ExitUsage
	// ExitFindings: what was looked at is not as it must be.
	ExitFindings
	// ExitTests: tests of a policy fail.
	ExitTests
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Command is a command, or a group of them if it has Sub.
type Command struct {
	Name, Args, About string
	// Help is more than About says, in whole lines.
	Help string
	Run  func(*Call) error
	Sub  []Command
	// Take runs the command with its arguments as they are, instead of Run.
	Take func(ctx context.Context, args []string, s Streams) int
}

// Call is one call of a command.
type Call struct {
	context.Context
	IO Streams
	// Flags are to be defined before [Call.Parse].
	Flags *flag.FlagSet

	command *Command
	path    string
	args    []string
	json    bool
}

type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// Usage is the error of a call that the command does not know.
func Usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// findings is an error after which the command exits with [ExitFindings].
type findings struct{ error }

func (f findings) Unwrap() error { return f.error }

// Findings is the error of a command that did its work and found that something
// is not as it must be.
func Findings(format string, args ...any) error { return findings{fmt.Errorf(format, args...)} }

// Main runs a command with its arguments and gives the exit code.
func Main(ctx context.Context, root Command, args []string, s Streams) int {
	c, path := &root, root.Name
	for len(c.Sub) > 0 {
		if len(args) == 0 {
			help(s.Err, c, path)
			return ExitUsage
		}
		if isHelp(args[0]) {
			help(s.Out, c, path)
			return ExitOK
		}
		sub := find(c.Sub, args[0])
		if sub == nil {
			fmt.Fprintf(s.Err, "%s: there is no command %q\n\n", path, args[0])
			help(s.Err, c, path)
			return ExitUsage
		}
		c, path, args = sub, path+" "+args[0], args[1:]
	}
	if c.Take != nil {
		return c.Take(ctx, args, s)
	}
	call := &Call{Context: ctx, IO: s, command: c, path: path, args: args, Flags: flag.NewFlagSet(path, flag.ContinueOnError)}
	call.Flags.SetOutput(io.Discard)
	call.Flags.BoolVar(&call.json, "json", false, "write JSON")
	return call.exit(c.Run(call))
}

func find(commands []Command, name string) *Command {
	for i := range commands {
		if commands[i].Name == name {
			return &commands[i]
		}
	}
	return nil
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

// help lists the commands of a group.
func help(w io.Writer, c *Command, path string) {
	fmt.Fprintf(w, "%s: %s\n\n", path, c.About)
	for _, sub := range c.Sub {
		fmt.Fprintf(w, "  %s\n        %s\n", strings.TrimSpace(path+" "+sub.Name+" "+sub.Args), sub.About)
	}
	fmt.Fprintf(w, "\n%s COMMAND -h tells the flags of a command. Every command takes -json.\n", path)
	fmt.Fprintln(w, "Exit codes: 0 well, 1 failed, 2 usage, 3 something is not as it must be, 4 failing tests.")
}

// Parse reads the flags, which may stand before, between and after other
// arguments, and returns the latter.
func (c *Call) Parse() ([]string, error) {
	var rest []string
	args := c.args
	for {
		if err := c.Flags.Parse(args); err != nil {
			return nil, c.wrong(err)
		}
		if c.Flags.NArg() == 0 {
			return rest, nil
		}
		if n := len(args) - c.Flags.NArg(); n > 0 && args[n-1] == "--" {
			return append(rest, c.Flags.Args()...), nil
		}
		rest = append(rest, c.Flags.Arg(0))
		args = c.Flags.Args()[1:]
	}
}

func (c *Call) wrong(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return Usage("%v", err)
}

// None refuses arguments that are no flags.
func (c *Call) None() error {
	rest, err := c.Parse()
	if err == nil && len(rest) > 0 {
		return Usage("unexpected argument %q", rest[0])
	}
	return err
}

// One takes exactly one argument.
func (c *Call) One(what string) (string, error) {
	rest, err := c.Parse()
	if err == nil && len(rest) != 1 {
		return "", Usage("name one %s", what)
	}
	if err != nil {
		return "", err
	}
	return rest[0], nil
}

// Print writes value as JSON if that was asked for, and else what text writes.
func (c *Call) Print(value any, text func(w io.Writer)) error {
	if !c.json {
		text(c.IO.Out)
		return nil
	}
	e := json.NewEncoder(c.IO.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// exit tells an error and gives the exit code.
func (c *Call) exit(err error) int {
	var usage *usageError
	var found findings
	code := ExitFailed
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, flag.ErrHelp):
		c.usage(c.IO.Out)
		return ExitOK
	case errors.As(err, &usage):
		code = ExitUsage
	case errors.As(err, &found):
		code = ExitFindings
	}
	if c.json {
		line, _ := json.Marshal(map[string]any{"error": err.Error(), "exit_code": code}) // a string and a number
		fmt.Fprintf(c.IO.Err, "%s\n", line)
		return code
	}
	fmt.Fprintf(c.IO.Err, "%s: %v\n", c.path, err)
	if code == ExitUsage {
		fmt.Fprintf(c.IO.Err, "usage: %s (-h tells more)\n", strings.TrimSpace(c.path+" "+c.command.Args))
	}
	return code
}

func (c *Call) usage(w io.Writer) {
	fmt.Fprintf(w, "usage: %s\n\n%s\n", strings.TrimSpace(c.path+" "+c.command.Args), c.command.About)
	if c.command.Help != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.command.Help))
	}
	fmt.Fprintln(w, "\nFlags:")
	c.Flags.VisitAll(func(f *flag.Flag) {
		name, about := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  %s\n        %s\n", strings.TrimSpace("-"+f.Name+" "+name), about)
	})
}
