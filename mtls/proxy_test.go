package mtls

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/mtls/mtlstest"
)

func b64(cert *x509.Certificate) string { return mtlstest.ClientCertHeader(cert) }

// escaped is PEM with every reserved character escaped, as nginx and Envoy do.
func escaped(certs ...*x509.Certificate) string {
	var b strings.Builder
	for _, cert := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	return strings.ReplaceAll(url.QueryEscape(b.String()), "+", "%20")
}

// halfEscaped leaves + = / as they are, as AWS load balancers do.
func halfEscaped(certs ...*x509.Certificate) string {
	return strings.NewReplacer("%2B", "+", "%3D", "=", "%2F", "/").Replace(escaped(certs...))
}

func sha(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

type lines map[string][]string

func TestProxyHeaders(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	partner, stranger, ca := f.partner.Certificate, f.stranger.Certificate, f.ca.Certificate
	key, err := f.partner.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	nginx := EscapedPEM("X-SSL-Client-Cert", "X-SSL-Client-Verify")
	one := func(s ...string) []string { return s }

	for _, tt := range []struct {
		name    string
		header  Header
		lines   lines
		want    error // nil: the partner's
		through bool  // with intermediates: the CA's
	}{
		// RFC 9440
		{"client-cert", ClientCert(), lines{"Client-Cert": one(b64(partner))}, nil, false},
		{"client-cert with chain", ClientCert(), lines{"Client-Cert": one(b64(partner)), "Client-Cert-Chain": one(b64(ca))}, nil, true},
		{"client-cert with longer chain", ClientCert(), lines{"Client-Cert": one(b64(partner)), "Client-Cert-Chain": one(b64(ca) + ", " + b64(f.otherCA.Certificate))}, nil, true},
		{"client-cert missing", ClientCert(), nil, ErrNoCertificate, false},
		{"client-cert empty", ClientCert(), lines{"Client-Cert": one("")}, ErrNoCertificate, false},
		{"client-cert without bytes", ClientCert(), lines{"Client-Cert": one("::")}, ErrNoCertificate, false},
		{"client-cert twice", ClientCert(), lines{"Client-Cert": one(b64(partner), b64(partner))}, ErrMalformed, false},
		{"client-cert twice, differing", ClientCert(), lines{"Client-Cert": one(b64(stranger), b64(partner))}, ErrMalformed, false},
		{"client-cert list", ClientCert(), lines{"Client-Cert": one(b64(partner) + ", " + b64(stranger))}, ErrMalformed, false},
		{"client-cert parameter", ClientCert(), lines{"Client-Cert": one(b64(partner) + ";a=1")}, ErrMalformed, false},
		{"client-cert without colons", ClientCert(), lines{"Client-Cert": one(strings.Trim(b64(partner), ":"))}, ErrMalformed, false},
		{"client-cert one colon", ClientCert(), lines{"Client-Cert": one(":")}, ErrMalformed, false},
		{"client-cert without padding", ClientCert(), lines{"Client-Cert": one(":" + base64.RawStdEncoding.EncodeToString(append(partner.Raw, make([]byte, 1+len(partner.Raw)%3)...)) + ":")}, ErrMalformed, false},
		{"client-cert url alphabet", ClientCert(), lines{"Client-Cert": one(":" + base64.URLEncoding.EncodeToString(partner.Raw) + "_:")}, ErrMalformed, false},
		{"client-cert trailing bytes", ClientCert(), lines{"Client-Cert": one(":" + base64.StdEncoding.EncodeToString(append(append([]byte{}, partner.Raw...), 0)) + ":")}, ErrMalformed, false},
		{"client-cert PEM", ClientCert(), lines{"Client-Cert": one(escaped(partner))}, ErrMalformed, false},
		{"client-cert huge", ClientCert(), lines{"Client-Cert": one(":" + strings.Repeat("A", maxHeader) + ":")}, ErrMalformed, false},
		{"client-cert chain alone", ClientCert(), lines{"Client-Cert-Chain": one(b64(partner))}, ErrMalformed, false},
		{"client-cert chain twice", ClientCert(), lines{"Client-Cert": one(b64(partner)), "Client-Cert-Chain": one(b64(ca), b64(ca))}, ErrMalformed, false},
		{"client-cert chain junk", ClientCert(), lines{"Client-Cert": one(b64(partner)), "Client-Cert-Chain": one("junk")}, ErrMalformed, false},
		{"client-cert chain too long", ClientCert(), lines{"Client-Cert": one(b64(partner)), "Client-Cert-Chain": one(strings.Repeat(b64(ca)+",", maxChain) + b64(ca))}, ErrMalformed, false},
		{"client-cert in a header of another form", ClientCert(), lines{"X-Ssl-Client-Cert": one(escaped(partner))}, ErrNoCertificate, false},

		// nginx
		{"nginx", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner)), "X-Ssl-Client-Verify": one("SUCCESS")}, nil, false},
		{"nginx without verdict", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner))}, ErrNotVerified, false},
		{"nginx NONE", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner)), "X-Ssl-Client-Verify": one("NONE")}, ErrNotVerified, false},
		{"nginx FAILED", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner)), "X-Ssl-Client-Verify": one("FAILED:certificate has expired")}, ErrNotVerified, false},
		{"nginx verdict in another case", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner)), "X-Ssl-Client-Verify": one("success")}, ErrNotVerified, false},
		{"nginx verdict twice", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner)), "X-Ssl-Client-Verify": one("SUCCESS", "SUCCESS")}, ErrMalformed, false},
		{"nginx certificate twice", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner), escaped(stranger)), "X-Ssl-Client-Verify": one("SUCCESS")}, ErrMalformed, false},
		{"nginx verdict alone", nginx, lines{"X-Ssl-Client-Verify": one("SUCCESS")}, ErrNoCertificate, false},
		{"nginx empty", nginx, lines{"X-Ssl-Client-Cert": one(""), "X-Ssl-Client-Verify": one("NONE")}, ErrNoCertificate, false},
		{"nginx two certificates", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner, ca)), "X-Ssl-Client-Verify": one("SUCCESS")}, ErrMalformed, false},
		{"nginx private key along", nginx, lines{"X-Ssl-Client-Cert": one(escaped(partner) + url.PathEscape(string(key))), "X-Ssl-Client-Verify": one("SUCCESS")}, ErrMalformed, false},
		{"nginx broken escape", nginx, lines{"X-Ssl-Client-Cert": one("%zz" + escaped(partner)), "X-Ssl-Client-Verify": one("SUCCESS")}, ErrMalformed, false},
		{"nginx broken PEM", nginx, lines{"X-Ssl-Client-Cert": one(strings.Replace(escaped(partner), "-----END", "-----EN", 1)), "X-Ssl-Client-Verify": one("SUCCESS")}, ErrMalformed, false},
		{"nginx with spaces for +", EscapedPEM("X-Cert", ""), lines{"X-Cert": one(strings.Replace(halfEscaped(partner), "%0A", "%0A+", 2))}, ErrMalformed, false},
		{"nginx no verdict asked for", EscapedPEM("X-Cert", ""), lines{"X-Cert": one(escaped(partner))}, nil, false},

		// Envoy
		{"xfcc", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Hash=` + sha(partner) + `;Cert="` + escaped(partner) + `"`)}, nil, false},
		{"xfcc everything", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`By=spiffe://a/b;Hash=` + strings.ToUpper(sha(partner)) + `;Cert="` + escaped(partner) + `";Chain="` + escaped(partner, ca) + `";Subject="CN=a\",b\\";URI=;URI=spiffe://x;DNS=a.example;DNS=b.example`)}, nil, true},
		{"xfcc keys in any case", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`hash=` + sha(partner) + `;CERT="` + escaped(partner) + `"`)}, nil, false},
		{"xfcc missing", EnvoyXFCC(), nil, ErrNoCertificate, false},
		{"xfcc hash alone", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Hash=` + sha(partner))}, ErrMalformed, false},
		{"xfcc wrong hash", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Hash=` + sha(stranger) + `;Cert="` + escaped(partner) + `"`)}, ErrMalformed, false},
		{"xfcc injected element before", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(stranger) + `",Cert="` + escaped(partner) + `"`)}, ErrMalformed, false},
		{"xfcc injected element after", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(partner) + `",Cert="` + escaped(stranger) + `"`)}, ErrMalformed, false},
		{"xfcc two lines", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="`+escaped(stranger)+`"`, `Cert="`+escaped(partner)+`"`)}, ErrMalformed, false},
		{"xfcc Cert twice", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(stranger) + `";Cert="` + escaped(partner) + `"`)}, ErrMalformed, false},
		{"xfcc cert and Cert", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`cert="` + escaped(stranger) + `";Cert="` + escaped(partner) + `"`)}, ErrMalformed, false},
		{"xfcc Cert in the subject", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Subject="a";Cert="` + escaped(stranger) + `";x="";Cert="` + escaped(partner) + `"`)}, ErrMalformed, false},
		{"xfcc Cert in an escaped subject", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Subject="a\";Cert=\"` + escaped(stranger) + `\"";Cert="` + escaped(partner) + `"`)}, nil, false},
		{"xfcc open quote", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(partner) + `";Subject="a`)}, ErrMalformed, false},
		{"xfcc escape at the end", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(partner) + `";Subject="a\`)}, ErrMalformed, false},
		{"xfcc unknown key", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(partner) + `";X=1`)}, ErrMalformed, false},
		{"xfcc no value", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert`)}, ErrMalformed, false},
		{"xfcc empty pair", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(partner) + `";`)}, ErrMalformed, false},
		{"xfcc trailing comma", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(partner) + `",`)}, ErrMalformed, false},
		{"xfcc text after a quote", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(partner) + `"x`)}, ErrMalformed, false},
		{"xfcc chain of another", EnvoyXFCC(), lines{"X-Forwarded-Client-Cert": one(`Cert="` + escaped(partner) + `";Chain="` + escaped(stranger, ca) + `"`)}, ErrMalformed, false},

		// AWS
		{"alb leaf", ALBLeaf(), lines{"X-Amzn-Mtls-Clientcert-Leaf": one(halfEscaped(partner))}, nil, false},
		{"alb leaf chain", ALBLeaf(), lines{"X-Amzn-Mtls-Clientcert-Leaf": one(halfEscaped(partner, ca))}, ErrMalformed, false},
		{"alb leaf twice", ALBLeaf(), lines{"X-Amzn-Mtls-Clientcert-Leaf": one(halfEscaped(partner), halfEscaped(partner))}, ErrMalformed, false},
		{"alb leaf missing", ALBLeaf(), lines{"X-Amzn-Mtls-Clientcert-Subject": one("CN=partner")}, ErrNoCertificate, false},
		{"alb passthrough", ALBPassthrough(), lines{"X-Amzn-Mtls-Clientcert": one(halfEscaped(partner, ca))}, nil, true},
		{"alb passthrough too long", ALBPassthrough(), lines{"X-Amzn-Mtls-Clientcert": one(halfEscaped(partner, ca, ca, ca, ca, ca, ca, ca, ca, ca, ca))}, ErrMalformed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, newRegistry(f), Config{Proxy: &Proxy{Header: tt.header, Trusted: func(*http.Request) bool { return true }}})
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.TLS = nil
			for name, values := range tt.lines {
				r.Header[name] = values
			}
			identity, err := v.Check(r)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				return
			}
			if identity.Client != "partner" || !identity.Proxied || !identity.Certificate.Equal(partner) {
				t.Fatalf("identity %q, proxied %v", identity.Client, identity.Proxied)
			}
			if through := len(identity.Intermediates) > 0 && identity.Intermediates[0].Equal(ca); through != tt.through {
				t.Fatalf("%d intermediates", len(identity.Intermediates))
			}
		})
	}
}

