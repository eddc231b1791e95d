package mtls

import (
	"crypto/x509"
	"net/url"
	"strings"
)

// EscapedPEM is the form of nginx: header holds $ssl_client_escaped_cert and,
// if verify is not empty, the header verify holds $ssl_client_verify, which must
// be SUCCESS. Leave verify empty where the proxy checks no chain
// (ssl_verify_client optional_no_ca): the handshake proves possession of the key
// in any case, and the registration is what is trusted.
func EscapedPEM(header, verify string) Header {
	h := Header{verdict: "SUCCESS", parse: func(value, _ string) ([]*x509.Certificate, error) { return escapedPEM(value, 1) }}
	if h.name, h.err = canonical("header", header); h.err != nil {
		return h
	}
	if verify != "" {
		h.verify, h.err = canonical("verify", verify)
	}
	return h
}

// ALBLeaf is the form of an AWS application load balancer in the mode "verify
// with trust store": X-Amzn-Mtls-Clientcert-Leaf holds the certificate.
func ALBLeaf() Header {
	return Header{
		name:  "X-Amzn-Mtls-Clientcert-Leaf",
		parse: func(value, _ string) ([]*x509.Certificate, error) { return escapedPEM(value, 1) },
	}
}

// ALBPassthrough is the form of an AWS application load balancer in the mode
// "passthrough": X-Amzn-Mtls-Clientcert holds the certificate and, after it, the
// intermediates, none of which the balancer has checked.
func ALBPassthrough() Header {
	return Header{
		name:  "X-Amzn-Mtls-Clientcert",
		parse: func(value, _ string) ([]*x509.Certificate, error) { return escapedPEM(value, 1+maxChain) },
	}
}

// escapedPEM reads one to limit certificates in PEM with the escapes of a URL's
// path. (In those of a query + is a space, which would break the base64 of
// proxies that leave + as it is.)
func escapedPEM(s string, limit int) ([]*x509.Certificate, error) {
	text, err := url.PathUnescape(strings.Trim(s, " \t"))
	if err != nil {
		return nil, ErrMalformed
	}
	chain, err := parsePEM([]byte(text), limit)
	if err != nil {
		return nil, ErrMalformed
	}
	return chain, nil
}
