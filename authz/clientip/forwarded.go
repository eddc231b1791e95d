package clientip

import (
	"net/netip"
	"strings"
)

// walkForwarded finds the client in the lines of a Forwarded header: the
// rightmost element whose "for" trusts does not know.
//
// A line is checked as a whole before any part of it is believed, and a comma
// inside a quoted string is refused although the grammar has it: a client that
// sends an opening quote could otherwise swallow what the proxy appended, and
// one whose Host is copied into a quoted string could add an element.
//
// https://www.rfc-editor.org/rfc/rfc7239#section-4
func walkForwarded(lines []string, trusts func(netip.Addr) bool) (netip.Addr, error) {
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var element string
			rest, element, more = lastElement(rest)
			if _, ok := forwardedFor(element); !ok {
				return netip.Addr{}, ErrHeader
			}
		}
		for rest, more := lines[i], true; more; {
			var element string
			rest, element, more = lastElement(rest)
			node, _ := forwardedFor(element)
			addr, ok := parseNode(node)
			if !ok {
				return netip.Addr{}, ErrHeader
			}
			if !trusts(addr) {
				return addr, nil
			}
		}
	}
	return netip.Addr{}, ErrNoClient
}

// forwardedFor checks one element and returns its "for", without quotes; empty
// if it has none.
func forwardedFor(element string) (node string, ok bool) {
	var seen [8]string
	n := 0
	for more := true; more; {
		var pair string
		pair, element, more = cutPair(element)
		name, value, found := strings.Cut(trimOWS(pair), "=")
		if !found || !validToken(name) || n == len(seen) {
			return "", false
		}
		for _, before := range seen[:n] {
			if strings.EqualFold(before, name) {
				return "", false
			}
		}
		seen[n] = name
		n++
		if value, ok = unquote(value); !ok {
			return "", false
		}
		if strings.EqualFold(name, "for") {
			if value == "" {
				return "", false
			}
			node = value
		}
	}
	return node, true
}

// cutPair cuts the text before the first semicolon outside quotes.
func cutPair(s string) (pair, rest string, more bool) {
	quoted := false
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				return s[:i], s[i+1:], true
			}
		}
	}
	return s, "", false
}

// unquote returns the value of a token or of a quoted string. Escapes are
// refused: no address, host or scheme needs one.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' {
		return s, validToken(s)
	}
	if s[len(s)-1] != '"' {
		return "", false
	}
	s = s[1 : len(s)-1]
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return "", false
		}
	}
	return s, true
}

// parseNode reads a node that is an address; "unknown" and obfuscated names are
// none. IPv6 stands in brackets here.
//
// https://www.rfc-editor.org/rfc/rfc7239#section-6
func parseNode(s string) (netip.Addr, bool) {
	if !strings.HasPrefix(s, "[") && strings.Count(s, ":") > 1 {
		return netip.Addr{}, false
	}
	return parseHop(s)
}

// validToken accepts a token of
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2.
func validToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
