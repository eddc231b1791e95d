package policy

import (
	"fmt"
	"strings"
)

// readEntries reads the sections and keys of a model file as Casbin does
// (comments from # or ; to the end of the line, a backslash at the end continues
// it), and refuses what Casbin passes over in silence.
func readEntries(file, text string, found *findings) map[string]entry {
	entries := map[string]entry{}
	r := entryReader{file: file, found: found, entries: entries}
	text = withoutMark(file, text, found)
	for i, line := range strings.Split(text, "\n") {
		r.line(i+1, strings.TrimSuffix(line, "\r"))
	}
	r.flush()
	return entries
}

// entryReader gathers the pieces of one key = value over continued lines.
type entryReader struct {
	file    string
	found   *findings
	entries map[string]entry
	section string
	known   bool
	text    strings.Builder
	pieces  []piece
}

// piece says that the text from offset on stands in the file at line and col.
type piece struct{ offset, line, col int }

func (r *entryReader) bad(line, col int, code, message, fix string) {
	r.found.add(Finding{Level: Error, Code: code, File: r.file, Line: line, Column: col, Message: message, Fix: fix})
}

func (r *entryReader) line(n int, line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		r.flush()
		return
	case trimmed[0] == '[' && strings.HasSuffix(trimmed, "]"):
		r.flush()
		r.begin(n, trimmed[1:len(trimmed)-1])
		return
	}
	body, more := strings.CutSuffix(trimmed, `\`)
	if i := strings.IndexAny(body, "#;"); i >= 0 {
		body = body[:i]
	}
	body = strings.TrimRight(body, " \t")
	col := strings.Index(line, trimmed) + 1
	if r.text.Len() > 0 {
		r.text.WriteByte(' ')
	}
	r.pieces = append(r.pieces, piece{r.text.Len(), n, col})
	r.text.WriteString(body)
	if !more {
		r.flush()
	}
}

func (r *entryReader) begin(n int, section string) {
	_, r.known = sections[section]
	r.section = section
	if !r.known {
		r.bad(n, 1, "unknown-section", fmt.Sprintf("there is no section [%s]; Casbin would ignore it", section),
			"the sections are request_definition, policy_definition, role_definition, policy_effect, matchers")
	}
}

// flush ends the entry being gathered.
func (r *entryReader) flush() {
	if r.text.Len() == 0 {
		return
	}
	text, pieces := r.text.String(), r.pieces
	r.text.Reset()
	r.pieces = nil
	line, col := pieces[0].line, pieces[0].col
	before, value, ok := strings.Cut(text, "=")
	key := strings.TrimSpace(before)
	if !ok {
		r.bad(line, col, "bad-line", fmt.Sprintf("%q is neither a section nor key = value", text), "write for instance: r = sub, obj, act")
		return
	}
	if r.section == "" {
		r.bad(line, col, "bad-line", fmt.Sprintf("%q stands before any section", key), "write a section such as [request_definition] above it")
		return
	}
	if !r.known {
		return
	}
	letter := sections[r.section]
	valid := key == letter || letter == "g" && (key == "g2" || key == "g3")
	if !valid {
		if strings.HasPrefix(key, letter) && len(key) == 2 && isDigit(key[1]) {
			r.bad(line, col, "second-definition", fmt.Sprintf("a second definition (%s) is not supported", key), "keep one request, one rule, one effect and one matcher to a model")
			return
		}
		r.bad(line, col, "unknown-key", fmt.Sprintf("section [%s] has no key %q; Casbin would ignore it", r.section, key), fmt.Sprintf("write %s = ...", letter))
		return
	}
	if _, twice := r.entries[key]; twice {
		r.bad(line, col, "duplicate-key", fmt.Sprintf("%q is defined twice; Casbin would take the last one", key), "remove one")
		return
	}
	start := len(before) + 1
	for start < len(text) && (text[start] == ' ' || text[start] == '\t') {
		start++
	}
	value = strings.TrimSpace(value)
	if value == "" {
		r.bad(line, col, "bad-line", fmt.Sprintf("%q has no value", key), "")
		return
	}
	r.entries[key] = entry{value: value, line: line, at: func(offset int) (int, int) {
		offset += start
		p := pieces[0]
		for _, q := range pieces {
			if q.offset <= offset {
				p = q
			}
		}
		return p.line, p.col + offset - p.offset
	}}
}
