// Command gatewright is the operator's and policy author's command.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/gatewright/gatewright/cmd/gatewright/internal/certcmd"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/configcmd"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/keyscmd"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/migratecmd"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/sealcmd"
	"github.com/gatewright/gatewright/cmd/gatewright/policycmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends a command that does not heed the first
	}()
	code := run(ctx, os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Main(ctx, root(), args, s)
}

// root lists the commands.
func root() command.Command {
	return command.Command{Name: "gatewright", About: "operate an installation, and write its policies", Sub: []command.Command{
		certcmd.Command(),
		sealcmd.Seal(),
		sealcmd.Open(),
		sealcmd.Mask(),
		keyscmd.Command(),
		migratecmd.Command(),
		configcmd.Command(),
		{Name: "policy", Args: "COMMAND", About: "write, test and change authorization policies", Take: runPolicy},
		{Name: "version", About: "tell the version of the command", Run: version},
	}}
}

// runPolicy takes -json for what policycmd calls --format json.
func runPolicy(ctx context.Context, args []string, s command.Streams) int {
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "-json" || arg == "--json" {
			args[i] = "--format=json"
		}
	}
	return policycmd.Run(ctx, args, policycmd.IO{In: s.In, Out: s.Out, Err: s.Err})
}

func version(c *command.Call) error {
	if err := c.None(); err != nil {
		return err
	}
	out := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}{"unknown", "", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		out.Version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				out.Revision = s.Value
			}
		}
	}
	return c.Print(out, func(w io.Writer) { fmt.Fprintf(w, "gatewright %s %s %s\n", out.Version, out.Go, out.Platform) })
}
