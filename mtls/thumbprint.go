package mtls

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
)

// A Thumbprint is the SHA-256 of a certificate's DER: what a certificate is
// registered by, and what a token is bound to. It is a value and may be a map
// key; the zero Thumbprint is nobody's.
//
// https://www.rfc-editor.org/rfc/rfc8705#section-3.1
type Thumbprint [sha256.Size]byte

// ThumbprintOf returns the thumbprint of cert.
func ThumbprintOf(cert *x509.Certificate) Thumbprint { return sha256.Sum256(cert.Raw) }

// PublicKeyHash returns the SHA-256 of the certificate's public key (its
// SubjectPublicKeyInfo), which a renewed certificate of the same key shares. One
// key belongs to one client: compare it when a certificate is registered.
func PublicKeyHash(cert *x509.Certificate) [sha256.Size]byte {
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo)
}

// ParseThumbprint reads the form of the x5t#S256 member: base64url without
// padding, 43 characters, in its one canonical spelling.
func ParseThumbprint(s string) (Thumbprint, error) {
	var t Thumbprint
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(s) != 43 || len(b) != len(t) {
		return Thumbprint{}, errors.New("mtls: not a certificate thumbprint")
	}
	return Thumbprint(b), nil
}

// String returns the form of the x5t#S256 member.
func (t Thumbprint) String() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// IsZero tells whether t was never set.
func (t Thumbprint) IsZero() bool { return t == Thumbprint{} }

// MarshalText is [Thumbprint.String].
func (t Thumbprint) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText is [ParseThumbprint].
func (t *Thumbprint) UnmarshalText(text []byte) error {
	parsed, err := ParseThumbprint(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}

// CheckBound returns nil if a token with this x5t#S256 confirmation may be used
// with the certificate that has the thumbprint t, else [ErrNotBound]. An empty
// or malformed confirmation is bound to no certificate.
//
// https://www.rfc-editor.org/rfc/rfc8705#section-3
func (t Thumbprint) CheckBound(confirmation string) error {
	want, err := ParseThumbprint(confirmation)
	if err != nil || t.IsZero() || subtle.ConstantTimeCompare(t[:], want[:]) != 1 {
		return ErrNotBound
	}
	return nil
}
