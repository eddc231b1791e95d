package proxytest

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// Addresses of the loopback network stand for places on the Internet.
const (
	proxyIP   = "127.0.0.9" // where the proxy calls the server from
	partnerIP = "127.0.0.2" // on the partner's list
	otherIP   = "127.0.0.3" // on nobody's list
)

var trustedProxies = []netip.Prefix{netip.MustParsePrefix(proxyIP + "/32")}

// app is the server under test: address, allow-list, certificate, in this order.
type app struct {
	resolver *clientip.Resolver
	verifier *mtls.Verifier

	mu      sync.Mutex
	clients map[mtls.Thumbprint]string
}

// newApp makes the server. Without a resolver the proxy is known by its
// certificate, for the client's address too.
func newApp(t *testing.T, f *fixture, resolver *clientip.Resolver, proxy *mtls.Proxy) *app {
	t.Helper()
	a := &app{resolver: resolver, clients: map[mtls.Thumbprint]string{}}
	// Everything is registered but the stranger and the foreign one, so that only
	// the rules stand before the bad ones.
	a.clients[mtls.ThumbprintOf(f.partner.Certificate)] = "partner"
	a.clients[mtls.ThumbprintOf(f.selfSigned.Certificate)] = "self"
	for _, bad := range f.bad {
		a.clients[mtls.ThumbprintOf(bad.Certificate)] = "bad"
	}
	verifier, err := mtls.New(a.lookup, mtls.Config{Proxy: proxy})
	if err != nil {
		t.Fatal(err)
	}
	a.verifier = verifier
	if resolver == nil {
		a.resolver = clientip.FromAuthenticated(clientip.XForwardedFor, verifier.FromProxy, nil)
	}
	if err := a.resolver.Validate(); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *app) lookup(_ context.Context, p mtls.Presented) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	client, ok := a.clients[p.Thumbprint]
	if !ok {
		return "", mtls.ErrNotRegistered
	}
	return client, nil
}

// register makes a fresh certificate of the partner's, to be revoked at will.
func (a *app) register(t *testing.T, f *fixture) *mtlstest.Pair {
	t.Helper()
	pair, err := f.ca.Issue(mtlstest.Leaf{CommonName: "partner.example"})
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients[mtls.ThumbprintOf(pair.Certificate)] = "partner"
	return pair
}

func (a *app) revoke(pair *mtlstest.Pair) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.clients, mtls.ThumbprintOf(pair.Certificate))
}

// handler answers with the client and the address that were found.
func (a *app) handler(t *testing.T) http.Handler {
	t.Helper()
	list, err := allowlist.Parse([]string{partnerIP}, allowlist.Options{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	control, err := allowlist.New(a.resolver.Resolve, func(*http.Request) (*allowlist.List, error) { return list, nil })
	if err != nil {
		t.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		identity, _ := mtls.FromContext(r.Context())
		addr, _ := clientip.FromContext(r.Context())
		fmt.Fprint(w, identity.Client, " from ", addr)
	})
	return a.resolver.Handler(control.Handler(a.verifier.Handler(hello)))
}

// serve runs the server on l, which clients speak plain HTTP to, or TLS where l
// ends it, until the test ends.
func (a *app) serve(t *testing.T, l net.Listener) {
	t.Helper()
	s := a.server(t)
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
}

// serveTLS runs a server that ends TLS itself.
func (a *app) serveTLS(t *testing.T, f *fixture, l net.Listener) {
	t.Helper()
	s := a.server(t)
	s.TLSConfig = tlsConfig(t, f, a)
	go s.ServeTLS(l, "", "")
	t.Cleanup(func() { s.Close() })
}

func (a *app) server(t *testing.T) *http.Server {
	t.Helper()
	return &http.Server{Handler: a.handler(t), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 10 * time.Second}
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
