package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Graph is roles, who holds them, and what they may do, to be drawn.
type Graph struct {
	Links  []GraphLink  `json:"links"`
	Rights []GraphRight `json:"rights"`
}

// GraphLink says that a member holds a role in an organization.
type GraphLink struct {
	Member       string `json:"member"`
	Role         string `json:"role"`
	Organization string `json:"organization,omitempty"`
	// Kind is "g", or "g2" for resources in groups.
	Kind string `json:"kind"`
}

// GraphRight says that a rule gives or denies something.
type GraphRight struct {
	Subject      string `json:"subject"`
	Organization string `json:"organization,omitempty"`
	Object       string `json:"object"`
	Action       string `json:"action"`
	Effect       string `json:"effect"`
}

// Draw makes a graph of rules, those of one organization and of every one, or of
// all if the organization is "".
func Draw(m Model, rules Rules, organization string) Graph {
	g := Graph{Links: []GraphLink{}, Rights: []GraphRight{}}
	if m.def == nil {
		return g
	}
	l := linter{def: m.def}
	wanted := func(org string) bool {
		return organization == "" || org == "" || org == organization || org == everyOrganization
	}
	for _, r := range validRows(m.def, rules) {
		if r.fields[0] != "p" {
			if wanted(domain(r)) {
				g.Links = append(g.Links, GraphLink{r.fields[1], r.fields[2], domain(r), r.fields[0]})
			}
			continue
		}
		if wanted(l.field(r, "dom")) {
			effect := l.field(r, "eft")
			if effect == "" {
				effect = "allow"
			}
			g.Rights = append(g.Rights, GraphRight{l.field(r, "sub"), l.field(r, "dom"), l.field(r, "obj"), l.field(r, "act"), effect})
		}
	}
	return g
}

// Text writes the graph as an indented list: each role or subject, what it
// inherits and what it may do.
func (g Graph) Text() string {
	lines := map[string]*strings.Builder{}
	about := func(name string) *strings.Builder {
		if lines[name] == nil {
			lines[name] = &strings.Builder{}
		}
		return lines[name]
	}
	for _, l := range g.Links {
		fmt.Fprintf(about(l.Member), "  is    %s%s\n", l.Role, in(l.Organization))
	}
	for _, r := range g.Rights {
		fmt.Fprintf(about(r.Subject), "  %-5s %s %s%s\n", r.Effect, r.Action, r.Object, in(r.Organization))
	}
	var b strings.Builder
	for _, n := range g.names() {
		b.WriteString(n + "\n" + lines[n].String())
	}
	return b.String()
}

func in(organization string) string {
	switch organization {
	case "":
		return ""
	case everyOrganization:
		return "  in every organization"
	}
	return "  in " + organization
}

// names lists members and subjects, in the order of the alphabet.
func (g Graph) names() []string {
	var names []string
	for _, l := range g.Links {
		names = append(names, l.Member)
	}
	for _, r := range g.Rights {
		names = append(names, r.Subject)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Dot writes the graph for Graphviz.
func (g Graph) Dot() string {
	var b strings.Builder
	b.WriteString("digraph policy {\n  rankdir=LR;\n  node [shape=box];\n")
	quote := func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	for _, l := range g.Links {
		fmt.Fprintf(&b, "  %s -> %s [label=%s];\n", quote(l.Member), quote(l.Role), quote(strings.TrimSpace(in(l.Organization))))
	}
	for _, r := range g.Rights {
		what := quote(r.Object)
		style := ""
		if r.Effect == "deny" {
			style = ", color=red, style=dashed"
		}
		fmt.Fprintf(&b, "  %s [shape=ellipse];\n  %s -> %s [label=%s%s];\n", what, quote(r.Subject), what, quote(strings.TrimSpace(r.Action+in(r.Organization))), style)
	}
	b.WriteString("}\n")
	return b.String()
}
