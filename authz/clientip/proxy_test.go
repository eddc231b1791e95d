package clientip

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// v2 builds a version 2 header.
func v2(command, family byte, body string) string {
	h := []byte(proxySignature)
	h = append(h, command, family)
	h = binary.BigEndian.AppendUint16(h, uint16(len(body)))
	return string(h) + body
}

func tlv(kind byte, value string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value)))) + value
}

// withCRC appends a checksum extension to a header whose length counts it already.
func withCRC(t *testing.T, body string) string {
	t.Helper()
	h := []byte(v2(0x21, 0x11, body+tlv(3, "\x00\x00\x00\x00")))
	binary.BigEndian.PutUint32(h[len(h)-4:], crc32.Checksum(h, crc32.MakeTable(crc32.Castagnoli)))
	return string(h)
}

const (
	tcp4 = "\xc0\x00\x02\x01\xc6\x33\x64\x07\x11\x5c\x01\xbb" // 192.0.2.1:4444 -> 198.51.100.7:443
	tcp6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x11\x5c\x01\xbb"
)

func TestReadProxyHeader(t *testing.T) {
	t.Parallel()
	good := []struct{ name, header, source, destination string }{
		{"v1 TCP4", "PROXY TCP4 192.0.2.1 198.51.100.7 4444 443\r\n", "192.0.2.1:4444", "198.51.100.7:443"},
		{"v1 TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 4444 443\r\n", "[2001:db8::1]:4444", "[2001:db8::2]:443"},
		{"v1 TCP6 mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.7 4444 443\r\n", "192.0.2.1:4444", "198.51.100.7:443"},
		{"v1 UNKNOWN", "PROXY UNKNOWN\r\n", "", ""},
		{"v1 UNKNOWN with text", "PROXY UNKNOWN 192.0.2.1 198.51.100.7 4444 443\r\n", "", ""},
		{"v2 TCP4", v2(0x21, 0x11, tcp4), "192.0.2.1:4444", "198.51.100.7:443"},
		{"v2 TCP6", v2(0x21, 0x21, tcp6), "[2001:db8::1]:4444", "[2001:db8::2]:443"},
		{"v2 TCP4 with extensions", v2(0x21, 0x11, tcp4+tlv(4, "")+tlv(0xee, "x")), "192.0.2.1:4444", "198.51.100.7:443"},
		{"v2 TCP4 with checksum", withCRC(t, tcp4+tlv(1, "h2")), "192.0.2.1:4444", "198.51.100.7:443"},
		{"v2 LOCAL", v2(0x20, 0x00, ""), "", ""},
		{"v2 LOCAL that names an address", v2(0x20, 0x11, tcp4), "", ""},
		{"v2 LOCAL with anything", v2(0x20, 0x11, "x"), "", ""},
		{"v2 unspecified", v2(0x21, 0x00, "anything"), "", ""},
		{"v2 Unix", v2(0x21, 0x31, strings.Repeat("\x00", 216)), "", ""},
	}
	for _, tt := range good {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := bufio.NewReader(strings.NewReader(tt.header + "GET / HTTP/1.1\r\n"))
			got, err := readProxyHeader(r)
			if err != nil {
				t.Fatal(err)
			}
			var want proxied
			if tt.source != "" {
				want = proxied{netip.MustParseAddrPort(tt.source), netip.MustParseAddrPort(tt.destination)}
			}
			if got != want {
				t.Fatalf("got %v, want %v", got, want)
			}
			if rest, _ := io.ReadAll(r); string(rest) != "GET / HTTP/1.1\r\n" {
				t.Fatalf("left %q", rest)
			}
		})
	}

	bad := []struct{ name, header string }{
		{"none", "GET / HTTP/1.1\r\nHost: example\r\n\r\n"},
		{"nothing", ""},
		{"short", "PROXY"},
		{"v1 lower case", "proxy TCP4 192.0.2.1 198.51.100.7 4444 443\r\n"},
		{"v1 without CR", "PROXY TCP4 192.0.2.1 198.51.100.7 4444 443\n"},
		{"v1 unfinished", "PROXY TCP4 192.0.2.1 198.51.100.7 4444 443"},
		{"v1 CR inside", "PROXY TCP4 192.0.2.1\r198.51.100.7 4444 443\r\n"},
		{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("x", 100) + "\r\n"},
		{"v1 UNKNOWN with a tail", "PROXY UNKNOWNX\r\n"},
		{"v1 UDP4", "PROXY UDP4 192.0.2.1 198.51.100.7 4444 443\r\n"},
		{"v1 wrong family", "PROXY TCP4 2001:db8::1 2001:db8::2 4444 443\r\n"},
		{"v1 wrong family 6", "PROXY TCP6 192.0.2.1 198.51.100.7 4444 443\r\n"},
		{"v1 mixed families", "PROXY TCP4 192.0.2.1 2001:db8::2 4444 443\r\n"},
		{"v1 octal", "PROXY TCP4 010.0.0.1 198.51.100.7 4444 443\r\n"},
		{"v1 short address", "PROXY TCP4 127.1 198.51.100.7 4444 443\r\n"},
		{"v1 zone", "PROXY TCP6 fe80::1%eth0 2001:db8::2 4444 443\r\n"},
		{"v1 unspecified", "PROXY TCP4 0.0.0.0 198.51.100.7 4444 443\r\n"},
		{"v1 two spaces", "PROXY TCP4  192.0.2.1 198.51.100.7 4444 443\r\n"},
		{"v1 port with zero", "PROXY TCP4 192.0.2.1 198.51.100.7 04444 443\r\n"},
		{"v1 port too large", "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n"},
		{"v1 signed port", "PROXY TCP4 192.0.2.1 198.51.100.7 +444 443\r\n"},
		{"v1 missing port", "PROXY TCP4 192.0.2.1 198.51.100.7 4444\r\n"},
		{"v1 surplus field", "PROXY TCP4 192.0.2.1 198.51.100.7 4444 443 1\r\n"},
		{"v2 version 1", v2(0x11, 0x11, tcp4)},
		{"v2 unknown command", v2(0x22, 0x11, tcp4)},
		{"v2 unknown family", v2(0x21, 0x41, tcp4)},
		{"v2 UDP", v2(0x21, 0x12, tcp4)},
		{"v2 too short for the family", v2(0x21, 0x21, tcp4)},
		{"v2 cut", v2(0x21, 0x11, tcp4)[:20]},
		{"v2 body too large", v2(0x21, 0x11, tcp4+strings.Repeat("x", maxProxyBody))},
		{"v2 broken extension", v2(0x21, 0x11, tcp4+"\x01\x00")},
		{"v2 extension beyond the end", v2(0x21, 0x11, tcp4+"\x01\x00\x05abc")},
		{"v2 wrong checksum", v2(0x21, 0x11, tcp4+tlv(3, "\x01\x02\x03\x04"))},
		{"v2 short checksum", v2(0x21, 0x11, tcp4+tlv(3, "\x01"))},
		{"v2 unspecified source", v2(0x21, 0x11, "\x00\x00\x00\x00"+tcp4[4:])},
		{"v2 multicast source", v2(0x21, 0x11, "\xe0\x00\x00\x01"+tcp4[4:])},
		{"v2 damaged signature", "\r\n\r\n\x00\r\nQUIX\n" + v2(0x21, 0x11, tcp4)[12:]},
	}
	for _, tt := range bad {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, err := readProxyHeader(bufio.NewReader(strings.NewReader(tt.header))); err == nil {
				t.Fatalf("accepted as %v", got)
			}
		})
	}
}

