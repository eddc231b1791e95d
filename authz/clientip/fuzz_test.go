package clientip

import (
	"net/netip"
	"strings"
	"testing"
)

// checkClient holds what must be true of any address that a walk returns.
func checkClient(t *testing.T, addr netip.Addr, err error) {
	t.Helper()
	if err != nil {
		if addr.IsValid() {
			t.Fatalf("address %v together with an error", addr)
		}
		return
	}
	if !addr.IsValid() || addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast() {
		t.Fatalf("unusable address %v", addr)
	}
	for _, p := range testProxies {
		if p.Contains(addr) {
			t.Fatalf("%v is a trusted proxy", addr)
		}
	}
}

// FuzzXForwardedFor: whatever a client sends, what the proxy appends decides.
func FuzzXForwardedFor(f *testing.F) {
	for _, s := range []string{"", "192.0.2.1", "a, b", "[2001:db8::1]:80", "::ffff:1.2.3.4", `for=x;by="`, "10.0.0.1,", "1.1.1.1:99999", "fe80::1%a"} {
		f.Add(s)
	}
	resolver := FromHeader(XForwardedFor, testProxies)
	f.Fuzz(func(t *testing.T, sent string) {
		addr, err := resolver.Resolve(request(t, "10.0.0.1:1", headers{{"X-Forwarded-For", sent}}))
		checkClient(t, addr, err)
		for _, hs := range []headers{
			{{"X-Forwarded-For", sent + ", 192.0.2.99"}},
			{{"X-Forwarded-For", sent}, {"X-Forwarded-For", "192.0.2.99, 10.0.0.2"}},
		} {
			addr, err = resolver.Resolve(request(t, "10.0.0.1:1", hs))
			if err != nil || addr.String() != "192.0.2.99" {
				t.Fatalf("%q turned the proxy's word into %v, %v", sent, addr, err)
			}
		}
	})
}

// FuzzForwarded: a client may break the line and be refused, but never replace
// what the proxy appended, in any of the forms in which proxies write it.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", "for=192.0.2.1", `for=x;by="`, `for="[2001:db8::1]:80";proto=https`, `for=1.1.1.1;host="`, `for=a\`, "for=_x, for=unknown", `a="`, `for="1.1.1.1`} {
		f.Add(s)
	}
	resolver := FromHeader(Forwarded, testProxies)
	f.Fuzz(func(t *testing.T, sent string) {
		addr, err := resolver.Resolve(request(t, "10.0.0.1:1", headers{{"Forwarded", sent}}))
		checkClient(t, addr, err)
		for _, appended := range []string{"for=192.0.2.99", `for="192.0.2.99:80";proto=https`, `proto=https;host="api.example";for=192.0.2.99;by="10.0.0.1"`} {
			for _, separator := range []string{", ", ","} {
				addr, err = resolver.Resolve(request(t, "10.0.0.1:1", headers{{"Forwarded", sent + separator + appended}}))
				if err == nil && addr.String() != "192.0.2.99" {
					t.Fatalf("%q turned %q into %v", sent, appended, addr)
				}
			}
		}
		// A host that a proxy copies into a quoted string, escaped or not.
		for _, host := range []string{sent, strings.ReplaceAll(sent, `"`, `\"`)} {
			addr, err = resolver.Resolve(request(t, "10.0.0.1:1", headers{{"Forwarded", `for=192.0.2.99;host="` + host + `"`}}))
			checkClient(t, addr, err)
		}
	})
}
