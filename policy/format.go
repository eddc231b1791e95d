package policy

import (
	"strings"
	"unicode/utf8"
)

// FormatRules writes the text of a rules file in one way: fields aligned within
// each block of rows of one kind, one space after commas, quotes only where
// needed. Comments, empty lines and the order of rows stay. Formatting twice is
// the same as once. A file that cannot be read is an [*InvalidError].
func FormatRules(file, text string) (string, error) {
	if _, err := ParseRules(file, text); err != nil {
		return "", err
	}
	var b strings.Builder
	var block [][]string
	flush := func() {
		widths := columnWidths(block)
		for _, fields := range block {
			writeRow(&b, fields, widths)
		}
		block = nil
	}
	empty := true // drop empty lines at the begin, and all but one together
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		r, err := parseRow(line)
		if err != nil {
			return "", err
		}
		if r.fields != nil {
			if block != nil && block[0][0] != r.fields[0] {
				flush()
			}
			block = append(block, r.fields)
			empty = false
			continue
		}
		flush()
		if line == "" {
			if !empty {
				b.WriteByte('\n')
			}
			empty = true
			continue
		}
		b.WriteString(line)
		b.WriteByte('\n')
		empty = false
	}
	flush()
	return strings.TrimRight(b.String(), "\n") + trailing(b.String()), nil
}

func trailing(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return "\n"
}

// columnWidths gives the widest field of each column.
func columnWidths(rows [][]string) []int {
	var widths []int
	for _, fields := range rows {
		for i, f := range fields {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(quoteField(f)))
		}
	}
	return widths
}

// FormatModel writes the text of a model file in one way: one space around =,
// after commas and around && and ||, an empty line before each section.
// Comments and line breaks stay. A file that is not a model is an
// [*InvalidError].
func FormatModel(file, text string) (string, error) {
	if _, err := ParseModel(file, text); err != nil {
		return "", err
	}
	var b strings.Builder
	var last string
	continued := false
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			if last != "" {
				b.WriteByte('\n')
			}
		case line[0] == '[' || line[0] == '#' || line[0] == ';':
			if line[0] == '[' && last != "" && last[0] != '#' && last[0] != ';' {
				b.WriteByte('\n')
			}
			b.WriteString(line + "\n")
		default:
			code, comment := line, ""
			if i := strings.IndexAny(line, "#;"); i >= 0 {
				code, comment = strings.TrimSpace(line[:i]), " "+line[i:]
			}
			if continued {
				b.WriteByte(' ')
			} else if key, value, ok := strings.Cut(code, "="); ok {
				code = strings.TrimSpace(key) + " = " + strings.TrimSpace(value)
			}
			b.WriteString(spaced(code) + comment + "\n")
		}
		continued = strings.HasSuffix(line, `\`)
		last = line
	}
	return strings.TrimSpace(b.String()) + "\n", nil
}

// spaced puts one space after commas and around && and ||, outside quotes, and
// makes runs of spaces one.
func spaced(code string) string {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(code); i++ {
		c := code[i]
		switch {
		case quote != 0:
			b.WriteByte(c)
			if c == quote {
				quote = 0
			}
			continue
		case c == '"' || c == '\'':
			quote = c
		case c == ',':
			trimRight(&b)
			b.WriteString(", ")
			continue
		case i+1 < len(code) && (code[i:i+2] == "&&" || code[i:i+2] == "||"):
			trimRight(&b)
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(code[i:i+2] + " ")
			i++
			continue
		case c == ' ' || c == '\t':
			if s := b.String(); s != "" && s[len(s)-1] != ' ' {
				b.WriteByte(' ')
			}
			continue
		}
		b.WriteByte(c)
	}
	return strings.TrimRight(b.String(), " ")
}

func trimRight(b *strings.Builder) {
	s := strings.TrimRight(b.String(), " ")
	b.Reset()
	b.WriteString(s)
}
