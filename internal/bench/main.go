// Command bench compares Gatewright with its peers, side by side in one run and
// over real HTTP: plain fosite with a straightforward GORM store, and go-oauth2
// with its memory store. Every cell (a scenario, a concurrency, a server, a
// database) gets a server in a process of its own over a fresh database with
// durable commits; this process is the load generator and checks every answer.
// Rounds are interleaved, and what is reported are medians.
//
//	go run ./internal/bench -c 1,16,64 -databases sqlite,postgres -rounds 5
//
// PostgreSQL is found by the variable GATEWRIGHT_TEST_POSTGRES (a postgres://
// URL); schemas are made in it and dropped again.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what the command line asks for.
type options struct {
	duration    time.Duration
	rounds      int
	concurrency []int
	databases   []string
	only        string
	profiles    string
	json        bool
	postgres    string
}

func main() {
	serveIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	cells, err := plan(o)
	if err != nil {
		return err
	}
	warnings, err := checkDurability(ctx, o)
	if err != nil {
		return err
	}
	var results []result
	for round := range o.rounds {
		for i, c := range interleave(cells, round) {
			fmt.Fprintf(progress, "\rround %d of %d, cell %d of %d: %-60s", round+1, o.rounds, i+1, len(cells), c)
			r, err := c.run(ctx, o)
			if err != nil {
				return fmt.Errorf("%s: %w", c, err)
			}
			r.Round = round
			results = append(results, r)
		}
	}
	fmt.Fprintf(progress, "\r%-100s\r", "")
	if o.json {
		return json.NewEncoder(out).Encode(report(results, warnings))
	}
	return report(results, warnings).write(out)
}

func parse(args []string) (options, error) {
	o := options{postgres: os.Getenv("GATEWRIGHT_TEST_POSTGRES")}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.DurationVar(&o.duration, "for", time.Second, "how long a cell is measured")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds, of which medians are taken")
	concurrency := flags.String("c", "1,16,64", "concurrent connections")
	databases := flags.String("databases", "sqlite,postgres", "databases")
	flags.StringVar(&o.only, "only", "", "only these scenarios, or cells whose name holds one of these texts; separated by commas")
	flags.StringVar(&o.profiles, "profile", "", "write profiles of each server into this folder")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, text := range strings.Split(*concurrency, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return o, fmt.Errorf("-c: %q is no number of connections", text)
		}
		o.concurrency = append(o.concurrency, n)
	}
	for _, name := range strings.Split(*databases, ",") {
		if name = strings.TrimSpace(name); !slices.Contains([]string{sqlite, postgres}, name) {
			return o, fmt.Errorf("-databases: %q is neither %s nor %s", name, sqlite, postgres)
		}
		o.databases = append(o.databases, name)
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q is not understood", flags.Arg(0))
	case o.duration <= 0:
		return o, fmt.Errorf("-for must be positive")
	case o.rounds < 1:
		return o, fmt.Errorf("-rounds must be positive")
	case slices.Contains(o.databases, postgres) && o.postgres == "":
		return o, fmt.Errorf("-databases: set GATEWRIGHT_TEST_POSTGRES to a postgres:// URL, or leave postgres out")
	}
	return o, nil
}
