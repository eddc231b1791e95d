package mtls

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
)

const (
	maxChain  = 9        // intermediates that are read
	maxImport = 64 << 10 // bytes of a certificate file
)

// Import reads the one certificate that a client sent to be registered, as PEM
// or DER, and checks it by rules. Text around a PEM block is ignored; a second
// certificate is not. The error is [ErrNotCertificate], [ErrPrivateKey] or a
// *[RuleError].
//
// Where the file has a name, [CheckFileName] it too.
func Import(data []byte, rules Rules) (*x509.Certificate, error) {
	cert, err := ParseCertificate(data)
	if err != nil {
		return nil, err
	}
	if err := rules.Check(cert, nil); err != nil {
		return nil, &RuleError{err}
	}
	return cert, nil
}

// RuleError says which rule a certificate breaks that was sent to be registered.
type RuleError struct{ Err error }

func (e *RuleError) Error() string { return e.Err.Error() }

// Unwrap returns the error of [Rules.Check].
func (e *RuleError) Unwrap() error { return e.Err }

// Refusal is the HTTP status and the stable code of the answer.
func (e *RuleError) Refusal() (status int, code string) {
	return http.StatusBadRequest, "invalid_certificate"
}

// ParseCertificate reads exactly one certificate, PEM or DER, without judging
// it. The error is [ErrNotCertificate] or [ErrPrivateKey].
func ParseCertificate(data []byte) (*x509.Certificate, error) {
	if len(data) > maxImport {
		return nil, ErrNotCertificate
	}
	if bytes.Contains(data, []byte("-----BEGIN")) {
		chain, err := parsePEM(data, 1)
		if err != nil {
			return nil, err
		}
		return chain[0], nil
	}
	cert, err := x509.ParseCertificate(data)
	if err == nil {
		return cert, nil
	}
	if privateKey(data) {
		return nil, ErrPrivateKey
	}
	return nil, ErrNotCertificate
}

// parsePEM reads one to limit certificates. Any other kind of block, a block
// with headers, and a broken block are refused.
func parsePEM(data []byte, limit int) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	blocks := bytes.Count(data, []byte("-----BEGIN"))
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if strings.Contains(block.Type, "PRIVATE KEY") {
			return nil, ErrPrivateKey
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 || len(out) == limit {
			return nil, ErrNotCertificate
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, ErrNotCertificate
		}
		out = append(out, cert)
	}
	if len(out) == 0 || len(out) != blocks {
		if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
			return nil, ErrPrivateKey
		}
		return nil, ErrNotCertificate
	}
	return out, nil
}

// privateKey tells whether der is a private key in any of the usual forms.
func privateKey(der []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(der)
	return err == nil
}