// TestProxyRules: what a proxy passes on is judged like any certificate.
func TestProxyRules(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	v := newVerifier(t, newRegistry(f), Config{Proxy: &Proxy{Header: ClientCert(), Trusted: func(*http.Request) bool { return true }}})
	check := func(pair *mtlstest.Pair) error {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("Client-Cert", b64(pair.Certificate))
		_, err := v.Check(r)
		return err
	}
	if err := check(f.selfSigned); err != nil {
		t.Error(err)
	}
	if err := check(f.stranger); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("not registered: %v", err)
	}
	for name, bad := range f.bad {
		if err := check(bad.Pair); !errors.Is(err, bad.want) {
			t.Errorf("%s: got %v, want %v", name, err, bad.want)
		}
	}
}

func TestUntrustedPeer(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	byAddress := func(r *http.Request) bool { return strings.HasPrefix(r.RemoteAddr, "10.") }
	state := func(pair *mtlstest.Pair) *tls.ConnectionState {
		return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{pair.Certificate}}
	}
	proxyPair := f.stranger
	for _, tt := range []struct {
		name   string
		proxy  *Proxy
		remote string
		tls    *tls.ConnectionState
		lines  lines
		client string
		want   error
	}{
		{"header from a stranger", &Proxy{Header: ClientCert(), Trusted: byAddress}, "192.0.2.1:1", nil, lines{"Client-Cert": {b64(f.partner.Certificate)}}, "", ErrUntrustedPeer},
		{"header from a client with its own certificate", &Proxy{Header: ClientCert(), Trusted: byAddress}, "192.0.2.1:1", state(f.selfSigned), lines{"Client-Cert": {b64(f.partner.Certificate)}}, "", ErrUntrustedPeer},
		{"empty header from a stranger", &Proxy{Header: ClientCert(), Trusted: byAddress}, "192.0.2.1:1", state(f.partner), lines{"Client-Cert": {""}}, "", ErrUntrustedPeer},
		{"chain from a stranger", &Proxy{Header: ClientCert(), Trusted: byAddress}, "192.0.2.1:1", state(f.partner), lines{"Client-Cert-Chain": {"x"}}, "", ErrUntrustedPeer},
		{"verdict from a stranger", &Proxy{Header: EscapedPEM("X-Cert", "X-Verify"), Trusted: byAddress}, "192.0.2.1:1", state(f.partner), lines{"X-Verify": {"SUCCESS"}}, "", ErrUntrustedPeer},
		{"underscores from a stranger", &Proxy{Header: ClientCert(), Trusted: byAddress}, "192.0.2.1:1", state(f.partner), lines{"Client_Cert": {b64(f.partner.Certificate)}}, "", ErrUntrustedPeer},
		{"underscores through the proxy do not count", &Proxy{Header: ClientCert(), Trusted: byAddress}, "10.0.0.1:1", nil, lines{"Client_Cert": {b64(f.partner.Certificate)}}, "", ErrNoCertificate},
		{"client past the proxy, own certificate", &Proxy{Header: ClientCert(), Trusted: byAddress}, "192.0.2.1:1", state(f.partner), nil, "partner", nil},
		{"proxy without header", &Proxy{Header: ClientCert(), Trusted: byAddress}, "10.0.0.1:1", nil, nil, "", ErrNoCertificate},
		{"proxy's own certificate is no client's", &Proxy{Header: ClientCert(), Trusted: byAddress}, "10.0.0.1:1", state(f.partner), nil, "", ErrNoCertificate},
		{"pinned proxy", &Proxy{Header: ClientCert(), Pinned: []Thumbprint{ThumbprintOf(proxyPair.Certificate)}}, "192.0.2.1:1", state(proxyPair), lines{"Client-Cert": {b64(f.partner.Certificate)}}, "partner", nil},
		{"pinned proxy without header", &Proxy{Header: ClientCert(), Pinned: []Thumbprint{ThumbprintOf(proxyPair.Certificate)}}, "192.0.2.1:1", state(proxyPair), nil, "", ErrNoCertificate},
		{"header over another certificate than the pinned", &Proxy{Header: ClientCert(), Pinned: []Thumbprint{ThumbprintOf(proxyPair.Certificate)}}, "192.0.2.1:1", state(f.partnerRSA), lines{"Client-Cert": {b64(f.partner.Certificate)}}, "", ErrUntrustedPeer},
		{"no proxy configured: headers are not looked at", nil, "10.0.0.1:1", nil, lines{"Client-Cert": {b64(f.partner.Certificate)}}, "", ErrNoCertificate},
		{"no proxy configured: own certificate", nil, "10.0.0.1:1", state(f.selfSigned), lines{"Client-Cert": {b64(f.partner.Certificate)}}, "self", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, newRegistry(f), Config{Proxy: tt.proxy})
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.RemoteAddr, r.TLS = tt.remote, tt.tls
			for name, values := range tt.lines {
				r.Header[name] = values
			}
			identity, err := v.Check(r)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			proxied := strings.HasPrefix(tt.name, "pinned") || tt.proxy != nil && strings.HasPrefix(tt.remote, "10.")
			if v.FromProxy(r) != proxied || (*Verifier)(nil).FromProxy(r) {
				t.Fatalf("FromProxy is %v", !proxied)
			}
			if err == nil && identity.Client != tt.client {
				t.Fatalf("client %q, want %q", identity.Client, tt.client)
			}
		})
	}
}

