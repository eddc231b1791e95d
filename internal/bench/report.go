package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// figures are the medians of a cell over all rounds.
type figures struct {
	cell
	Rounds      int           `json:"rounds"`
	PerSecond   float64       `json:"per_second"`
	P50         time.Duration `json:"p50_ns"`
	P99         time.Duration `json:"p99_ns"`
	CPU         time.Duration `json:"cpu_ns"`
	DatabaseCPU time.Duration `json:"database_cpu_ns"`
	Memory      int64         `json:"memory"`
}

// ratio is how many times as many requests Gatewright served as a peer: the
// median of the ratios of the rounds.
type ratio struct {
	Scenario    string  `json:"scenario"`
	Concurrency int     `json:"concurrency"`
	Database    string  `json:"database"`
	Peer        string  `json:"peer"`
	Ratio       float64 `json:"ratio"`
	// Lowest and Highest are those of single rounds.
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
	// Aim is the ratio aimed at, 0 where there is none.
	Aim float64 `json:"aim,omitempty"`
}

// comparison is everything that is reported.
type comparison struct {
	Processors int       `json:"processors"`
	Go         string    `json:"go"`
	Warnings   []string  `json:"warnings,omitempty"`
	Figures    []figures `json:"figures"`
	Ratios     []ratio   `json:"ratios"`
}

// aim is what the project wants to reach.
func aim(r ratio) float64 {
	switch r.Scenario {
	case "client_credentials", "client_credentials+refresh", "introspection", "guarded request":
		if r.Peer == goOAuth2 {
			return 1
		}
	case "refresh", "revoke":
		if r.Peer == fositeGORM && r.Database == postgres {
			return 2
		}
	case "reference tokens":
		if r.Peer == goOAuth2 && r.Concurrency == 64 {
			return 0.8
		}
	}
	return 0
}

func report(results []result, warnings []string) comparison {
	out := comparison{Processors: runtime.GOMAXPROCS(0), Go: runtime.Version(), Warnings: warnings}
	byCell := map[cell][]result{}
	var order []cell
	for _, r := range results {
		if byCell[r.cell] == nil {
			order = append(order, r.cell)
		}
		byCell[r.cell] = append(byCell[r.cell], r)
	}
	slices.SortStableFunc(order, func(a, b cell) int { return cmp.Compare(a.group(), b.group()) })
	for _, c := range order {
		rs := byCell[c]
		out.Figures = append(out.Figures, figures{cell: c, Rounds: len(rs),
			PerSecond: median(rs, func(r result) float64 { return r.PerSecond }), P50: median(rs, func(r result) time.Duration { return r.P50 }),
			P99: median(rs, func(r result) time.Duration { return r.P99 }), CPU: median(rs, func(r result) time.Duration { return r.CPU }),
			DatabaseCPU: median(rs, func(r result) time.Duration { return r.DatabaseCPU }), Memory: median(rs, func(r result) int64 { return r.Memory })})
	}
	for _, c := range order {
		if c.Server != gatewright {
			continue
		}
		for _, peer := range []cell{{c.Scenario, c.Concurrency, goOAuth2, memory}, {c.Scenario, c.Concurrency, fositeGORM, c.Database}} {
			if of := ratios(byCell[c], byCell[peer]); len(of) > 0 {
				r := ratio{Scenario: c.Scenario, Concurrency: c.Concurrency, Database: c.Database, Peer: peer.Server,
					Ratio: median(of, func(f float64) float64 { return f }), Lowest: slices.Min(of), Highest: slices.Max(of)}
				r.Aim = aim(r)
				out.Ratios = append(out.Ratios, r)
			}
		}
	}
	return out
}

// group orders cells by scenario and concurrency.
func (c cell) group() int {
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == c.Scenario })
	return i<<32 + c.Concurrency
}

// ratios pairs the rounds of two cells.
func ratios(own, peer []result) []float64 {
	var out []float64
	for _, a := range own {
		for _, b := range peer {
			if a.Round == b.Round && b.PerSecond > 0 {
				out = append(out, a.PerSecond/b.PerSecond)
			}
		}
	}
	return out
}

// median of a member; of an even number, the lower of the two in the middle.
func median[T any, V cmp.Ordered](list []T, of func(T) V) V {
	values := make([]V, len(list))
	for i, v := range list {
		values[i] = of(v)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

func (c comparison) write(w io.Writer) error {
	for _, warning := range c.Warnings {
		fmt.Fprintln(w, "WARNING:", warning)
	}
	fmt.Fprintf(w, "%d processors, shared by server, load generator and database; %s\n\n", c.Processors, c.Go)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\tc\tserver\tdatabase\trequests/s\tp50 ms\tp99 ms\tserver CPU us\tdatabase CPU us\tpeak MiB\t")
	for _, f := range c.Figures {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%.0f\t%.2f\t%.2f\t%.0f\t%.0f\t%d\t\n", f.Scenario, f.Concurrency, f.Server, f.Database, f.PerSecond,
			f.P50.Seconds()*1e3, f.P99.Seconds()*1e3, f.CPU.Seconds()*1e6, f.DatabaseCPU.Seconds()*1e6, f.Memory>>20)
	}
	fmt.Fprintln(t, "\nGatewright over\tc\tpeer\tdatabase\tratio\tlowest\thighest\taim\t")
	for _, r := range c.Ratios {
		goal := ""
		if r.Aim > 0 {
			goal = fmt.Sprintf("%.1f missed", r.Aim)
			if r.Ratio >= r.Aim {
				goal = fmt.Sprintf("%.1f reached", r.Aim)
			}
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%.2f\t%.2f\t%.2f\t%s\t\n", r.Scenario, r.Concurrency, r.Peer, r.Database, r.Ratio, r.Lowest, r.Highest, goal)
	}
	return t.Flush()
}
