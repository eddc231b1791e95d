package mtls

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// A Proxy says that TLS ends at a proxy, which passes the client's certificate on
// in a header.
//
// The header counts only from a trusted peer; at least one of Trusted and Pinned
// is required. From a trusted peer nothing but the header counts: the
// certificate of the connection is the proxy's own. From anybody else the header
// is refused with [ErrUntrustedPeer], and a request without it is judged by the
// certificate of its own connection.
//
// The proxy must remove the header from what clients send, or overwrite it.
type Proxy struct {
	// Header is the form in which the proxy passes the certificate on. Required.
	Header Header
	// Trusted tells whether a request came from a trusted proxy, by its address or
	// Unix socket; the method FromProxy of a clientip.Resolver does.
	Trusted func(*http.Request) bool
	// Pinned are the thumbprints of the certificates by which proxies
	// authenticate themselves in TLS. The handshake lets them in.
	Pinned []Thumbprint
}

// checked returns a validated copy.
func (p *Proxy) checked() (*Proxy, error) {
	switch {
	case p.Header.err != nil:
		return nil, p.Header.err
	case p.Header.parse == nil:
		return nil, errors.New("mtls: Proxy.Header: none")
	case p.Trusted == nil && len(p.Pinned) == 0:
		return nil, errors.New("mtls: Proxy.Trusted, Proxy.Pinned: nobody is trusted to set " + p.Header.name)
	case slices.Contains(p.Pinned, Thumbprint{}):
		return nil, errors.New("mtls: Proxy.Pinned: zero thumbprint")
	}
	return &Proxy{Header: p.Header, Trusted: p.Trusted, Pinned: slices.Clone(p.Pinned)}, nil
}

func (p *Proxy) trusts(r *http.Request) bool {
	if p.Trusted != nil && p.Trusted(r) {
		return true
	}
	return len(p.Pinned) > 0 && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 &&
		slices.Contains(p.Pinned, ThumbprintOf(r.TLS.PeerCertificates[0]))
}

// A Header is a form in which proxies pass certificates on: [ClientCert],
// [EscapedPEM], [EnvoyXFCC], [ALBLeaf] or [ALBPassthrough]. It is immutable; the
// zero Header is invalid.
type Header struct {
	name  string // canonical; with the certificate
	chain string // canonical or empty; with the intermediates
	// verify is the header with the proxy's verdict, canonical or empty, and
	// verdict what it must say.
	verify  string
	verdict string
	parse   func(value, chain string) ([]*x509.Certificate, error)
	err     error
}

// maxHeader is the length in bytes above which a header is not even decoded.
const maxHeader = 64 << 10

// HeaderNamed returns the form that goes with a header name: Client-Cert,
// X-Forwarded-Client-Cert, X-Amzn-Mtls-Clientcert-Leaf and
// X-Amzn-Mtls-Clientcert are known, and any other is taken for [EscapedPEM]
// without a verdict. It is for command lines; programs name the form.
func HeaderNamed(name string) Header {
	for _, h := range []Header{ClientCert(), EnvoyXFCC(), ALBLeaf(), ALBPassthrough()} {
		if strings.EqualFold(h.name, name) {
			return h
		}
	}
	return EscapedPEM(name, "")
}

// Name is the canonical name of the header that holds the certificate.
func (h Header) Name() string { return h.name }

// read returns the certificate that a trusted proxy passed on, and after it the
// intermediates.
func (h Header) read(header http.Header) ([]*x509.Certificate, error) {
	value, found, err := oneLine(header, h.name)
	if err != nil {
		return nil, err
	}
	chain, chained, err := oneLine(header, h.chain)
	if err != nil {
		return nil, err
	}
	verdict, _, err := oneLine(header, h.verify)
	if err != nil {
		return nil, err
	}
	switch {
	case !found && chained:
		return nil, ErrMalformed
	case !found || value == "":
		return nil, ErrNoCertificate
	case h.verify != "" && verdict != h.verdict:
		return nil, ErrNotVerified
	}
	return h.parse(value, chain)
}

// oneLine returns the value of a header that may be there once. An empty name is
// a header that is never there.
func oneLine(header http.Header, name string) (value string, found bool, err error) {
	if name == "" {
		return "", false, nil
	}
	switch lines := header[name]; {
	case len(lines) == 0:
		return "", false, nil
	case len(lines) > 1 || len(lines[0]) > maxHeader:
		return "", false, ErrMalformed
	default:
		return lines[0], true, nil
	}
}

// sentIn tells whether any of the headers is there, also in the spelling with
// underscores that some software takes for the same name.
func (h Header) sentIn(header http.Header) bool {
	for sent := range header {
		name := textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(sent, "_", "-"))
		if name == h.name || name == h.chain || name == h.verify {
			return true
		}
	}
	return false
}

// canonical returns a header name in the form in which net/http keeps it.
func canonical(field, name string) (string, error) {
	for i := range len(name) {
		c := name[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "", fmt.Errorf("mtls: %s: %q is no header name of letters, digits and hyphens", field, name)
		}
	}
	if name == "" {
		return "", fmt.Errorf("mtls: %s: empty header name", field)
	}
	return textproto.CanonicalMIMEHeaderKey(name), nil
}
