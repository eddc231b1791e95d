// Package configcmd is `gatewright config`: how an installation is configured.
package configcmd

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/jose"
)

// Command is the command.
func Command() command.Command {
	return command.Command{Name: "config", About: "tell how an installation is configured", Sub: []command.Command{
		{Name: "report", Args: "[-demand CONTROL]... [FILE]", About: "read the report of a running server, and check it", Run: report,
			Help: `Reads what the server wrote of authz.Installation.Report as JSON, from FILE or standard input, and writes it as text:
which control is on, where, and why. A report of the bank's environments uat and production must have every control of
theirs on; -demand names further ones. Exits with 3 if one is off or missing.`},
	}}
}

// demanded are the controls that the bank's environments always have, by the
// names of the report.
var demanded = []string{"tls", "client headers", "address list", "mutual tls", "sealed messages", "bound accounts"}

func report(c *command.Call) error {
	var more command.List
	c.Flags.Var(&more, "demand", "a `control` that must be on; may be given several times")
	rest, err := c.Parse()
	if err != nil {
		return err
	}
	if len(rest) > 1 {
		return command.Usage("name one file")
	}
	data, err := c.Read(slices.Concat(rest, []string{"-"})[0])
	if err != nil {
		return err
	}
	var r authz.Report
	if jose.CheckJSON(data) != nil || json.Unmarshal(data, &r) != nil || r.Environment == "" || len(r.Controls) == 0 {
		return fmt.Errorf("this is no report of an installation")
	}
	if err := c.Print(r, func(w io.Writer) { fmt.Fprint(w, r) }); err != nil {
		return err
	}
	want := []string(more)
	if e := authz.Environment(r.Environment); e == authz.UAT || e == authz.Production {
		want = append(slices.Clone(demanded), more...)
	}
	var off []string
	for _, name := range want {
		if !slices.ContainsFunc(r.Controls, func(c authz.ControlReport) bool { return c.Name == name && c.On }) {
			off = append(off, name)
		}
	}
	if len(off) > 0 {
		return command.Findings("not on: %q", off)
	}
	return nil
}
