package clientip_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/gatewright/gatewright/authz/clientip"
)

// Behind a proxy: the header counts, from the right, and only from the proxy.
func ExampleFromHeader() {
	resolver := clientip.FromHeader(clientip.XForwardedFor, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	if err := resolver.Validate(); err != nil {
		fmt.Println(err)
		return
	}

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-For", "203.0.113.5, 192.0.2.1") // the first was sent by the client
	for _, peer := range []string{"10.0.0.1:4711", "198.51.100.7:4711"} {
		r.RemoteAddr = peer
		addr, err := resolver.Resolve(r)
		fmt.Println(addr, err)
	}
	// Output:
	// 192.0.2.1 <nil>
	// 198.51.100.7 <nil>
}

// Without a proxy no header is ever read.
func ExampleDirect() {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "198.51.100.7:4711"
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	addr, err := clientip.Direct().Resolve(r)
	fmt.Println(addr, err)
	// Output: 198.51.100.7 <nil>
}

// On a Unix socket the permissions of the socket file say who the proxy is.
func ExampleFromUnixSocket() {
	resolver := clientip.FromUnixSocket(clientip.XForwardedFor, nil)
	fmt.Println(resolver.Validate())
	// Output: <nil>
}

// A proxy that shows a certificate of its own may call from any address. The
// method FromProxy of an mtls.Verifier is what tells.
func ExampleFromAuthenticated() {
	byCertificate := func(r *http.Request) bool { return r.TLS != nil && len(r.TLS.PeerCertificates) == 1 }
	resolver := clientip.FromAuthenticated(clientip.XForwardedFor, byCertificate, nil)

	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "198.51.100.7:4711"
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	fmt.Println(resolver.Resolve(r))
	// Output: 198.51.100.7 <nil>
}

func ExampleResolver_Handler() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr, _ := clientip.FromContext(r.Context())
		fmt.Fprintln(w, "hello", addr)
	})
	handler := clientip.Direct().Handler(hello)

	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "[2001:db8::1]:4711"
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Print(w.Body)
	// Output: hello 2001:db8::1
}

// A load balancer that passes TCP on, and says who called by the PROXY protocol.
func ExampleNewProxyListener() {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := clientip.NewProxyListener(inner, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, clientip.ProxyOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()

	go func() { // the load balancer
		c, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			fmt.Fprint(c, "PROXY TCP4 192.0.2.1 198.51.100.7 4711 443\r\n")
		}
	}()
	c, err := listener.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(c.RemoteAddr())
	// Output: 192.0.2.1:4711
}
