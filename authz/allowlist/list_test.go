package allowlist

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	everything := Options{AllowPrivate: true, AllowLoopback: true}
	tests := []struct {
		prefix  string
		options Options
		reason  string
	}{
		{"0.0.0.0/0", everything, "every address"},
		{"::/0", everything, "every address"},
		{"::ffff:0.0.0.0/96", everything, "every address"},
		{"::ffff:0.0.0.0/95", everything, "beyond its length"},
		{"::/80", everything, "no client can have"},
		{"0.0.0.0/1", everything, "no client can have"},
		{"128.0.0.0/1", everything, "no client can have"},
		{"0.0.0.0/32", everything, "no client can have"},
		{"224.0.0.0/4", everything, "no client can have"},
		{"239.1.2.3/32", everything, "no client can have"},
		{"255.255.255.255/32", everything, "no client can have"},
		{"::/128", everything, "no client can have"},
		{"ff02::1/128", everything, "no client can have"},
		{"8000::/1", everything, "no client can have"},
		{"192.0.2.1/24", everything, "did you mean 192.0.2.0/24?"},
		{"2001:db8::1/32", everything, "did you mean 2001:db8::/32?"},
		{"::ffff:192.0.2.1/120", everything, "beyond its length"},

		{"127.0.0.1/32", Options{}, "AllowLoopback"},
		{"127.0.0.1/32", Options{AllowPrivate: true}, "AllowLoopback"},
		{"::1/128", Options{AllowPrivate: true}, "AllowLoopback"},
		{"::ffff:127.0.0.1/128", Options{AllowPrivate: true}, "AllowLoopback"},
		{"64.0.0.0/2", Options{AllowPrivate: true}, "AllowLoopback"},
		{"10.0.0.0/8", Options{AllowLoopback: true}, "AllowPrivate"},
		{"10.1.2.3/32", Options{}, "AllowPrivate"},
		{"8.0.0.0/5", Options{}, "AllowPrivate"}, // 8 to 15: a wide range around a private one
		{"172.16.0.0/12", Options{}, "AllowPrivate"},
		{"172.0.0.0/8", Options{}, "AllowPrivate"},
		{"192.168.1.0/24", Options{}, "AllowPrivate"},
		{"::ffff:192.168.1.0/120", Options{}, "AllowPrivate"},
		{"100.64.0.0/10", Options{}, "AllowPrivate"},
		{"169.254.169.254/32", Options{}, "AllowPrivate"},
		{"198.18.0.0/15", Options{}, "AllowPrivate"},
		{"fd00::/8", Options{}, "AllowPrivate"},
		{"fe80::/64", Options{}, "AllowPrivate"},
		{"64:ff9b:1::/48", Options{}, "AllowPrivate"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.prefix, tt.options), func(t *testing.T) {
			t.Parallel()
			p := netip.MustParsePrefix(tt.prefix)
			good := netip.MustParsePrefix("192.0.2.0/24")
			list, err := Compile([]netip.Prefix{good, p}, tt.options)
			var e *PrefixError
			if !errors.As(err, &e) || list != nil {
				t.Fatalf("got %v, %v", list, err)
			}
			if e.Index != 1 || e.Prefix != p || !strings.Contains(e.Error(), tt.reason) {
				t.Fatalf("error %+v, want reason %q", e, tt.reason)
			}
			if status, code := e.Refusal(); status != http.StatusBadRequest || code == "" {
				t.Fatalf("refused with %d %q", status, code)
			}
		})
	}
	if _, err := Compile([]netip.Prefix{{}}, everything); err == nil {
		t.Fatal("the zero prefix was compiled")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	list, err := Parse([]string{"198.51.100.7", "192.0.2.0/24", "2001:db8::1", "::ffff:203.0.113.0/120", "192.0.2.0/24"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "[192.0.2.0/24 198.51.100.7/32 203.0.113.0/24 2001:db8::1/128]"
	if got := fmt.Sprint(list.Prefixes()); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	for _, bad := range []string{"", "localhost", "192.0.2.1/33", "192.0.2", "010.0.0.1", "192.0.2.0/024", "0x7f.1", "fe80::1%eth0", "fe80::%eth0/64", "192.0.2.1:80", "192.0.2.0-192.0.2.9", " 192.0.2.1", "192.0.2.*", "*"} {
		list, err := Parse([]string{bad}, Options{AllowPrivate: true, AllowLoopback: true})
		var e *PrefixError
		if !errors.As(err, &e) || list != nil {
			t.Errorf("%q: got %v, %v", bad, list, err)
		}
	}
}

// many returns n public prefixes that do not touch 192.0.2.0/24 or
// 2001:db8:1::/48.
func many(n int) []netip.Prefix {
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	out := make([]netip.Prefix, 0, n)
	for len(out) < n {
		var p netip.Prefix
		if rnd.IntN(4) == 0 {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x2a, byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())}), 32+rnd.IntN(33))
		} else {
			p = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(11 + rnd.IntN(80)), byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())}), 18+rnd.IntN(15))
		}
		out = append(out, p.Masked())
	}
	return out
}

