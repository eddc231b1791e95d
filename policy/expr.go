package policy

import (
	"fmt"
	"strings"
)

// An expr is a node of a matcher, parsed from its text. at is the offset of the
// node in that text.
type expr interface{ at() int }

type (
	// binaryExpr is left op right; op is one of && || == != < > <= >= in.
	binaryExpr struct {
		pos         int
		op          string
		left, right expr
	}
	notExpr struct {
		pos int
		arg expr
	}
	// fieldExpr is r.name or p.name.
	fieldExpr struct {
		pos   int
		owner byte // 'r' or 'p'
		name  string
	}
	// literalExpr is a string, or a number as it was written.
	literalExpr struct {
		pos    int
		text   string
		number bool
	}
	callExpr struct {
		pos  int
		name string
		args []expr
	}
	listExpr struct {
		pos   int
		items []expr
	}
)

func (e *binaryExpr) at() int  { return e.pos }
func (e *notExpr) at() int     { return e.pos }
func (e *fieldExpr) at() int   { return e.pos }
func (e *literalExpr) at() int { return e.pos }
func (e *callExpr) at() int    { return e.pos }
func (e *listExpr) at() int    { return e.pos }

// syntaxError is a matcher that does not parse.
type syntaxError struct {
	pos          int
	code         string
	message, fix string
}

func (e *syntaxError) Error() string { return e.message }

// token is a lexical element of a matcher.
type token struct {
	kind tokenKind
	text string
	pos  int
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenString
	tokenNumber
	tokenOperator
)

