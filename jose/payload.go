package jose

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// maxPayloadDepth bounds how deeply arrays and objects of a payload may nest.
const maxPayloadDepth = 64

// manyMembers is where an object's names move from a list to a map.
const manyMembers = 16

// CheckJSON reports whether data is one strict JSON value: RFC 8259 grammar,
// valid UTF-8, no lone surrogates, at most 64 levels deep, nothing after the
// end, and no object with two members whose names are equal or differ only in
// case. The last rule is there because encoding/json folds case and keeps the
// last duplicate, so that two readers of one signed payload could see two
// different amounts. The error is an [*Error].
func CheckJSON(data []byte) error {
	c := payloadChecker{scanner: scanner{data: data}}
	if err := c.value(0); err != nil {
		return err
	}
	return c.end()
}

type payloadChecker struct {
	scanner
	names []memberName // of the open objects, innermost last
}

type memberName struct {
	raw     []byte // unescaped
	unusual bool   // has bytes outside ASCII
}

func (c *payloadChecker) value(depth int) error {
	switch b := c.peek(); {
	case b == '"':
		_, _, err := c.span()
		return err
	case b == '{':
		return c.members(depth + 1)
	case b == '[':
		return c.elements(depth + 1)
	case b == 't':
		return c.literal("true")
	case b == 'f':
		return c.literal("false")
	case b == 'n':
		return c.literal("null")
	case b == '-' || '0' <= b && b <= '9':
		return c.number()
	default:
		return errScan
	}
}

func (c *payloadChecker) literal(word string) error {
	if !bytes.HasPrefix(c.data[c.pos:], []byte(word)) {
		return errScan
	}
	c.pos += len(word)
	return nil
}

func (c *payloadChecker) digits() bool {
	start := c.pos
	for c.pos < len(c.data) && '0' <= c.data[c.pos] && c.data[c.pos] <= '9' {
		c.pos++
	}
	return c.pos > start
}

func (c *payloadChecker) at(set string) bool {
	return c.pos < len(c.data) && bytes.IndexByte([]byte(set), c.data[c.pos]) >= 0
}

// number follows RFC 8259 section 6.
func (c *payloadChecker) number() error {
	if c.at("-") {
		c.pos++
	}
	if c.at("0") {
		c.pos++
		if c.at("0123456789") {
			return errScan
		}
	} else if !c.digits() {
		return errScan
	}
	if c.at(".") {
		c.pos++
		if !c.digits() {
			return errScan
		}
	}
	if c.at("eE") {
		c.pos++
		if c.at("+-") {
			c.pos++
		}
		if !c.digits() {
			return errScan
		}
	}
	return nil
}

func (c *payloadChecker) elements(depth int) error {
	if depth > maxPayloadDepth {
		return refuse(ReasonDepth, "nested too deeply")
	}
	c.pos++
	if c.peek() == ']' {
		c.pos++
		return nil
	}
	for {
		if err := c.value(depth); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.pos++
		case ']':
			c.pos++
			return nil
		default:
			return errScan
		}
	}
}

func (c *payloadChecker) members(depth int) error {
	if depth > maxPayloadDepth {
		return refuse(ReasonDepth, "nested too deeply")
	}
	c.pos++
	if c.peek() == '}' {
		c.pos++
		return nil
	}
	first := len(c.names)
	defer func() { c.names = c.names[:first] }()
	var many map[string]struct{}
	for {
		c.space()
		raw, escaped, err := c.span()
		if err != nil {
			return err
		}
		if many, err = c.unique(first, many, raw, escaped); err != nil {
			return err
		}
		if err := c.expect(':'); err != nil {
			return err
		}
		if err := c.value(depth); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.pos++
		case '}':
			c.pos++
			return nil
		default:
			return errScan
		}
	}
}

// unique adds a name to the innermost object: compared one by one while there
// are few, through a map of folded names when there are many.
func (c *payloadChecker) unique(first int, many map[string]struct{}, raw []byte, escaped bool) (map[string]struct{}, error) {
	if escaped {
		raw = appendUnescaped(make([]byte, 0, len(raw)), raw)
	}
	name := memberName{raw: raw, unusual: !isASCII(raw)}
	if many == nil {
		for _, other := range c.names[first:] {
			if sameFolded(name, other) {
				return nil, refuse(ReasonDuplicateMember, "a payload member stands twice")
			}
		}
		c.names = append(c.names, name)
		if len(c.names)-first <= manyMembers {
			return nil, nil
		}
		many = make(map[string]struct{}, 4*manyMembers)
		for _, other := range c.names[first:] {
			many[fold(other.raw)] = struct{}{}
		}
		return many, nil
	}
	key := fold(raw)
	if _, twice := many[key]; twice {
		return nil, refuse(ReasonDuplicateMember, "a payload member stands twice")
	}
	many[key] = struct{}{}
	return many, nil
}

func isASCII(p []byte) bool {
	for _, c := range p {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func sameFolded(a, b memberName) bool {
	if !a.unusual && !b.unusual {
		n := len(a.raw)
		if n != len(b.raw) {
			return false
		}
		// Letters that differ in case only differ in this bit.
		if n > 0 && (a.raw[0]^b.raw[0])&^0x20 != 0 {
			return false
		}
	}
	return bytes.EqualFold(a.raw, b.raw)
}

// fold maps each rune to the smallest of those that differ from it in case
// only, which is the equivalence of bytes.EqualFold.
func fold(name []byte) string {
	out := make([]byte, 0, len(name))
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		name = name[n:]
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		out = utf8.AppendRune(out, least)
	}
	return string(out)
}