func TestContains(t *testing.T) {
	t.Parallel()
	own := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.7/32"),
		netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("::ffff:203.0.113.0/125"),
	}
	tests := []struct {
		addr string
		want bool
	}{
		{"192.0.2.0", true}, {"192.0.2.255", true}, {"::ffff:192.0.2.9", true}, {"198.51.100.7", true},
		{"2001:db8:1::", true}, {"2001:db8:1:ffff::1", true}, {"203.0.113.7", true}, {"::ffff:203.0.113.7", true},
		{"192.0.1.255", false}, {"192.0.3.0", false}, {"198.51.100.6", false}, {"198.51.100.8", false},
		{"203.0.113.8", false}, {"2001:db8:2::", false}, {"2001:db8::", false}, {"::192.0.2.9", false},
		{"64:ff9b::192.0.2.9", false}, {"127.0.0.1", false}, {"::1", false}, {"0.0.0.0", false}, {"::", false},
		{"2001:db8:1::1%eth0", false}, {"::ffff:192.0.2.9%1", false},
	}
	for _, extra := range []int{0, linearLimit - len(own), linearLimit - len(own) + 1, 1024} {
		list, err := Compile(append(many(extra), own...), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if (list.table != nil) != (len(list.prefixes) > linearLimit) {
			t.Fatalf("%d prefixes: table %v", len(list.prefixes), list.table != nil)
		}
		for _, tt := range tests {
			addr := netip.MustParseAddr(tt.addr)
			if got := list.Contains(addr); got != tt.want {
				t.Errorf("%d more prefixes: %v is %v", extra, addr, got)
			}
			if err := list.Check(addr); (err == nil) != tt.want || (err != nil && !errors.Is(err, ErrNotListed)) {
				t.Errorf("%d more prefixes: Check(%v) is %v", extra, addr, err)
			}
		}
		if list.Contains(netip.Addr{}) {
			t.Errorf("%d more prefixes: the zero address is contained", extra)
		}
	}
}

// The table and the plain definition agree on random addresses.
func TestTableAgreesWithDefinition(t *testing.T) {
	t.Parallel()
	prefixes := many(500)
	list, err := Compile(prefixes, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(2, 3))
	inside := 0
	for range 20000 {
		p := prefixes[rnd.IntN(len(prefixes))]
		raw := p.Addr().As16()
		raw[15-rnd.IntN(6)] ^= byte(rnd.Uint32())
		addr := netip.AddrFrom16(raw)
		want := slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
		if want {
			inside++
		}
		if got := list.Contains(addr); got != want {
			t.Fatalf("%v: got %v, want %v", addr, got, want)
		}
	}
	if inside == 0 || inside == 20000 {
		t.Fatalf("%d of 20000 addresses are inside: the test tells nothing", inside)
	}
}