// FuzzProxyHeader: nothing unusable comes out, and no byte after the header is
// eaten.
func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.7 4444 443\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(v2(0x21, 0x11, tcp4+tlv(4, "x"))))
	f.Add([]byte(v2(0x21, 0x21, tcp6)))
	f.Add([]byte(v2(0x20, 0x00, "")))
	f.Fuzz(func(t *testing.T, sent []byte) {
		source := strings.NewReader(string(sent))
		r := bufio.NewReader(source)
		got, err := readProxyHeader(r)
		if err != nil {
			return
		}
		if consumed := len(sent) - source.Len() - r.Buffered(); consumed > 16+maxProxyBody {
			t.Fatalf("read %d bytes", consumed)
		}
		if got.source.IsValid() {
			addr, err := Direct().Resolve(request(t, got.source.String(), nil))
			if err != nil || addr != got.source.Addr() {
				t.Fatalf("%v resolves to %v, %v", got.source, addr, err)
			}
		} else if got.destination.IsValid() {
			t.Fatalf("a destination without a source: %v", got)
		}
	})
}

// serve runs a server that answers with the resolved address.
func serve(t *testing.T, l *ProxyListener) {
	t.Helper()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr, err := Direct().Resolve(r)
		fmt.Fprint(w, addr, " ", err)
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
}

