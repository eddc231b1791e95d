package clientip

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/netip"
	"strings"
)

// errProxyHeader is what a broken PROXY header comes to; the connection is
// closed, so the reason would reach nobody.
var errProxyHeader = errors.New("clientip: no valid PROXY header")

// proxySignature opens a PROXY header of version 2,
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2.
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

const (
	maxProxyLine = 107  // version 1, with its CRLF, section 2.1
	maxProxyBody = 4096 // version 2; the bytes after the fixed 16
)

// proxied is what a PROXY header says. Without a source the proxy speaks for
// itself (LOCAL, such as a health check) or does not know (UNKNOWN, or an
// address family that is none of ours).
type proxied struct {
	source, destination netip.AddrPort
}

// readProxyHeader reads exactly one header, version 1 or 2, and no byte beyond.
func readProxyHeader(r *bufio.Reader) (proxied, error) {
	start, err := r.Peek(len(proxySignature)) // no header is shorter
	if err != nil {
		return proxied{}, err
	}
	switch {
	case string(start) == proxySignature:
		return readProxyV2(r)
	case strings.HasPrefix(string(start), "PROXY "):
		return readProxyV1(r)
	}
	return proxied{}, errProxyHeader
}

func readProxyV1(r *bufio.Reader) (proxied, error) {
	var line [maxProxyLine]byte
	for n := range line {
		c, err := r.ReadByte()
		if err != nil {
			return proxied{}, err
		}
		line[n] = c
		if c == '\n' {
			return parseProxyV1(string(line[:n+1]))
		}
	}
	return proxied{}, errProxyHeader
}

// parseProxyV1 reads a whole line, CRLF included; section 2.1.
func parseProxyV1(line string) (proxied, error) {
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsAny(text, "\r\n") {
		return proxied{}, errProxyHeader
	}
	if text == "PROXY UNKNOWN" || strings.HasPrefix(text, "PROXY UNKNOWN ") {
		return proxied{}, nil
	}
	f := strings.Split(text, " ")
	if len(f) != 6 || f[0] != "PROXY" || (f[1] != "TCP4" && f[1] != "TCP6") {
		return proxied{}, errProxyHeader
	}
	source, ok1 := proxyEndpoint(f[1], f[2], f[4])
	destination, ok2 := proxyEndpoint(f[1], f[3], f[5])
	if !ok1 || !ok2 {
		return proxied{}, errProxyHeader
	}
	return checkedProxied(source, destination)
}

func proxyEndpoint(family, host, port string) (netip.AddrPort, bool) {
	addr, err := netip.ParseAddr(host)
	if err != nil || !validPort(port) || addr.Is4() != (family == "TCP4") {
		return netip.AddrPort{}, false
	}
	n := 0
	for _, c := range port {
		n = n*10 + int(c-'0')
	}
	return netip.AddrPortFrom(addr, uint16(n)), true
}

// readProxyV2 reads the binary form; section 2.2.
func readProxyV2(r *bufio.Reader) (proxied, error) {
	var fixed [16]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return proxied{}, err
	}
	size := int(binary.BigEndian.Uint16(fixed[14:]))
	if size > maxProxyBody {
		return proxied{}, errProxyHeader
	}
	header := make([]byte, len(fixed)+size)
	copy(header, fixed[:])
	if _, err := io.ReadFull(r, header[len(fixed):]); err != nil {
		return proxied{}, err
	}
	return parseProxyV2(header)
}

func parseProxyV2(header []byte) (proxied, error) {
	const local, proxy = 0x20, 0x21 // version 2 and the command
	body := header[16:]
	command, family := header[12], header[13]
	if command != local && command != proxy {
		return proxied{}, errProxyHeader
	}
	addresses := 0
	switch family {
	case 0x00: // unspecified
		if command == proxy {
			return proxied{}, nil
		}
	case 0x11: // TCP over IPv4
		addresses = 12
	case 0x21: // TCP over IPv6
		addresses = 36
	case 0x31: // Unix stream
		addresses = 216
	default: // datagrams do not come over this listener
		return proxied{}, errProxyHeader
	}
	if command == local {
		return proxied{}, nil // the receiver must ignore the rest
	}
	if len(body) < addresses || !validTLVs(header, 16+addresses) {
		return proxied{}, errProxyHeader
	}
	switch family {
	case 0x11:
		return checkedProxied(
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[0:4])), binary.BigEndian.Uint16(body[8:])),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[4:8])), binary.BigEndian.Uint16(body[10:])))
	case 0x21:
		return checkedProxied(
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[0:16])), binary.BigEndian.Uint16(body[32:])),
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[16:32])), binary.BigEndian.Uint16(body[34:])))
	}
	return proxied{}, nil
}

// validTLVs checks that the extensions from offset fill the header exactly, and
// the checksum if there is one; sections 2.2.2 and 2.2.4.
func validTLVs(header []byte, offset int) bool {
	const typeCRC32C = 0x03
	for offset < len(header) {
		if len(header)-offset < 3 {
			return false
		}
		start := offset + 3
		end := start + int(binary.BigEndian.Uint16(header[offset+1:]))
		if end > len(header) {
			return false
		}
		if header[offset] == typeCRC32C {
			if end-start != 4 {
				return false
			}
			table := crc32.MakeTable(crc32.Castagnoli)
			sum := crc32.Update(0, table, header[:start])
			sum = crc32.Update(sum, table, make([]byte, 4))
			sum = crc32.Update(sum, table, header[end:])
			if sum != binary.BigEndian.Uint32(header[start:]) {
				return false
			}
		}
		offset = end
	}
	return true
}

// checkedProxied refuses a source that no client can have.
func checkedProxied(source, destination netip.AddrPort) (proxied, error) {
	addr, ok := usable(source.Addr())
	if !ok {
		return proxied{}, errProxyHeader
	}
	return proxied{
		source:      netip.AddrPortFrom(addr, source.Port()),
		destination: netip.AddrPortFrom(destination.Addr().Unmap(), destination.Port()),
	}, nil
}
