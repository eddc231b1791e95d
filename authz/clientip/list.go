package clientip

import (
	"net/netip"
	"strings"
)

// walkList finds the client in the lines of an X-Forwarded-For header: the
// rightmost element that trusts does not know.
func walkList(lines []string, trusts func(netip.Addr) bool) (netip.Addr, error) {
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var element string
			rest, element, more = lastElement(rest)
			addr, ok := parseHop(element)
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

// single reads a header that holds one address on one line. A proxy that names
// another trusted proxy as the client has told nothing.
func single(lines []string, trusts func(netip.Addr) bool) (netip.Addr, error) {
	if len(lines) == 0 {
		return netip.Addr{}, ErrNoClient
	}
	if len(lines) > 1 {
		return netip.Addr{}, ErrHeader
	}
	addr, ok := parseHop(trimOWS(lines[0]))
	if !ok {
		return netip.Addr{}, ErrHeader
	}
	if trusts(addr) {
		return netip.Addr{}, ErrNoClient
	}
	return addr, nil
}

// lastElement cuts the element after the last comma off a list.
func lastElement(list string) (rest, element string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", trimOWS(list), false
	}
	return list[:i], trimOWS(list[i+1:]), true
}

// trimOWS removes the optional whitespace of
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.3, and no other.
func trimOWS(s string) string { return strings.Trim(s, " \t") }

// parseHop reads one address with an optional port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. Nothing is guessed: octal,
// hexadecimal, short and decimal forms of IPv4 are no addresses here.
func parseHop(s string) (netip.Addr, bool) {
	host := s
	switch {
	case strings.HasPrefix(s, "["):
		inside, port, closed := strings.Cut(s[1:], "]")
		if !closed || !strings.Contains(inside, ":") {
			return netip.Addr{}, false
		}
		if port != "" && (port[0] != ':' || !validPort(port[1:])) {
			return netip.Addr{}, false
		}
		host = inside
	case strings.Count(s, ":") == 1:
		before, port, _ := strings.Cut(s, ":")
		if !validPort(port) {
			return netip.Addr{}, false
		}
		host = before
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	return usable(addr)
}

// validPort accepts a decimal port without sign or leading zero.
func validPort(s string) bool {
	if s == "" || len(s) > 5 || (s[0] == '0' && len(s) > 1) {
		return false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}
