package mtls

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
)

// ClientCert is the standard form: Client-Cert holds the certificate and
// Client-Cert-Chain, which may be absent, the intermediates. Each is one line.
//
// https://www.rfc-editor.org/rfc/rfc9440#section-2
func ClientCert() Header {
	return Header{name: "Client-Cert", chain: "Client-Cert-Chain", parse: parseClientCert}
}

func parseClientCert(value, chain string) ([]*x509.Certificate, error) {
	if strings.Trim(value, " ") == "::" { // what a proxy writes that has no certificate
		return nil, ErrNoCertificate
	}
	leaf, err := byteSequence(value)
	if err != nil {
		return nil, err
	}
	out := []*x509.Certificate{leaf}
	if chain == "" {
		return out, nil
	}
	for item := range strings.SplitSeq(chain, ",") {
		cert, err := byteSequence(strings.Trim(item, " \t"))
		if err != nil || len(out) > maxChain {
			return nil, ErrMalformed
		}
		out = append(out, cert)
	}
	return out, nil
}

// byteSequence reads a structured field of one certificate; the field has no
// parameters.
//
// https://www.rfc-editor.org/rfc/rfc9651#section-3.3.5
func byteSequence(s string) (*x509.Certificate, error) {
	s = strings.Trim(s, " ")
	if len(s) < 2 || s[0] != ':' || s[len(s)-1] != ':' || strings.ContainsAny(s, "\r\n") {
		return nil, ErrMalformed
	}
	der, err := base64.StdEncoding.Strict().DecodeString(s[1 : len(s)-1])
	if err != nil {
		return nil, ErrMalformed
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, ErrMalformed
	}
	return cert, nil
}
