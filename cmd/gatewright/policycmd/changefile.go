package policycmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/policy"
)

// changeFile is a file of changes: rows with "+" or "-" before them, each with
// its place.
type changeFile struct {
	add, remove policy.Rules
	rows        []changedRow // both, in the order of the file
}

type changedRow struct {
	fields []string
	line   int
	added  bool
}

// readChanges reads a file of changes, or standard input ("-").
func (c *call) readChanges(m policy.Model, file string) (changeFile, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(io.LimitReader(c.io.In, maxFile))
	} else {
		text, err = disk{}.ReadFile(file)
	}
	if err != nil {
		return changeFile{}, err
	}
	changes, err := parseChanges(m, file, string(text))
	if err == nil && changes.add.Len()+changes.remove.Len() == 0 {
		err = usagef("%s holds no changes", file)
	}
	return changes, err
}

// parseChanges reads changes. The rows to add are checked against the model, so
// that what is wrong is told with its place in the file.
func parseChanges(m policy.Model, file, text string) (changeFile, error) {
	changes := changeFile{add: policy.RulesOf(), remove: policy.RulesOf()}
	for i, line := range strings.Split(text, "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			continue
		case strings.HasPrefix(line, "\ufeff"):
			// ParseRules tells of a byte order mark.
			_, err := policy.ParseRules(file, line)
			return changes, err
		}
		row, err := policy.ParseRules(file, strings.Repeat("\n", i)+strings.Repeat(" ", indent+1)+line[1:])
		if err != nil {
			return changes, err
		}
		if line[0] != '+' && line[0] != '-' || row.Len() != 1 {
			return changes, &policy.InvalidError{Findings: []policy.Finding{finding("bad-change", file, i+1,
				fmt.Sprintf("%q is no change", line), "write + before a row to add, - before one to remove")}}
		}
		added := line[0] == '+'
		if added {
			changes.add = changes.add.Join(row)
		} else {
			changes.remove = changes.remove.Join(row)
		}
		changes.rows = append(changes.rows, changedRow{row.Rows()[0], i + 1, added})
	}
	return changes, errorsIn(file, policy.Lint("", m.Text(), changes.add))
}

// finding is one about a whole row of a file.
func finding(code, file string, line int, message, fix string) policy.Finding {
	return policy.Finding{Level: policy.Error, Code: code, File: file, Line: line, Column: 1, Message: message, Fix: fix}
}

// errorsIn makes an error of the findings of level error in a file.
func errorsIn(file string, found []policy.Finding) error {
	found = slices.DeleteFunc(found, func(f policy.Finding) bool { return f.Level != policy.Error || f.File != file })
	return invalid(found)
}

// invalid makes an error of findings, if there are any.
func invalid(found []policy.Finding) error {
	if len(found) == 0 {
		return nil
	}
	return &policy.InvalidError{Findings: found}
}

// organization tells for which one organization the changes are.
func (f changeFile) organization(m policy.Model, file string) (string, error) {
	var found []policy.Finding
	organization, first := "", 0
	for _, r := range f.rows {
		org, err := m.OrganizationOf(r.fields)
		wrong := (*policy.InvalidError)(nil)
		switch {
		case errors.As(err, &wrong):
			for _, w := range wrong.Findings {
				w.File, w.Line = file, r.line
				found = append(found, w)
			}
		case err != nil:
			return "", err
		case first == 0:
			organization, first = org, r.line
		case org != organization:
			found = append(found, finding("wrong-organization", file, r.line,
				fmt.Sprintf("this row is for %q, and the one in line %d for %q", org, first, organization),
				"apply the changes of each organization by themselves"))
		}
	}
	return organization, invalid(found)
}

// fits refuses to remove a row that is not there and to add one that is. All that
// is removed is gone before anything is added.
func (f changeFile) fits(rows [][]string, file string) error {
	there := map[string]bool{}
	for _, r := range rows {
		there[rowKey(r)] = true
	}
	var found []policy.Finding
	for _, adding := range []bool{false, true} {
		for _, r := range f.rows {
			if r.added != adding {
				continue
			}
			key, text := rowKey(r.fields), strings.Join(r.fields, ", ")
			switch {
			case adding && there[key]:
				found = append(found, finding("row-exists", file, r.line, "there is a rule "+text+" already", "leave it out"))
			case !adding && !there[key]:
				fix := "leave it out"
				if near := nearest(r.fields, rows); near != nil {
					fix = "there is: " + strings.Join(near, ", ")
				}
				found = append(found, finding("row-missing", file, r.line, "there is no rule "+text+" to remove", fix))
			}
			there[key] = adding
		}
	}
	slices.SortFunc(found, func(a, b policy.Finding) int { return a.Line - b.Line })
	return invalid(found)
}

// nearest gives the row that differs from another in the fewest fields, nil if
// none has half of them.
func nearest(row []string, rows [][]string) (near []string) {
	fewest := (len(row)-1)/2 + 1
	for _, r := range rows {
		if r[0] != row[0] || len(r) != len(row) {
			continue
		}
		differ := 0
		for i := range r {
			if r[i] != row[i] {
				differ++
			}
		}
		if differ < fewest {
			near, fewest = r, differ
		}
	}
	return near
}

func rowKey(row []string) string { return strings.Join(row, "\x00") }
