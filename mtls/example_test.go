package mtls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// A server that knows its clients by their certificates.
func ExampleVerifier() {
	ca, _ := mtlstest.NewCA("demonstration")
	serverPair, _ := ca.IssueServer("example.com")
	partner, _ := ca.Issue(mtlstest.Leaf{CommonName: "partner"})

	// The registry is the caller's: a query, a cache, or fixed pins.
	registry := mtls.Pins{mtls.ThumbprintOf(partner.Certificate): "partner-1"}
	verifier, err := mtls.New(registry.Lookup, mtls.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := serverPair.TLS()
	config, err := verifier.TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil }, mtls.TLSOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}

	s := httptest.NewUnstartedServer(verifier.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		identity, _ := mtls.FromContext(r.Context())
		fmt.Println("called by", identity.Client)
	})))
	s.TLS = config
	s.StartTLS()
	defer s.Close()

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: ca.Pool(), ServerName: "example.com", Certificates: []tls.Certificate{partner.TLS()},
	}}}
	resp, err := client.Get(s.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output:
	// called by partner-1
	// 200
}

// TLS ends at a proxy on 10.0.0.0/8, which passes the certificate on by RFC
// 9440. With a clientip.Resolver, Trusted is its method FromProxy, and the
// proxies are named once for both.
func ExampleProxy() {
	ca, _ := mtlstest.NewCA("demonstration")
	partner, _ := ca.Issue(mtlstest.Leaf{CommonName: "partner"})
	registry := mtls.Pins{mtls.ThumbprintOf(partner.Certificate): "partner-1"}

	proxies := netip.MustParsePrefix("10.0.0.0/8")
	fromProxy := func(r *http.Request) bool {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		return err == nil && proxies.Contains(peer.Addr().Unmap())
	}
	verifier, err := mtls.New(registry.Lookup, mtls.Config{
		Proxy: &mtls.Proxy{Header: mtls.ClientCert(), Trusted: fromProxy},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Client-Cert", mtlstest.ClientCertHeader(partner.Certificate))
	for _, peer := range []string{"10.0.0.1:4711", "198.51.100.7:4711"} {
		r.RemoteAddr = peer
		identity, err := verifier.Check(r)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(identity.Client)
	}
	// Output:
	// partner-1
	// mtls: a client certificate header from a peer that is no trusted proxy
}

// A partner sends its certificate to be registered.
func ExampleImport() {
	ca, _ := mtlstest.NewCA("demonstration")
	partner, _ := ca.Issue(mtlstest.Leaf{
		CommonName: "api.partner.example", SelfSigned: true,
		NotAfter: time.Date(2031, time.February, 9, 12, 0, 0, 0, time.UTC),
	})
	cert, err := mtls.Import(partner.PEM(), mtls.Rules{})
	if err != nil {
		fmt.Println(err)
		return
	}
	name, err := mtls.NameOf(cert)
	fmt.Println(name, err)
	fmt.Println(mtls.CheckFileName("api.partner.example_PublicKey_090231.cer", cert))
	fmt.Println(mtls.CheckFileName("api.partner.example_PublicKey_100231.cer", cert))

	old, _ := ca.Issue(mtlstest.Leaf{CommonName: "partner", Key: mtlstest.RSA1024})
	_, err = mtls.Import(old.PEM(), mtls.Rules{})
	fmt.Println(err)
	// Output:
	// api.partner.example_PublicKey_090231.cer <nil>
	// <nil>
	// mtls: the file is named api.partner.example_PublicKey_100231.cer, its certificate is api.partner.example_PublicKey_090231.cer
	// mtls: the key of the client certificate is too weak or of a wrong kind
}

// A token that is bound to a certificate is of use with no other.
func ExampleThumbprint_CheckBound() {
	ca, _ := mtlstest.NewCA("demonstration")
	partner, _ := ca.Issue(mtlstest.Leaf{CommonName: "partner"})
	thief, _ := ca.Issue(mtlstest.Leaf{CommonName: "thief"})

	confirmation := mtls.ThumbprintOf(partner.Certificate).String() // cnf["x5t#S256"]
	fmt.Println(mtls.ThumbprintOf(partner.Certificate).CheckBound(confirmation))
	fmt.Println(mtls.ThumbprintOf(thief.Certificate).CheckBound(confirmation))
	// Output:
	// <nil>
	// mtls: the token is bound to another certificate
}

// A client of the method tls_client_auth is known by a name in a certificate of
// a trusted issuer.
func ExampleSubject() {
	ca, _ := mtlstest.NewCA("demonstration")
	partner, _ := ca.Issue(mtlstest.Leaf{CommonName: "partner", DNSNames: []string{"api.partner.example"}})
	subject, err := mtls.NewSubject(mtls.SubjectDNS, "api.partner.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := func(_ context.Context, p mtls.Presented) (string, error) {
		if err := subject.Check(p, ca.Pool(), time.Now()); err != nil {
			return "", err
		}
		return "partner-1", nil
	}
	fmt.Println(registry(context.Background(), mtls.Presented{Certificate: partner.Certificate}))
	// Output: partner-1 <nil>
}

// The server's own certificate is renewed without a restart: by Reload on a
// signal, or by Watch.
func ExampleServerCertificate() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ca, _ := mtlstest.NewCA("demonstration")
	pair, _ := ca.IssueServer("example.com")
	key, _ := pair.KeyPEM()
	certFile, keyFile := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	os.WriteFile(certFile, pair.PEM(), 0o600)
	os.WriteFile(keyFile, key, 0o600)

	own, err := mtls.LoadServerCertificate(certFile, keyFile)
	if err != nil {
		fmt.Println(err)
		return
	}
	os.WriteFile(certFile, []byte("half-written"), 0o600)
	fmt.Println(own.Reload() != nil)
	current, err := own.GetCertificate(nil) // for tls.Config
	fmt.Println(current.Leaf.Subject, err)
	// Output:
	// true
	// CN=example.com <nil>
}

func ExampleExpiryReport() {
	ca, _ := mtlstest.NewCA("demonstration")
	now := time.Now()
	old, _ := ca.Issue(mtlstest.Leaf{CommonName: "partner", NotAfter: now.Add(5 * 24 * time.Hour)})
	renewed, _ := ca.Issue(mtlstest.Leaf{CommonName: "partner", NotAfter: now.Add(400 * 24 * time.Hour)})
	late, _ := ca.Issue(mtlstest.Leaf{CommonName: "other", NotAfter: now.Add(9 * 24 * time.Hour)})

	report := mtls.ExpiryReport(map[string][]*x509.Certificate{
		"partner-1": {old.Certificate, renewed.Certificate},
		"partner-2": {late.Certificate},
	}, now, 30*24*time.Hour)
	for _, e := range report {
		fmt.Println(e.Client, e.CommonName, "expired:", e.Expired(), "sole:", e.Sole)
	}
	// Output:
	// partner-1 partner expired: false sole: false
	// partner-2 other expired: false sole: true
}