// TestPinnedProxyOverTLS: the handshake lets the proxy in, though it is no
// client, and nobody else who is none.
func TestPinnedProxyOverTLS(t *testing.T) {
	t.Parallel()
	f := pairs(t)
	proxyPair, err := f.otherCA.Issue(mtlstest.Leaf{CommonName: "proxy"})
	if err != nil {
		t.Fatal(err)
	}
	old := f.bad["expired"]
	v := newVerifier(t, newRegistry(f), Config{Proxy: &Proxy{Header: ClientCert(), Pinned: []Thumbprint{ThumbprintOf(proxyPair.Certificate), ThumbprintOf(old.Certificate)}}})
	addr := serve(t, v, TLSOptions{}, v.Handler(whoami))
	get := func(pair *mtlstest.Pair, header string) (int, error) {
		transport := &http.Transport{TLSClientConfig: clientConfig(t, tls.VersionTLS13, pair), DisableKeepAlives: true}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			r.Header.Set("Client-Cert", header)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		resp.Body.Close()
		return resp.StatusCode, nil
	}
	for _, tt := range []struct {
		name   string
		pair   *mtlstest.Pair
		header string
		want   int // 0: the handshake fails
	}{
		{"proxy passes the partner's on", proxyPair, b64(f.partner.Certificate), 200},
		{"proxy passes a stranger's on", proxyPair, b64(f.stranger.Certificate), 403},
		{"proxy passes nothing on", proxyPair, "", 403},
		{"partner itself", f.partner, "", 200},
		{"partner names another", f.partner, b64(f.selfSigned.Certificate), 403},
		{"stranger", f.stranger, b64(f.partner.Certificate), 0},
		{"proxy with an expired certificate", old.Pair, b64(f.partner.Certificate), 0},
	} {
		status, err := get(tt.pair, tt.header)
		if status != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("%s: %d, %v; want %d", tt.name, status, err, tt.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	reg := newRegistry(pairs(t))
	yes := func(*http.Request) bool { return true }
	for name, tt := range map[string]struct {
		registry Registry
		proxy    *Proxy
		names    string
	}{
		"no registry":       {nil, nil, "registry"},
		"no header":         {reg.lookup, &Proxy{Trusted: yes}, "Header"},
		"empty header name": {reg.lookup, &Proxy{Header: EscapedPEM("", ""), Trusted: yes}, "header"},
		"bad header name":   {reg.lookup, &Proxy{Header: EscapedPEM("X_Cert", ""), Trusted: yes}, "header"},
		"bad verdict name":  {reg.lookup, &Proxy{Header: EscapedPEM("X-Cert", "X Verify"), Trusted: yes}, "verify"},
		"nobody trusted":    {reg.lookup, &Proxy{Header: ClientCert()}, "Trusted"},
		"zero pin":          {reg.lookup, &Proxy{Header: ClientCert(), Pinned: make([]Thumbprint, 1)}, "Pinned"},
	} {
		if v, err := New(tt.registry, Config{Proxy: tt.proxy}); err == nil || v != nil || !strings.Contains(err.Error(), tt.names) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	for name, v := range map[string]*Verifier{"nil": nil, "zero": {}} {
		if _, err := v.Check(r); !errors.Is(err, ErrMisconfigured) {
			t.Errorf("%s verifier: %v", name, err)
		}
	}
}

func TestHeaderNamed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"client-cert": "Client-Cert", "X-Forwarded-Client-Cert": "X-Forwarded-Client-Cert",
		"x-amzn-mtls-clientcert-leaf": "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert": "X-Amzn-Mtls-Clientcert",
		"X-SSL-Client-Cert": "X-Ssl-Client-Cert",
	} {
		if h := HeaderNamed(name); h.err != nil || h.Name() != want {
			t.Errorf("%s: %s, %v", name, h.Name(), h.err)
		}
	}
	if HeaderNamed("Client-Cert").chain == "" {
		t.Error("Client-Cert is not read in its own form")
	}
	if HeaderNamed("").err == nil {
		t.Error("an empty name")
	}
}
