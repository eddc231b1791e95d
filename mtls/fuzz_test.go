package mtls

import (
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// fuzzHeader gives a header of the fuzzer's making to a trusted proxy's verifier,
// alone and next to the true one: it is refused, or it is a certificate that
// stands in it.
func fuzzHeader(f *testing.F, header Header, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		chain, err := header.read(http.Header{header.name: {value}, header.chain: nil})
		if err != nil {
			var e interface{ Refusal() (int, string) }
			if chain != nil || !errors.As(err, &e) {
				t.Fatalf("%v together with %v", chain, err)
			}
			return
		}
		if len(chain) == 0 || len(chain) > 1+maxChain {
			t.Fatalf("%d certificates", len(chain))
		}
		for _, cert := range chain {
			if _, err := x509.ParseCertificate(cert.Raw); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzClientCert(f *testing.F) {
	own := pairs(f)
	fuzzHeader(f, ClientCert(), b64(own.partner.Certificate), "::", ":AAAA:", ":=:", b64(own.partner.Certificate)+", "+b64(own.stranger.Certificate))
}

func FuzzEscapedPEM(f *testing.F) {
	own := pairs(f)
	fuzzHeader(f, EscapedPEM("X-Cert", ""), escaped(own.partner.Certificate), halfEscaped(own.partner.Certificate), "-----BEGIN", "%")
}

// FuzzXFCC: text that a certificate's subject may hold, escaped as Envoy does,
// never becomes another certificate.
func FuzzXFCC(f *testing.F) {
	own := pairs(f)
	good := `Hash=` + sha(own.partner.Certificate) + `;Cert="` + escaped(own.partner.Certificate) + `"`
	for _, s := range []string{good, `Subject="a\"b";` + good, good + "," + good, `";Cert="` + escaped(own.stranger.Certificate), `a\`, `\",`, `URI=a,b`} {
		f.Add(s)
	}
	header := EnvoyXFCC()
	f.Fuzz(func(t *testing.T, text string) {
		if chain, err := header.read(http.Header{header.name: {text}}); (err == nil) != (len(chain) > 0) {
			t.Fatalf("%v, %v", chain, err)
		}
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
		for _, value := range []string{`Subject="` + quoted + `";` + good, good + `;Subject="` + quoted + `"`} {
			chain, err := header.read(http.Header{header.name: {value}})
			if len(value) > maxHeader {
				continue
			}
			if err != nil || !chain[0].Equal(own.partner.Certificate) {
				t.Fatalf("%q: %v", value, err)
			}
		}
		// Without escapes it may be refused, but is never somebody else's.
		chain, err := header.read(http.Header{header.name: {`Subject="` + text + `";` + good}})
		if err == nil && !chain[0].Equal(own.partner.Certificate) {
			t.Fatalf("%q became another certificate", text)
		}
	})
}

func FuzzFileName(f *testing.F) {
	for _, s := range []string{"a_PublicKey_010131.cer", "../a_PublicKey_010131.cer", "a_PublicKey_310231.cer", "a_PublicKey_b_PublicKey_010131.cer"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		parsed, err := ParseFileName(name)
		if err != nil {
			return
		}
		if parsed.String() != name {
			t.Fatalf("%q is read as %v", name, parsed)
		}
		if strings.ContainsAny(name, "/\\\x00 \n") || parsed.Expiry.Year() < 2000 || parsed.Expiry.Year() > 2099 {
			t.Fatalf("%q", name)
		}
	})
}

func FuzzImport(f *testing.F) {
	own := pairs(f)
	f.Add(own.partner.PEM())
	f.Add(own.partner.Certificate.Raw)
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cert, err := ParseCertificate(data)
		if (err == nil) != (cert != nil) {
			t.Fatalf("%v, %v", cert, err)
		}
	})
}

func FuzzJWKS(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","x5c":["AAAA"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := ParseJWKS(data)
		if (err == nil) != (len(certs) > 0) {
			t.Fatalf("%d, %v", len(certs), err)
		}
	})
}
