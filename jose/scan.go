package jose

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON (RFC 8259) strictly and without guessing. Nothing in it
// allocates in proportion to the input. encoding/json is not used on messages:
// it keeps the last of duplicate members, folds their case, and copies.
type scanner struct {
	data []byte
	pos  int
}

var errScan = refuse(ReasonSyntax, "not strict JSON")

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is no white space, or 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return errScan
	}
	s.pos++
	return nil
}

// end refuses anything but white space up to the end of the data.
func (s *scanner) end() error {
	s.space()
	if s.pos != len(s.data) {
		return refuse(ReasonSyntax, "data after the end of the message")
	}
	return nil
}

// token returns what stands between two quotation marks, as it stands: for
// member names of ours and base64url, in which no escape can occur. Any escape
// is still in the result, where it fails the comparison or the decoding.
func (s *scanner) token() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	n := bytes.IndexByte(s.data[s.pos:], '"')
	if n < 0 {
		return nil, errScan
	}
	t := s.data[s.pos : s.pos+n]
	s.pos += n + 1
	return t, nil
}

// object calls member with each name; member must consume the value. That no
// name stands twice is for the caller to see to, who knows the names.
func (s *scanner) object(member func(name []byte) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		name, err := s.token()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return errScan
		}
	}
}

// text reads a string value, resolving escapes (PHP writes "/" as "\/"). It
// refuses control characters, invalid UTF-8, lone surrogates and more than
// limit bytes.
func (s *scanner) text(limit int) (string, error) {
	raw, escaped, err := s.span()
	if err != nil {
		return "", err
	}
	if len(raw) > limit {
		return "", refuse(ReasonTooLarge, "a string is too long")
	}
	if !escaped {
		return string(raw), nil
	}
	return string(appendUnescaped(make([]byte, 0, len(raw)), raw)), nil
}

// span consumes a string and returns its validated content, escapes unresolved.
func (s *scanner) span() (raw []byte, escaped bool, err error) {
	if err := s.expect('"'); err != nil {
		return nil, false, err
	}
	data, start := s.data, s.pos
	ascii := true
	for i := start; i < len(data); i++ {
		if ordinary[data[i]] {
			continue
		}
		switch c := data[i]; {
		case c == '"':
			raw = data[start:i]
			s.pos = i + 1
			if !ascii && !utf8.Valid(raw) {
				return nil, false, errScan
			}
			return raw, escaped, nil
		case c == '\\':
			n := escapeLen(data[i:])
			if n == 0 {
				return nil, false, errScan
			}
			escaped = true
			i += n - 1
		case c < 0x20:
			return nil, false, errScan
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false, errScan
}

// ordinary are the bytes of a string that need no second look: ASCII, without
// control characters, quotation mark and backslash.
var ordinary = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// escapeLen returns the length of the escape sequence that p begins with, a
// surrogate pair being one, or 0.
func escapeLen(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	switch p[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hexRune(p)
		switch {
		case r < 0:
			return 0
		case !utf16.IsSurrogate(r):
			return 6
		case utf16.DecodeRune(r, hexRune(p[6:])) != utf8.RuneError:
			return 12
		}
	}
	return 0
}

// hexRune reads \uXXXX at the start of p, or returns -1.
func hexRune(p []byte) rune {
	if len(p) < 6 || p[0] != '\\' || p[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range p[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// appendUnescaped appends raw, which span has validated, with its escapes resolved.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		n := escapeLen(raw[i:])
		switch raw[i+1] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hexRune(raw[i:])
			if n == 12 {
				r = utf16.DecodeRune(r, hexRune(raw[i+6:]))
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, raw[i+1])
		}
		i += n
	}
	return dst
}

// integer reads a plain non-negative integer of at most 12 digits: no sign, no
// fraction, no exponent, no leading zero.
func (s *scanner) integer() (int64, error) {
	s.space()
	start := s.pos
	var n int64
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		n = n*10 + int64(s.data[s.pos]-'0')
		s.pos++
		if s.pos-start > 12 {
			return 0, errScan
		}
	}
	digits := s.pos - start
	if digits == 0 || (digits > 1 && s.data[start] == '0') {
		return 0, errScan
	}
	if s.pos < len(s.data) {
		switch s.data[s.pos] {
		case '.', 'e', 'E', '+', '-':
			return 0, errScan
		}
	}
	return n, nil
}

// appendQuoted appends v as a JSON string. v is valid UTF-8.
func appendQuoted(dst []byte, v string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
