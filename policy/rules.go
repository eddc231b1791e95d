package policy

import (
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rules are policy rows, each with the place it was read from. The zero Rules
// is no configuration at all and is refused by [New]; rules read from an empty
// file are valid and allow nothing. Rules are immutable and safe to share.
type Rules struct {
	rows   []row
	parsed bool
}

// row is one rule: "p" or "g" and its fields, and where it stands.
type row struct {
	fields []string
	file   string
	line   int
	cols   []int
}

func (r row) at(field int) (line, col int) {
	if field < len(r.cols) {
		return r.line, r.cols[field]
	}
	return r.line, 1
}

// finding makes a finding about one field of the row.
func (r row) finding(level Level, code string, field int, message, fix string) Finding {
	line, col := r.at(field)
	return Finding{Level: level, Code: code, File: r.file, Line: line, Column: col, Message: message, Fix: fix}
}

// IsZero reports whether the rules were never given.
func (r Rules) IsZero() bool { return !r.parsed }

// Len is the number of rows.
func (r Rules) Len() int { return len(r.rows) }

// Rows gives a copy of the rows, each "p" or "g" and its fields.
func (r Rules) Rows() [][]string {
	rows := make([][]string, len(r.rows))
	for i, w := range r.rows {
		rows[i] = slices.Clone(w.fields)
	}
	return rows
}

// Each calls f for every row with the file and line it was read from.
func (r Rules) Each(f func(fields []string, file string, line int)) {
	for _, w := range r.rows {
		f(slices.Clone(w.fields), w.file, w.line)
	}
}

// With gives the rules and more rows after them.
func (r Rules) With(rows ...[]string) Rules {
	more := RulesOf(rows...)
	return Rules{rows: append(slices.Clone(r.rows), more.rows...), parsed: true}
}

// Join gives the rules and those of others after them.
func (r Rules) Join(others ...Rules) Rules {
	joined := Rules{rows: slices.Clone(r.rows), parsed: r.parsed}
	for _, o := range others {
		joined.rows = append(joined.rows, o.rows...)
		joined.parsed = joined.parsed || o.parsed
	}
	return joined
}

// RulesOf makes rules of rows, each "p" or "g" and its fields, as a store keeps
// them.
func RulesOf(rows ...[]string) Rules {
	r := Rules{rows: make([]row, len(rows)), parsed: true}
	for i, fields := range rows {
		r.rows[i] = row{fields: slices.Clone(fields), line: i + 1}
	}
	return r
}

// ParseRules reads rules from the text of a Casbin policy file: one row a line,
// fields divided by commas, "#" before a comment line. The file name is only
// for messages. What Casbin would take for part of a field without a word, such
// as a comment after the last one, is refused when the rules are compiled.
func ParseRules(file, text string) (Rules, error) {
	var found findings
	rules := Rules{parsed: true}
	text = withoutMark(file, text, &found)
	for i, line := range strings.Split(text, "\n") {
		r, err := parseRow(line)
		switch {
		case err != nil:
			var parse *csv.ParseError
			col, message := 1, err.Error()
			if errors.As(err, &parse) {
				col, message = parse.Column, parse.Err.Error()
			}
			found.add(Finding{Level: Error, Code: "bad-row", File: file, Line: i + 1, Column: col, Message: message,
				Fix: `write fields divided by commas, and put one that holds a comma or a quote in "double quotes"`})
		case r.fields != nil:
			r.file, r.line = file, i+1
			rules.rows = append(rules.rows, r)
		}
	}
	return rules, found.errors()
}

// withoutMark tells of a byte order mark, which Casbin would take for part of the
// first name, and gives the text after it.
func withoutMark(file, text string, found *findings) string {
	rest, marked := strings.CutPrefix(text, "\ufeff")
	if marked {
		found.add(Finding{Level: Error, Code: "byte-order-mark", File: file, Line: 1, Column: 1,
			Message: "the file begins with a byte order mark, which cannot be seen", Fix: "save it as UTF-8 without BOM"})
	}
	return rest
}

// parseRow reads one line; no fields for an empty line or a comment.
func parseRow(line string) (row, error) {
	text := strings.TrimSpace(line)
	if text == "" || text[0] == '#' {
		return row{}, nil
	}
	offset := strings.Index(line, text)
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace = true
	r.FieldsPerRecord = -1
	fields, err := r.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return row{}, nil
		}
		return row{}, err
	}
	w := row{fields: fields, cols: make([]int, len(fields))}
	for i := range fields {
		_, col := r.FieldPos(i)
		w.cols[i] = offset + col
	}
	return w, nil
}

// ReadRules reads the rules of one or more policy files of a file system.
func ReadRules(fsys fs.FS, files ...string) (Rules, error) {
	rules := Rules{parsed: len(files) > 0}
	for _, file := range files {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return Rules{}, err
		}
		more, err := ParseRules(file, string(text))
		if err != nil {
			return Rules{}, err
		}
		rules.rows = append(rules.rows, more.rows...)
	}
	return rules, nil
}

// CSV writes the rules as the text of a Casbin policy file, quoting what needs
// it, so that [ParseRules] and Casbin read the same rows back.
func (r Rules) CSV() string {
	var b strings.Builder
	for _, w := range r.rows {
		writeRow(&b, w.fields, nil)
	}
	return b.String()
}

// writeRow writes one row, its fields padded to widths where there are some.
func writeRow(b *strings.Builder, fields []string, widths []int) {
	for i, f := range fields {
		q := quoteField(f)
		b.WriteString(q)
		if i == len(fields)-1 {
			break
		}
		b.WriteString(", ")
		if i < len(widths) {
			b.WriteString(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(q))))
		}
	}
	b.WriteByte('\n')
}

// quoteField quotes a field where CSV needs it.
func quoteField(f string) string {
	if f != "" && !strings.ContainsAny(f, "\",#\n\r") && strings.TrimSpace(f) == f {
		return f
	}
	return `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
}

// maxFieldBytes is the longest field of a rule.
const maxFieldBytes = 512

// checkField says what is wrong with a field of any rule, "" if nothing.
func checkField(f string) string {
	switch {
	case f == "":
		return "is empty"
	case len(f) > maxFieldBytes:
		return "is longer than 512 bytes"
	case !utf8.ValidString(f):
		return "is not UTF-8"
	case strings.TrimSpace(f) != f:
		return "begins or ends with a space"
	case strings.IndexFunc(f, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) >= 0:
		return "holds a control character"
	case strings.IndexFunc(f, unseen) >= 0:
		return "holds a character that cannot be seen"
	}
	return ""
}

// unseen reports whether a character has no width: two names that differ in it
// look the same, and a rule about one of them says nothing about the other.
func unseen(r rune) bool { return unicode.Is(unicode.Cf, r) }

// sameRow reports whether two rows are the same rule.
func sameRow(a, b []string) bool { return slices.Equal(a, b) }

// rowKey is a key by which equal rows are equal; fields hold no control
// characters, so the separator is never part of one.
func rowKey(fields []string) string { return strings.Join(fields, "\x00") }
