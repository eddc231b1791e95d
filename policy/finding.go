package policy

import (
	"fmt"
	"sort"
	"strings"
)

// Level says how grave a finding is.
type Level int

const (
	// Warning marks what works but is probably not meant.
	Warning Level = iota + 1
	// Error marks what is refused.
	Error
)

// String gives "warning" or "error".
func (l Level) String() string {
	switch l {
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "none"
}

// MarshalText gives the same as String, for JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is one thing wrong with a model, a rule or a test file, and what to
// write instead.
type Finding struct {
	Level Level  `json:"level"`
	Code  string `json:"code"`
	File  string `json:"file,omitempty"`
	// Line and Column count from 1; 0 where there is none.
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	// Fix says what to write instead.
	Fix string `json:"fix,omitempty"`
}

// String gives "file:line:column: level: message (code); fix".
func (f Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, max(f.Column, 1))
		}
		b.WriteString(": ")
	} else if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", f.Line, max(f.Column, 1))
	}
	fmt.Fprintf(&b, "%s: %s (%s)", f.Level, f.Message, f.Code)
	if f.Fix != "" {
		b.WriteString("; ")
		b.WriteString(f.Fix)
	}
	return b.String()
}

// InvalidError is the refusal of a model, rules or a change, with every finding
// of level [Error] behind it.
type InvalidError struct{ Findings []Finding }

// Error lists the findings, one a line.
func (e *InvalidError) Error() string {
	lines := make([]string, 0, len(e.Findings))
	for _, f := range e.Findings {
		lines = append(lines, f.String())
	}
	return "policy: " + strings.Join(lines, "\n")
}

// Refusal says how the error is told to a client of an administrative API.
func (e *InvalidError) Refusal() (status int, code string) { return 422, "invalid_policy" }

// findings collects what is found.
type findings []Finding

func (fs *findings) add(f Finding) { *fs = append(*fs, f) }

// errors gives the errors among the findings as one error, nil if there are none.
func (fs findings) errors() error {
	var bad []Finding
	for _, f := range fs {
		if f.Level == Error {
			bad = append(bad, f)
		}
	}
	if bad == nil {
		return nil
	}
	return &InvalidError{Findings: bad}
}

// sorted orders findings by file, line and column.
func (fs findings) sorted() []Finding {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i], fs[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return fs
}

// asFindings takes the findings out of an error of this package, or wraps
// another error as one.
func asFindings(err error, file string) []Finding {
	if err == nil {
		return nil
	}
	if invalid, ok := err.(*InvalidError); ok {
		return invalid.Findings
	}
	return []Finding{{Level: Error, Code: "unreadable", File: file, Message: err.Error()}}
}
