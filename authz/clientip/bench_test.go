package clientip

import "testing"

func TestResolveDoesNotAllocate(t *testing.T) {
	resolver := FromHeader(XForwardedFor, testProxies)
	r := request(t, "10.0.0.1:4000", headers{{"X-Forwarded-For", "203.0.113.5, 2001:db8::1, 10.0.0.2"}})
	if n := testing.AllocsPerRun(100, func() {
		if _, err := resolver.Resolve(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkResolve(b *testing.B) {
	for _, bb := range []struct {
		name     string
		resolver *Resolver
		headers  headers
	}{
		{"Direct", Direct(), nil},
		{"XForwardedFor", FromHeader(XForwardedFor, testProxies), headers{{"X-Forwarded-For", "203.0.113.5, 192.0.2.1, 10.0.0.2"}}},
		{"Forwarded", FromHeader(Forwarded, testProxies), headers{{"Forwarded", `for=203.0.113.5, for=192.0.2.1;proto=https, for="10.0.0.2:80"`}}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := request(b, "10.0.0.1:4000", bb.headers)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bb.resolver.Resolve(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