// ask sends preamble and a request, and returns the body of the answer.
func ask(t *testing.T, addr net.Addr, preamble string) (string, error) {
	t.Helper()
	c, err := net.DialTimeout(addr.Network(), addr.String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, preamble+"GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestProxyListener(t *testing.T) {
	t.Parallel()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}

	trusted, err := NewProxyListener(listen(t, "tcp", "127.0.0.1:0"), loopback, ProxyOptions{HeaderTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, trusted)
	untrusted, err := NewProxyListener(listen(t, "tcp", "127.0.0.1:0"), elsewhere, ProxyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, untrusted)
	socket, err := NewProxyListener(listen(t, "unix", filepath.Join(t.TempDir(), "s")), nil, ProxyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, socket)

	const v1 = "PROXY TCP4 192.0.2.1 198.51.100.7 4444 443\r\n"
	tests := []struct {
		name     string
		listener *ProxyListener
		preamble string
		want     string // empty: the connection is closed
	}{
		{"v1", trusted, v1, "192.0.2.1 <nil>"},
		{"v2", trusted, v2(0x21, 0x21, tcp6), "2001:db8::1 <nil>"},
		{"LOCAL has no address", trusted, v2(0x20, 0x00, ""), "invalid IP " + ErrPeer.Error()},
		{"UNKNOWN has no address", trusted, "PROXY UNKNOWN\r\n", "invalid IP " + ErrPeer.Error()},
		{"second header is no HTTP", trusted, v1 + "PROXY TCP4 203.0.113.5 198.51.100.7 1 2\r\n", "400 Bad Request"},
		{"no header", trusted, "", ""},
		{"broken header", trusted, "PROXY TCP4 junk\r\n", ""},
		{"untrusted peer with a header", untrusted, v1, ""},
		{"untrusted peer without a header", untrusted, "", ""},
		{"unix", socket, v1, "192.0.2.1 <nil>"},
		{"unix UNKNOWN", socket, "PROXY UNKNOWN\r\n", "invalid IP " + ErrPeer.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ask(t, tt.listener.Addr(), tt.preamble)
			if tt.want == "" {
				if err == nil {
					t.Fatalf("answered %q", got)
				}
				return
			}
			if err != nil || !strings.Contains(got, tt.want) {
				t.Fatalf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}

	t.Run("a slow header holds up nobody and is cut off", func(t *testing.T) {
		slow, err := net.Dial("tcp", trusted.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		io.WriteString(slow, "PROXY ")
		if got, err := ask(t, trusted.Addr(), v1); err != nil || got != "192.0.2.1 <nil>" {
			t.Fatalf("got %q, %v", got, err)
		}
		slow.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := slow.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatalf("the slow connection got %v", err)
		}
	})
}

func TestProxyListenerClose(t *testing.T) {
	t.Parallel()
	l, err := NewProxyListener(listen(t, "tcp", "127.0.0.1:0"), []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, ProxyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Accept: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Accept after Close: %v", err)
	}
}

func TestNewProxyListenerRefuses(t *testing.T) {
	t.Parallel()
	tcp := listen(t, "tcp", "127.0.0.1:0")
	unix := listen(t, "unix", filepath.Join(t.TempDir(), "s"))
	tests := []struct {
		name    string
		inner   net.Listener
		trusted []netip.Prefix
		options ProxyOptions
		names   string
	}{
		{"no listener", nil, testProxies, ProxyOptions{}, "inner"},
		{"nobody trusted", tcp, nil, ProxyOptions{}, "trustedProxies"},
		{"everybody trusted", tcp, []netip.Prefix{netip.MustParsePrefix("::/0")}, ProxyOptions{}, "trustedProxies[0]"},
		{"addresses on a Unix socket", unix, testProxies, ProxyOptions{}, "trustedProxies"},
		{"negative timeout", tcp, testProxies, ProxyOptions{HeaderTimeout: -1}, "HeaderTimeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := NewProxyListener(tt.inner, tt.trusted, tt.options); err == nil || !strings.Contains(err.Error(), tt.names) {
				t.Fatalf("error %v does not name %s", err, tt.names)
			}
		})
	}
}
