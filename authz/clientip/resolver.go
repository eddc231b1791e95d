package clientip

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
)

// A Header is the name of the one request header that the trusted proxies write
// the client's address into.
//
// [XForwardedFor] and [Forwarded] are lists that every proxy appends to. Any
// other name is a header with a single address that the proxy nearest to this
// server overwrites: it must be there once, and hold an address and nothing
// else.
type Header string

const (
	// XForwardedFor is the list that nearly every proxy can append to.
	XForwardedFor Header = "X-Forwarded-For"
	// Forwarded is the standard list, https://www.rfc-editor.org/rfc/rfc7239.
	Forwarded Header = "Forwarded"
	// XRealIP is a single address, by custom of nginx. The proxy must overwrite
	// it; one that passes on what the client sent opens the door.
	XRealIP Header = "X-Real-Ip"
)

// A Resolver finds the client address of a request. It is immutable and safe for
// concurrent use. The nil and the zero Resolver refuse every request.
type Resolver struct {
	made    bool   // by one of the constructors
	header  Header // canonical; empty: headers are never read
	trusted []netip.Prefix
	unix    bool                     // the peer of a Unix socket is a trusted proxy
	peer    func(*http.Request) bool // tells trusted proxies by other means; or nil
	err     error                    // what is wrong with the configuration
}

// Direct takes the peer of the connection for the client and reads no header. It
// is the right one for a server that clients reach without a proxy, and behind a
// [ProxyListener].
func Direct() *Resolver { return &Resolver{made: true} }

// FromHeader reads the client address from header, if and only if the peer is
// one of trustedProxies. A peer that is not is taken for the client itself.
//
// Each prefix must have no bits set beyond its length, and none may cover a
// whole address family. An invalid configuration makes a Resolver that refuses
// everything; ask [Resolver.Validate] at start.
func FromHeader(header Header, trustedProxies []netip.Prefix) *Resolver {
	r := fromHeader(header, trustedProxies)
	if r.err == nil && len(trustedProxies) == 0 {
		r.err = fmt.Errorf("clientip: trustedProxies: empty; nobody could set %s (use Direct)", r.header)
	}
	return r
}

// FromUnixSocket is [FromHeader] for a server that listens on a Unix socket: the
// process at the other end of the socket is a trusted proxy, because the
// permissions of the socket file say who may connect. moreHops names proxies in
// front of that one and may be empty.
func FromUnixSocket(header Header, moreHops []netip.Prefix) *Resolver {
	r := fromHeader(header, moreHops)
	r.unix = true
	return r
}

// FromAuthenticated is [FromHeader] for proxies that prove who they are instead of
// having a known address: authenticated tells whether a request came from one.
// The method FromProxy of an mtls.Verifier does, by the proxy's certificate.
// moreHops names proxies in front of those and may be empty.
func FromAuthenticated(header Header, authenticated func(*http.Request) bool, moreHops []netip.Prefix) *Resolver {
	r := fromHeader(header, moreHops)
	if r.err == nil && authenticated == nil {
		r.err = fmt.Errorf("clientip: authenticated: no function; nobody could set %s", r.header)
	}
	r.peer = authenticated
	return r
}

func fromHeader(header Header, trustedProxies []netip.Prefix) *Resolver {
	r := &Resolver{made: true, header: Header(textproto.CanonicalMIMEHeaderKey(string(header)))}
	if !validToken(string(header)) {
		r.err = fmt.Errorf("clientip: header: %q is no header name", string(header))
		return r
	}
	r.trusted, r.err = proxies(trustedProxies)
	return r
}

// proxies checks and copies a list of trusted prefixes.
func proxies(in []netip.Prefix) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, len(in))
	for i, p := range in {
		switch {
		case !p.IsValid():
			return nil, fmt.Errorf("clientip: trustedProxies[%d]: invalid prefix", i)
		case p != p.Masked():
			return nil, fmt.Errorf("clientip: trustedProxies[%d]: %v has bits beyond its length; did you mean %v?", i, p, p.Masked())
		}
		if a := p.Addr(); a.Is4In6() {
			if p.Bits() < 96 {
				return nil, fmt.Errorf("clientip: trustedProxies[%d]: %v is wider than the mapped IPv4 range", i, p)
			}
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("clientip: trustedProxies[%d]: %v would let anybody name their own address", i, p)
		}
		out[i] = p
	}
	return out, nil
}

// Validate says what is wrong with the configuration, naming the field; nil if
// nothing is. Call it at start: a Resolver that fails here refuses every
// request.
func (r *Resolver) Validate() error {
	if r == nil || !r.made {
		return ErrMisconfigured
	}
	return r.err
}

// Resolve finds the client address of req: valid, unmapped, without zone. On an
// error the request must be refused; which one it is, [ErrPeer], [ErrHeader],
// [ErrNoClient] or [ErrMisconfigured], is for the audit trail.
func (r *Resolver) Resolve(req *http.Request) (netip.Addr, error) {
	if r.Validate() != nil {
		return netip.Addr{}, ErrMisconfigured
	}
	if r.peer != nil && r.peer(req) {
		return r.walk(req.Header)
	}
	if overUnixSocket(req) {
		if !r.unix {
			return netip.Addr{}, ErrPeer
		}
		return r.walk(req.Header)
	}
	peer, ok := peerAddr(req.RemoteAddr)
	if !ok {
		return netip.Addr{}, ErrPeer
	}
	if !r.trusts(peer) {
		return peer, nil
	}
	return r.walk(req.Header)
}

// FromProxy tells whether req came over a connection from a trusted proxy, so
// that other headers which that proxy sets may be believed too. It is false for
// [Direct] and for a Resolver that is misconfigured.
func (r *Resolver) FromProxy(req *http.Request) bool {
	if r.Validate() != nil {
		return false
	}
	if r.peer != nil && r.peer(req) {
		return true
	}
	if overUnixSocket(req) {
		return r.unix
	}
	peer, ok := peerAddr(req.RemoteAddr)
	return ok && r.trusts(peer)
}

func (r *Resolver) trusts(a netip.Addr) bool {
	for _, p := range r.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// walk reads the configured header of a request that a trusted proxy sent.
func (r *Resolver) walk(h http.Header) (netip.Addr, error) {
	lines := h[string(r.header)]
	switch r.header {
	case XForwardedFor:
		return walkList(lines, r.trusts)
	case Forwarded:
		return walkForwarded(lines, r.trusts)
	default:
		return single(lines, r.trusts)
	}
}

// overUnixSocket tells whether the server took req from a Unix socket. The text
// of RemoteAddr does not tell: a local process may bind its end to a path that
// reads like an IP address.
func overUnixSocket(req *http.Request) bool {
	local, _ := req.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return local != nil && local.Network() == "unix"
}

// peerAddr reads http.Request.RemoteAddr, which the server sets to "IP:port".
func peerAddr(s string) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return usable(ap.Addr())
}

// usable unmaps an address and refuses those that no client can have.
func usable(a netip.Addr) (netip.Addr, bool) {
	if a.Zone() != "" {
		return netip.Addr{}, false
	}
	a = a.Unmap()
	if a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, false
	}
	return a, true
}