func TestEmptyDenies(t *testing.T) {
	t.Parallel()
	empty, err := Compile(nil, Options{AllowPrivate: true, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]*List{"empty": empty, "zero": {}, "nil": nil} {
		for _, addr := range []string{"192.0.2.1", "127.0.0.1", "::1", "10.0.0.1"} {
			if err := list.Check(netip.MustParseAddr(addr)); !errors.Is(err, ErrNotListed) {
				t.Errorf("%s list, %s: %v", name, addr, err)
			}
		}
		if len(list.Prefixes()) != 0 {
			t.Errorf("%s list has prefixes", name)
		}
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	list, err := Parse([]string{"127.0.0.0/8", "::1", "10.0.0.0/8", "fd00::/8"}, Options{AllowPrivate: true, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.1", "::1", "10.9.9.9", "fd00::1", "::ffff:127.0.0.1"} {
		if !list.Contains(netip.MustParseAddr(addr)) {
			t.Errorf("%s is not contained", addr)
		}
	}
}

func TestListIsImmutable(t *testing.T) {
	t.Parallel()
	given := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	list, err := Compile(given, Options{})
	if err != nil {
		t.Fatal(err)
	}
	other := netip.MustParsePrefix("203.0.113.0/24")
	given[0] = other
	list.Prefixes()[0] = other
	if list.Contains(other.Addr()) || !list.Contains(netip.MustParseAddr("192.0.2.1")) {
		t.Fatal("the list changed after it was compiled")
	}
}

func TestContainsDoesNotAllocate(t *testing.T) {
	list, err := Compile(many(1024), Options{})
	if err != nil {
		t.Fatal(err)
	}
	hit, miss := list.prefixes[500].Addr(), netip.MustParseAddr("192.0.2.1")
	if n := testing.AllocsPerRun(100, func() {
		if list.Check(hit) != nil || list.Check(miss) == nil {
			t.Fatal("wrong answer")
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkContains(b *testing.B) {
	for _, n := range []int{1, 8, 9, 16, 1024, 65536} {
		list, err := Compile(many(n), Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, bb := range []struct {
			name string
			addr netip.Addr
		}{
			{"hit", list.prefixes[len(list.prefixes)-1].Addr()},
			{"near miss", list.prefixes[len(list.prefixes)/2].Addr().Prev()},
			{"miss", netip.MustParseAddr("192.0.2.1")},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, bb.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_ = list.Check(bb.addr)
				}
			})
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	own, err := Parse([]string{"192.0.2.0/24"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	from := func(s string) func(*http.Request) (netip.Addr, error) {
		return func(*http.Request) (netip.Addr, error) { return netip.MustParseAddr(s), nil }
	}
	always := func(l *List) func(*http.Request) (*List, error) {
		return func(*http.Request) (*List, error) { return l, nil }
	}
	tests := []struct {
		name    string
		address func(*http.Request) (netip.Addr, error)
		list    func(*http.Request) (*List, error)
		status  int
	}{
		{"listed", from("192.0.2.9"), always(own), http.StatusOK},
		{"not listed", from("198.51.100.1"), always(own), http.StatusForbidden},
		{"no list", from("192.0.2.9"), always(nil), http.StatusForbidden},
		{"address fails", func(*http.Request) (netip.Addr, error) { return netip.Addr{}, broken }, always(own), http.StatusInternalServerError},
		{"address fails with a listed address", func(*http.Request) (netip.Addr, error) { return netip.MustParseAddr("192.0.2.9"), broken }, always(own), http.StatusInternalServerError},
		{"list fails", from("192.0.2.9"), func(*http.Request) (*List, error) { return own, broken }, http.StatusInternalServerError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			control, err := New(tt.address, tt.list)
			if err != nil {
				t.Fatal(err)
			}
			called := false
			w := httptest.NewRecorder()
			control.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })).
				ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
			if w.Code != tt.status || called != (tt.status == http.StatusOK) {
				t.Fatalf("status %d, called %v", w.Code, called)
			}
			if !called && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
			}
		})
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	for name, control := range map[string]*Control{"nil": nil, "zero": {}} {
		if err := control.Check(r); !errors.Is(err, ErrNotListed) {
			t.Errorf("%s control: %v", name, err)
		}
	}
	if _, err := New(nil, always(own)); err == nil || !strings.Contains(err.Error(), "address") {
		t.Errorf("no address function: %v", err)
	}
	if _, err := New(from("192.0.2.9"), nil); err == nil || !strings.Contains(err.Error(), "list") {
		t.Errorf("no list function: %v", err)
	}
}
