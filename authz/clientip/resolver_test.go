package clientip

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

var testProxies = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("2001:db8:ffff::/48"),
}

type headers [][2]string

func request(t testing.TB, remote string, hs headers) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.RemoteAddr = remote
	for _, h := range hs {
		r.Header.Add(h[0], h[1])
	}
	return r
}

func TestResolve(t *testing.T) {
	t.Parallel()
	direct := Direct()
	xff := FromHeader(XForwardedFor, testProxies)
	fwd := FromHeader(Forwarded, testProxies)
	real := FromHeader(XRealIP, testProxies)
	const proxy, stranger = "10.0.0.1:4000", "198.51.100.7:4000"

	tests := []struct {
		name     string
		resolver *Resolver
		remote   string
		headers  headers
		want     string // an address, or
		err      error
	}{
		// The peer itself.
		{"direct", direct, stranger, nil, "198.51.100.7", nil},
		{"direct IPv6", direct, "[2001:db8::9]:1", nil, "2001:db8::9", nil},
		{"direct mapped", direct, "[::ffff:198.51.100.7]:1", nil, "198.51.100.7", nil},
		{"direct zoned", direct, "[fe80::1%eth0]:1", nil, "", ErrPeer},
		{"direct mapped and zoned", direct, "[::ffff:198.51.100.7%1]:1", nil, "", ErrPeer},
		{"direct without port", direct, "198.51.100.7", nil, "", ErrPeer},
		{"direct empty", direct, "", nil, "", ErrPeer},
		{"direct unix socket name", direct, "@", nil, "", ErrPeer},
		{"direct host name", direct, "localhost:80", nil, "", ErrPeer},
		{"direct unspecified", direct, "0.0.0.0:80", nil, "", ErrPeer},
		{"direct ignores every header", direct, stranger, headers{{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "for=192.0.2.1"}, {"X-Real-IP", "192.0.2.1"}}, "198.51.100.7", nil},
		{"direct behind a proxy is the proxy", direct, proxy, headers{{"X-Forwarded-For", "192.0.2.1"}}, "10.0.0.1", nil},
		{"nil resolver", nil, stranger, nil, "", ErrMisconfigured},
		{"zero resolver", &Resolver{}, stranger, nil, "", ErrMisconfigured},

		// Spoofed by a client that is no proxy: never read, not even if broken.
		{"xff spoofed direct", xff, stranger, headers{{"X-Forwarded-For", "192.0.2.1"}}, "198.51.100.7", nil},
		{"xff spoofed direct as a proxy", xff, stranger, headers{{"X-Forwarded-For", "10.0.0.1"}}, "198.51.100.7", nil},
		{"xff junk direct", xff, stranger, headers{{"X-Forwarded-For", "<script>"}}, "198.51.100.7", nil},
		{"forwarded spoofed direct", fwd, stranger, headers{{"Forwarded", "for=192.0.2.1"}}, "198.51.100.7", nil},
		{"real-ip spoofed direct", real, stranger, headers{{"X-Real-IP", "192.0.2.1"}}, "198.51.100.7", nil},
		{"xff from a mapped stranger", xff, "[::ffff:198.51.100.7]:1", headers{{"X-Forwarded-For", "192.0.2.1"}}, "198.51.100.7", nil},

		// X-Forwarded-For from a trusted proxy.
		{"xff one hop", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1", nil},
		{"xff mapped peer is the proxy too", xff, "[::ffff:10.0.0.1]:1", headers{{"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1", nil},
		{"xff left injected", xff, proxy, headers{{"X-Forwarded-For", "203.0.113.5, 192.0.2.1"}}, "192.0.2.1", nil},
		{"xff left injected junk", xff, proxy, headers{{"X-Forwarded-For", "for=x;by=\", 192.0.2.1"}}, "192.0.2.1", nil},
		{"xff left injected proxy", xff, proxy, headers{{"X-Forwarded-For", "10.0.0.9, 192.0.2.1"}}, "192.0.2.1", nil},
		{"xff two proxies", xff, proxy, headers{{"X-Forwarded-For", "203.0.113.5, 192.0.2.1, 10.0.0.2, 2001:db8:ffff::2"}}, "192.0.2.1", nil},
		{"xff duplicate lines, last is nearest", xff, proxy, headers{{"X-Forwarded-For", "203.0.113.5"}, {"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1", nil},
		{"xff duplicate lines, hops over both", xff, proxy, headers{{"X-Forwarded-For", "203.0.113.5, 192.0.2.1"}, {"X-Forwarded-For", "10.0.0.2"}}, "192.0.2.1", nil},
		{"xff disagreeing Forwarded is not read", xff, proxy, headers{{"Forwarded", "for=203.0.113.5"}, {"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1", nil},
		{"xff disagreeing X-Real-IP is not read", xff, proxy, headers{{"X-Real-IP", "203.0.113.5"}, {"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1", nil},
		{"xff with port", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1:65535"}}, "192.0.2.1", nil},
		{"xff IPv6", xff, proxy, headers{{"X-Forwarded-For", "2001:db8::1"}}, "2001:db8::1", nil},
		{"xff IPv6 in brackets", xff, proxy, headers{{"X-Forwarded-For", "[2001:db8::1]"}}, "2001:db8::1", nil},
		{"xff IPv6 in brackets with port", xff, proxy, headers{{"X-Forwarded-For", "[2001:db8::1]:443"}}, "2001:db8::1", nil},
		{"xff mapped", xff, proxy, headers{{"X-Forwarded-For", "::ffff:192.0.2.1"}}, "192.0.2.1", nil},
		{"xff mapped proxy is skipped", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1, ::ffff:10.0.0.2"}}, "192.0.2.1", nil},
		{"xff mapped in hexadecimal", xff, proxy, headers{{"X-Forwarded-For", "::ffff:c000:201"}}, "192.0.2.1", nil},
		{"xff tabs and spaces", xff, proxy, headers{{"X-Forwarded-For", "203.0.113.5 ,\t 192.0.2.1 "}}, "192.0.2.1", nil},

		{"xff missing", xff, proxy, nil, "", ErrNoClient},
		{"xff only Forwarded", xff, proxy, headers{{"Forwarded", "for=192.0.2.1"}}, "", ErrNoClient},
		{"xff underscore alias", xff, proxy, headers{{"X_Forwarded_For", "192.0.2.1"}}, "", ErrNoClient},
		{"xff all trusted", xff, proxy, headers{{"X-Forwarded-For", "10.0.0.3, 10.0.0.2"}}, "", ErrNoClient},
		{"xff empty", xff, proxy, headers{{"X-Forwarded-For", ""}}, "", ErrHeader},
		{"xff empty last line", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", ""}}, "", ErrHeader},
		{"xff trailing comma", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1,"}}, "", ErrHeader},
		{"xff empty in the middle", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1,,10.0.0.2"}}, "", ErrHeader},
		{"xff junk rightmost", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1, junk"}}, "", ErrHeader},
		{"xff junk behind a proxy", xff, proxy, headers{{"X-Forwarded-For", "junk, 10.0.0.2"}}, "", ErrHeader},
		{"xff unknown", xff, proxy, headers{{"X-Forwarded-For", "unknown"}}, "", ErrHeader},
		{"xff octal", xff, proxy, headers{{"X-Forwarded-For", "010.0.0.1"}}, "", ErrHeader},
		{"xff hexadecimal", xff, proxy, headers{{"X-Forwarded-For", "0x7f.1"}}, "", ErrHeader},
		{"xff short", xff, proxy, headers{{"X-Forwarded-For", "127.1"}}, "", ErrHeader},
		{"xff decimal", xff, proxy, headers{{"X-Forwarded-For", "2130706433"}}, "", ErrHeader},
		{"xff full-width digits", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.\uff11"}}, "", ErrHeader},
		{"xff full-width dots", xff, proxy, headers{{"X-Forwarded-For", "192\u30020\u30022\u30021"}}, "", ErrHeader},
		{"xff zone", xff, proxy, headers{{"X-Forwarded-For", "fe80::1%eth0"}}, "", ErrHeader},
		{"xff zone in brackets", xff, proxy, headers{{"X-Forwarded-For", "[fe80::1%25eth0]:1"}}, "", ErrHeader},
		{"xff mapped with zone", xff, proxy, headers{{"X-Forwarded-For", "::ffff:192.0.2.1%x"}}, "", ErrHeader},
		{"xff IPv4 in brackets", xff, proxy, headers{{"X-Forwarded-For", "[192.0.2.1]"}}, "", ErrHeader},
		{"xff open bracket", xff, proxy, headers{{"X-Forwarded-For", "[2001:db8::1"}}, "", ErrHeader},
		{"xff text after bracket", xff, proxy, headers{{"X-Forwarded-For", "[2001:db8::1]443"}}, "", ErrHeader},
		{"xff empty brackets", xff, proxy, headers{{"X-Forwarded-For", "[]:1"}}, "", ErrHeader},
		{"xff empty port", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1:"}}, "", ErrHeader},
		{"xff port too large", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1:65536"}}, "", ErrHeader},
		{"xff signed port", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1:+80"}}, "", ErrHeader},
		{"xff port name", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1:http"}}, "", ErrHeader},
		{"xff prefix", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.0/24"}}, "", ErrHeader},
		{"xff unspecified", xff, proxy, headers{{"X-Forwarded-For", "0.0.0.0"}}, "", ErrHeader},
		{"xff multicast", xff, proxy, headers{{"X-Forwarded-For", "224.0.0.1"}}, "", ErrHeader},
		{"xff quoted", xff, proxy, headers{{"X-Forwarded-For", `"192.0.2.1"`}}, "", ErrHeader},
		{"xff two addresses in one element", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1 203.0.113.5"}}, "", ErrHeader},
		{"xff no-break space", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1\u00a0"}}, "", ErrHeader},
		{"xff trailing NUL", xff, proxy, headers{{"X-Forwarded-For", "192.0.2.1\x00"}}, "", ErrHeader},

		// Forwarded from a trusted proxy.
		{"forwarded one hop", fwd, proxy, headers{{"Forwarded", "for=192.0.2.1"}}, "192.0.2.1", nil},
		{"forwarded all members", fwd, proxy, headers{{"Forwarded", "proto=https;host=\"api.example:443\";For=\"192.0.2.1:4711\"; by=10.0.0.1"}}, "192.0.2.1", nil},
		{"forwarded IPv6", fwd, proxy, headers{{"Forwarded", `for="[2001:db8::1]:4711"`}}, "2001:db8::1", nil},
		{"forwarded mapped", fwd, proxy, headers{{"Forwarded", `for="[::ffff:192.0.2.1]"`}}, "192.0.2.1", nil},
		{"forwarded left injected", fwd, proxy, headers{{"Forwarded", "for=203.0.113.5, for=192.0.2.1"}}, "192.0.2.1", nil},
		{"forwarded left unknown", fwd, proxy, headers{{"Forwarded", "for=unknown, for=192.0.2.1"}}, "192.0.2.1", nil},
		{"forwarded hops", fwd, proxy, headers{{"Forwarded", "for=192.0.2.1, for=10.0.0.2"}, {"Forwarded", "for=10.0.0.3"}}, "192.0.2.1", nil},
		{"forwarded injected line before", fwd, proxy, headers{{"Forwarded", `for=x;by="`}, {"Forwarded", "for=192.0.2.1"}}, "192.0.2.1", nil},
		{"forwarded disagreeing XFF is not read", fwd, proxy, headers{{"X-Forwarded-For", "203.0.113.5"}, {"Forwarded", "for=192.0.2.1"}}, "192.0.2.1", nil},

		{"forwarded missing", fwd, proxy, headers{{"X-Forwarded-For", "192.0.2.1"}}, "", ErrNoClient},
		{"forwarded all trusted", fwd, proxy, headers{{"Forwarded", "for=10.0.0.2"}}, "", ErrNoClient},
		{"forwarded open quote injected", fwd, proxy, headers{{"Forwarded", `for=x;by=", for=192.0.2.1`}}, "", ErrHeader},
		{"forwarded open quote swallowing a quoted hop", fwd, proxy, headers{{"Forwarded", `for=203.0.113.5;by=", for="[2001:db8::1]"`}}, "", ErrHeader},
		{"forwarded open quote closed by a quoted host", fwd, proxy, headers{{"Forwarded", `for=203.0.113.5;by=", for=192.0.2.1;host="`}}, "", ErrHeader},
		{"forwarded element smuggled in the host", fwd, proxy, headers{{"Forwarded", `for=192.0.2.1;host="a,for=203.0.113.5"`}}, "", ErrHeader},
		{"forwarded element smuggled in the host, balanced", fwd, proxy, headers{{"Forwarded", `for=192.0.2.1;host="a,for=203.0.113.5;x="b"`}}, "", ErrHeader},
		{"forwarded comma in quotes", fwd, proxy, headers{{"Forwarded", `for=192.0.2.1;host="a,b"`}}, "", ErrHeader},
		{"forwarded escape", fwd, proxy, headers{{"Forwarded", `for="192.0.2\.1"`}}, "", ErrHeader},
		{"forwarded unknown", fwd, proxy, headers{{"Forwarded", "for=unknown"}}, "", ErrHeader},
		{"forwarded obfuscated", fwd, proxy, headers{{"Forwarded", "for=_hidden"}}, "", ErrHeader},
		{"forwarded obfuscated port", fwd, proxy, headers{{"Forwarded", `for="192.0.2.1:_p"`}}, "", ErrHeader},
		{"forwarded without for", fwd, proxy, headers{{"Forwarded", "proto=https;by=10.0.0.1"}}, "", ErrHeader},
		{"forwarded for twice", fwd, proxy, headers{{"Forwarded", "for=203.0.113.5;for=192.0.2.1"}}, "", ErrHeader},
		{"forwarded For and for", fwd, proxy, headers{{"Forwarded", "For=203.0.113.5;for=192.0.2.1"}}, "", ErrHeader},
		{"forwarded empty for", fwd, proxy, headers{{"Forwarded", "for="}}, "", ErrHeader},
		{"forwarded empty quoted for", fwd, proxy, headers{{"Forwarded", `for=""`}}, "", ErrHeader},
		{"forwarded bare address", fwd, proxy, headers{{"Forwarded", "192.0.2.1"}}, "", ErrHeader},
		{"forwarded IPv6 unquoted", fwd, proxy, headers{{"Forwarded", "for=[2001:db8::1]"}}, "", ErrHeader},
		{"forwarded IPv6 without brackets", fwd, proxy, headers{{"Forwarded", `for="2001:db8::1"`}}, "", ErrHeader},
		{"forwarded space before the equals sign", fwd, proxy, headers{{"Forwarded", "for =192.0.2.1"}}, "", ErrHeader},
		{"forwarded empty", fwd, proxy, headers{{"Forwarded", ""}}, "", ErrHeader},
		{"forwarded trailing comma", fwd, proxy, headers{{"Forwarded", "for=192.0.2.1,"}}, "", ErrHeader},
		{"forwarded broken element to the left on one line", fwd, proxy, headers{{"Forwarded", "junk, for=192.0.2.1"}}, "", ErrHeader},
		{"forwarded too many members", fwd, proxy, headers{{"Forwarded", "a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;for=192.0.2.1"}}, "", ErrHeader},

		// A single address.
		{"real-ip", real, proxy, headers{{"X-Real-IP", " 192.0.2.1 "}}, "192.0.2.1", nil},
		{"real-ip missing", real, proxy, headers{{"X-Forwarded-For", "192.0.2.1"}}, "", ErrNoClient},
		{"real-ip trusted", real, proxy, headers{{"X-Real-IP", "10.0.0.2"}}, "", ErrNoClient},
		{"real-ip twice", real, proxy, headers{{"X-Real-IP", "192.0.2.1"}, {"X-Real-IP", "192.0.2.1"}}, "", ErrHeader},
		{"real-ip list", real, proxy, headers{{"X-Real-IP", "203.0.113.5, 192.0.2.1"}}, "", ErrHeader},
		{"real-ip junk", real, proxy, headers{{"X-Real-IP", "localhost"}}, "", ErrHeader},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.resolver.Resolve(request(t, tt.remote, tt.headers))
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if tt.err != nil {
				if got.IsValid() {
					t.Fatalf("address %v together with an error", got)
				}
				return
			}
			if got.String() != tt.want {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	overSocket := func(remote string, hs headers) *http.Request {
		r := request(t, remote, hs)
		return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Name: "/run/app.sock", Net: "unix"})))
	}
	trusting := FromUnixSocket(XForwardedFor, testProxies)
	tests := []struct {
		name     string
		resolver *Resolver
		request  *http.Request
		want     string
		err      error
		proxy    bool
	}{
		{"trusted", trusting, overSocket("@", headers{{"X-Forwarded-For", "192.0.2.1, 10.0.0.1"}}), "192.0.2.1", nil, true},
		{"trusted, no header", trusting, overSocket("@", nil), "", ErrNoClient, true},
		{"peer bound to a path that reads like an address", trusting, overSocket("192.0.2.9:1", headers{{"X-Forwarded-For", "192.0.2.1"}}), "192.0.2.1", nil, true},
		{"not trusted", FromHeader(XForwardedFor, testProxies), overSocket("@", headers{{"X-Forwarded-For", "192.0.2.1"}}), "", ErrPeer, false},
		{"not trusted, peer bound to a path like a proxy's address", FromHeader(XForwardedFor, testProxies), overSocket("10.0.0.1:1", headers{{"X-Forwarded-For", "192.0.2.1"}}), "", ErrPeer, false},
		{"direct, peer bound to a path like an address", Direct(), overSocket("192.0.2.9:1", nil), "", ErrPeer, false},
		{"name of a socket over TCP", trusting, request(t, "@", headers{{"X-Forwarded-For", "192.0.2.1"}}), "", ErrPeer, false},
		{"TCP stranger", trusting, request(t, "198.51.100.7:1", headers{{"X-Forwarded-For", "192.0.2.1"}}), "198.51.100.7", nil, false},
		{"TCP proxy", trusting, request(t, "10.0.0.1:1", headers{{"X-Forwarded-For", "192.0.2.1"}}), "192.0.2.1", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.resolver.Resolve(tt.request)
			if !errors.Is(err, tt.err) || (err == nil && got.String() != tt.want) {
				t.Fatalf("got %v, %v; want %v, %v", got, err, tt.want, tt.err)
			}
			if tt.resolver.FromProxy(tt.request) != tt.proxy {
				t.Fatalf("FromProxy is %v", !tt.proxy)
			}
		})
	}
}

func TestAuthenticatedProxy(t *testing.T) {
	t.Parallel()
	resolver := FromAuthenticated(XForwardedFor, func(r *http.Request) bool { return r.Header.Get("Proof") == "good" }, testProxies)
	for _, tt := range []struct {
		name, remote string
		headers      headers
		want         string
		err          error
		proxy        bool
	}{
		{"proof, any address", "198.51.100.7:1", headers{{"Proof", "good"}, {"X-Forwarded-For", "203.0.113.5, 192.0.2.1, 10.0.0.1"}}, "192.0.2.1", nil, true},
		{"proof, no header", "198.51.100.7:1", headers{{"Proof", "good"}}, "", ErrNoClient, true},
		{"proof, junk", "198.51.100.7:1", headers{{"Proof", "good"}, {"X-Forwarded-For", "junk"}}, "", ErrHeader, true},
		{"no proof", "198.51.100.7:1", headers{{"Proof", "bad"}, {"X-Forwarded-For", "192.0.2.1"}}, "198.51.100.7", nil, false},
		{"no proof, known address", "10.0.0.1:1", headers{{"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1", nil, true},
	} {
		r := request(t, tt.remote, tt.headers)
		got, err := resolver.Resolve(r)
		if !errors.Is(err, tt.err) || (err == nil && got.String() != tt.want) {
			t.Errorf("%s: got %v, %v", tt.name, got, err)
		}
		if resolver.FromProxy(r) != tt.proxy {
			t.Errorf("%s: FromProxy is %v", tt.name, !tt.proxy)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	one := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	tests := []struct {
		name     string
		resolver *Resolver
		names    string // the field in the error; empty: valid
	}{
		{"direct", Direct(), ""},
		{"proxies", FromHeader(XForwardedFor, testProxies), ""},
		{"mapped prefix", FromHeader(XForwardedFor, one("::ffff:10.0.0.0/104")), ""},
		{"other header", FromHeader("CF-Connecting-IP", testProxies), ""},
		{"unix socket alone", FromUnixSocket(Forwarded, nil), ""},
		{"no header", FromHeader("", testProxies), "header"},
		{"header with a space", FromHeader("X Real", testProxies), "header"},
		{"header with a colon", FromHeader("X-Real-IP:", testProxies), "header"},
		{"no proxies", FromHeader(XForwardedFor, nil), "trustedProxies"},
		{"everybody", FromHeader(XForwardedFor, one("0.0.0.0/0")), "trustedProxies[0]"},
		{"everybody IPv6", FromHeader(XForwardedFor, one("::/0")), "trustedProxies[0]"},
		{"everybody mapped", FromHeader(XForwardedFor, one("::ffff:0.0.0.0/96")), "trustedProxies[0]"},
		{"wider than mapped", FromHeader(XForwardedFor, one("::/64")), ""},
		{"host bits", FromHeader(XForwardedFor, one("10.0.0.1/8")), "trustedProxies[0]"},
		{"mapped host bits", FromHeader(XForwardedFor, one("::ffff:10.0.0.1/104")), "trustedProxies[0]"},
		{"invalid prefix", FromHeader(XForwardedFor, []netip.Prefix{testProxies[0], {}}), "trustedProxies[1]"},
		{"unix socket, everybody", FromUnixSocket(Forwarded, one("0.0.0.0/0")), "trustedProxies[0]"},
		{"authenticated", FromAuthenticated(XForwardedFor, func(*http.Request) bool { return true }, nil), ""},
		{"authenticated by nothing", FromAuthenticated(XForwardedFor, nil, testProxies), "authenticated"},
		{"nil", nil, "resolver"},
		{"zero", &Resolver{}, "resolver"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.resolver.Validate()
			if tt.names == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.names) {
				t.Fatalf("error %v does not name %s", err, tt.names)
			}
			r := request(t, "10.0.0.1:1", headers{{"X-Forwarded-For", "192.0.2.1"}})
			if _, err := tt.resolver.Resolve(r); !errors.Is(err, ErrMisconfigured) {
				t.Fatalf("a misconfigured resolver answered %v", err)
			}
			if tt.resolver.FromProxy(r) {
				t.Fatal("a misconfigured resolver trusts a proxy")
			}
		})
	}
}

func TestConfigurationIsCopied(t *testing.T) {
	t.Parallel()
	list := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	resolver := FromHeader(XForwardedFor, list)
	list[0] = netip.MustParsePrefix("198.51.100.0/24")
	got, err := resolver.Resolve(request(t, "198.51.100.7:1", headers{{"X-Forwarded-For", "192.0.2.1"}}))
	if err != nil || got.String() != "198.51.100.7" {
		t.Fatalf("the caller's later change reached the resolver: %v, %v", got, err)
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	called := false
	h := FromHeader(XForwardedFor, testProxies).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called = true
		addr, ok := FromContext(r.Context())
		if !ok || addr.String() != "192.0.2.1" {
			t.Errorf("context has %v, %v", addr, ok)
		}
	}))

	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(t, "10.0.0.1:1", headers{{"X-Forwarded-For", "192.0.2.1"}}))
	if w.Code != http.StatusOK || !called {
		t.Fatalf("status %d, called %v", w.Code, called)
	}

	called = false
	w = httptest.NewRecorder()
	h.ServeHTTP(w, request(t, "10.0.0.1:1", headers{{"X-Forwarded-For", "203.0.113.77, junk"}}))
	if w.Code != http.StatusForbidden || called {
		t.Fatalf("status %d, called %v", w.Code, called)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	body := w.Body.String()
	if !strings.Contains(body, `"code":"client_address_unknown"`) || strings.Contains(body, "203.0.113.77") {
		t.Errorf("body %s", body)
	}

	w = httptest.NewRecorder()
	(*Resolver)(nil).Handler(h).ServeHTTP(w, request(t, "192.0.2.1:1", nil))
	if w.Code != http.StatusInternalServerError || called {
		t.Fatalf("nil resolver: status %d, called %v", w.Code, called)
	}
}

func TestFromContextWithout(t *testing.T) {
	t.Parallel()
	if addr, ok := FromContext(t.Context()); ok || addr.IsValid() {
		t.Fatalf("got %v, %v", addr, ok)
	}
	if _, ok := FromContext(NewContext(t.Context(), netip.Addr{})); ok {
		t.Fatal("a zero address counts as known")
	}
}