// parseMatcher parses a matcher. It accepts the part of Casbin's language that
// compares fields and calls functions, and refuses by name what reaches further:
// eval, members of request values, arithmetic, runtime patterns.
func parseMatcher(text string) (expr, *syntaxError) {
	if len(text) > maxMatcherBytes {
		return nil, &syntaxError{0, "bad-matcher", "the matcher is longer than 64 KiB", "say in rules what it says about single names"}
	}
	p := &matcherParser{text: text}
	p.next()
	e := p.or()
	if p.err == nil && p.tok.kind != tokenEnd {
		fix := "join conditions with && or ||"
		if p.is(")") || p.is("]") {
			fix = "remove it, or open it before"
		}
		p.fail(p.tok.pos, "bad-matcher", fmt.Sprintf("unexpected %q", p.tok.text), fix)
	}
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

// maxMatcherBytes bounds a matcher, which Casbin evaluates for every rule.
const maxMatcherBytes = 64 << 10

type matcherParser struct {
	text  string
	off   int
	tok   token
	depth int
	err   *syntaxError
}

func (p *matcherParser) fail(pos int, code, message, fix string) {
	if p.err == nil {
		p.err = &syntaxError{pos, code, message, fix}
	}
	p.tok = token{kind: tokenEnd, pos: pos}
	p.off = len(p.text)
}

// next reads the next token.
func (p *matcherParser) next() {
	for p.off < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.off]) >= 0 {
		p.off++
	}
	start := p.off
	if start == len(p.text) {
		p.tok = token{tokenEnd, "the end", start}
		return
	}
	c := p.text[start]
	switch {
	case isNameStart(c):
		for p.off < len(p.text) && (isNameStart(p.text[p.off]) || isDigit(p.text[p.off]) || p.text[p.off] == '.') {
			p.off++
		}
		p.tok = token{tokenName, p.text[start:p.off], start}
	case isDigit(c):
		for p.off < len(p.text) && (isDigit(p.text[p.off]) || p.text[p.off] == '.') {
			p.off++
		}
		p.tok = token{tokenNumber, p.text[start:p.off], start}
	case c == '"' || c == '\'':
		end := strings.IndexByte(p.text[start+1:], c)
		if end < 0 {
			p.fail(start, "bad-matcher", "a quote is opened and never closed",
				"close it; and note that # and ; begin a comment even inside quotes")
			return
		}
		p.off = start + 1 + end + 1
		body := p.text[start+1 : p.off-1]
		if strings.ContainsAny(body, `\`) {
			p.fail(start, "bad-matcher", "a backslash in a quoted text means different things to different readers", "write it without")
			return
		}
		p.tok = token{tokenString, body, start}
	default:
		for _, op := range []string{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ","} {
			if strings.HasPrefix(p.text[start:], op) {
				p.off += len(op)
				p.tok = token{tokenOperator, op, start}
				return
			}
		}
		fix := "compare fields with ==, or call a function"
		switch c {
		case '=':
			fix = "write == to compare"
		case '&', '|':
			fix = fmt.Sprintf("write %c%c", c, c)
		}
		p.fail(start, "bad-matcher", fmt.Sprintf("%q is not understood here", c), fix)
	}
}

func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (p *matcherParser) is(op string) bool {
	return p.tok.kind == tokenOperator && p.tok.text == op
}

func (p *matcherParser) expect(op string) {
	if !p.is(op) {
		before := fmt.Sprintf("%q", p.tok.text)
		if p.tok.kind == tokenEnd {
			before = "the end"
		}
		p.fail(p.tok.pos, "bad-matcher", fmt.Sprintf("%q is missing before %s", op, before), "write "+op+" there, or remove the one that opens")
		return
	}
	p.next()
}

func (p *matcherParser) or() expr { return p.joined("||", p.and) }

func (p *matcherParser) and() expr { return p.joined("&&", p.comparison) }

// joined reads operands with an operator between them.
func (p *matcherParser) joined(op string, operand func() expr) expr {
	left := operand()
	for p.is(op) {
		pos := p.tok.pos
		p.next()
		left = &binaryExpr{pos, op, left, operand()}
	}
	return left
}

func (p *matcherParser) comparison() expr {
	left := p.unary()
	op := ""
	switch {
	case p.tok.kind == tokenName && p.tok.text == "in":
		op = "in"
	case p.tok.kind == tokenOperator && strings.Contains(" == != < > <= >= ", " "+p.tok.text+" "):
		op = p.tok.text
	}
	if op == "" {
		return left
	}
	pos := p.tok.pos
	p.next()
	if op == "in" {
		return &binaryExpr{pos, op, left, p.list()}
	}
	return &binaryExpr{pos, op, left, p.unary()}
}

func (p *matcherParser) list() expr {
	l := &listExpr{pos: p.tok.pos}
	end := ")"
	if p.is("[") {
		end = "]"
	} else if !p.is("(") {
		p.fail(p.tok.pos, "bad-matcher", "a list in parentheses is missing after in", `write r.act in ("read", "list")`)
		return l
	}
	p.next()
	for p.err == nil {
		l.items = append(l.items, p.primary())
		if !p.is(",") {
			break
		}
		p.next()
	}
	p.expect(end)
	return l
}

// maxMatcherDepth bounds nesting, so that no text exhausts the stack.
const maxMatcherDepth = 64

func (p *matcherParser) unary() expr {
	if !p.is("!") {
		return p.primary()
	}
	pos := p.tok.pos
	if p.depth++; p.depth > maxMatcherDepth {
		p.fail(pos, "bad-matcher", "the matcher is nested too deep", "")
	}
	p.next()
	arg := p.unary()
	p.depth--
	return &notExpr{pos, arg}
}

func (p *matcherParser) primary() expr {
	if p.depth++; p.depth > maxMatcherDepth {
		p.fail(p.tok.pos, "bad-matcher", "the matcher is nested too deep", "")
	}
	defer func() { p.depth-- }()
	tok := p.tok
	switch {
	case p.is("("):
		p.next()
		e := p.or()
		p.expect(")")
		return e
	case tok.kind == tokenString:
		p.next()
		return &literalExpr{pos: tok.pos, text: tok.text}
	case tok.kind == tokenNumber:
		p.next()
		return &literalExpr{pos: tok.pos, text: tok.text, number: true}
	case tok.kind == tokenName:
		p.next()
		if p.is("(") {
			return p.call(tok)
		}
		return p.field(tok)
	}
	p.fail(tok.pos, "bad-matcher", fmt.Sprintf("a field, a text or a function is missing before %q", tok.text), "")
	return &literalExpr{pos: tok.pos}
}

func (p *matcherParser) call(name token) expr {
	c := &callExpr{pos: name.pos, name: name.text}
	p.next()
	for p.err == nil && !p.is(")") {
		c.args = append(c.args, p.primary())
		if !p.is(",") {
			break
		}
		p.next()
	}
	p.expect(")")
	return c
}

func (p *matcherParser) field(name token) expr {
	owner, rest, dotted := strings.Cut(name.text, ".")
	if !dotted {
		p.fail(name.pos, "unknown-name", fmt.Sprintf("%q is neither a field nor a text", name.text),
			fmt.Sprintf("write r.%[1]s or p.%[1]s for a field, %[1]q for a text", name.text))
		return &literalExpr{pos: name.pos}
	}
	if owner != "r" && owner != "p" {
		p.fail(name.pos, "unknown-name", fmt.Sprintf("%q belongs to neither the request (r) nor the rule (p)", name.text),
			"models with a second definition (r2, p2, m2) are not supported")
		return &literalExpr{pos: name.pos}
	}
	if rest == "" || strings.Contains(rest, ".") {
		p.fail(name.pos, "member-access", fmt.Sprintf("%q reaches into a value", name.text),
			"values of a request are texts here; pass what the rule needs as an attribute and use a condition function")
		return &literalExpr{pos: name.pos}
	}
	return &fieldExpr{name.pos, owner[0], rest}
}
