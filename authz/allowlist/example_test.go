package allowlist_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/clientip"
)

func ExampleParse() {
	list, err := allowlist.Parse([]string{"192.0.2.0/24", "2001:db8::1"}, allowlist.Options{})
	fmt.Println(list.Prefixes(), err)
	fmt.Println(list.Contains(netip.MustParseAddr("192.0.2.77")))
	fmt.Println(list.Contains(netip.MustParseAddr("192.0.3.1")))

	_, err = allowlist.Parse([]string{"10.0.0.0/8"}, allowlist.Options{})
	fmt.Println(err)
	// Output:
	// [192.0.2.0/24 2001:db8::1/128] <nil>
	// true
	// false
	// allowlist: range 0 (10.0.0.0/8): contains private addresses, which need AllowPrivate
}

// The same list for everybody who reaches a handler, behind a proxy.
func ExampleControl() {
	resolver := clientip.FromHeader(clientip.XForwardedFor, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	list, err := allowlist.Compile([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, allowlist.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	control, err := allowlist.New(resolver.Resolve, func(*http.Request) (*allowlist.List, error) { return list, nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := control.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))

	for _, header := range []string{"192.0.2.1", "192.0.2.1, 198.51.100.7"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:4711"
		r.Header.Set("X-Forwarded-For", header)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 403
}
