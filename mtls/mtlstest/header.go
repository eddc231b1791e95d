package mtlstest

import (
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strings"
)

// ClientCertHeader is the value of Client-Cert that a proxy sends for cert,
// https://www.rfc-editor.org/rfc/rfc9440#section-2.2.
func ClientCertHeader(cert *x509.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(cert.Raw) + ":"
}

// EscapedPEMHeader is $ssl_client_escaped_cert of nginx for cert.
func EscapedPEMHeader(cert *x509.Certificate) string {
	return strings.ReplaceAll(url.QueryEscape(string(certificatePEM(cert.Raw))), "+", "%20")
}
