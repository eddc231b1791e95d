package main

import (
	"fmt"
	"strings"
)

// The servers compared.
const (
	gatewright = "gatewright"
	fositeGORM = "fosite+gorm"
	goOAuth2   = "go-oauth2"
)

// memory is the database of go-oauth2.
const memory = "memory"

// cell is one thing to measure.
type cell struct {
	Scenario    string `json:"scenario"`
	Concurrency int    `json:"concurrency"`
	Server      string `json:"server"`
	Database    string `json:"database"`
}

// String is the name of the cell, such as "refresh c=16 gatewright postgres".
func (c cell) String() string {
	return fmt.Sprintf("%s c=%d %s %s", c.Scenario, c.Concurrency, c.Server, c.Database)
}

// plan lists the cells of a round.
func plan(o options) ([]cell, error) {
	var cells []cell
	for _, s := range scenarios {
		for _, n := range o.concurrency {
			for _, server := range []string{gatewright, fositeGORM, goOAuth2} {
				databases := o.databases
				if server == goOAuth2 {
					databases = []string{memory}
				}
				for _, database := range databases {
					c := cell{s.name, n, server, database}
					if s.served(server) && selected(c, o.only) {
						cells = append(cells, c)
					}
				}
			}
		}
	}
	if len(cells) == 0 {
		return nil, fmt.Errorf("-only %q selects nothing", o.only)
	}
	return cells, nil
}

// selected reports whether one of the texts is the cell's scenario or, where it
// is the name of none, a part of the cell's name.
func selected(c cell, only string) bool {
	if only == "" {
		return true
	}
	for _, text := range strings.Split(only, ",") {
		if _, err := scenarioNamed(text); err != nil && strings.Contains(c.String(), text) || text == c.Scenario {
			return true
		}
	}
	return false
}

// interleave turns the order of the servers within a group of cells that are
// compared, so that none is always first.
func interleave(cells []cell, round int) []cell {
	out := make([]cell, 0, len(cells))
	for from := 0; from < len(cells); {
		to := from
		for to < len(cells) && cells[to].Scenario == cells[from].Scenario && cells[to].Concurrency == cells[from].Concurrency {
			to++
		}
		group := cells[from:to]
		for i := range group {
			out = append(out, group[(i+round)%len(group)])
		}
		from = to
	}
	return out
}
