package jose

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"

	gojose "github.com/go-jose/go-jose/v4"
)

// RSA moduli that are accepted, in bits. The upper bound keeps a registered key
// from making every answer to its owner expensive.
const (
	MinRSABits = 2048
	MaxRSABits = 8192
)

// Use restricts what a key is for (RFC 7517 section 4.2).
type Use string

// The uses of a key.
const (
	UseAny        Use = ""
	UseSignature  Use = "sig"
	UseEncryption Use = "enc"
)

// PublicKey is somebody else's RSA key: it verifies their signatures or
// encrypts to them. Immutable and safe for concurrent use.
type PublicKey struct {
	kid        string
	thumbprint string // RFC 7638, always
	x5tS256    string // if it came with a certificate
	use        Use
	key        *rsa.PublicKey
}

// NewPublicKey checks a key: RSA of 2048 to 8192 bits with an odd exponent of
// at least 65537, and not of the generator of CVE-2017-15361. An empty kid means the RFC 7638 thumbprint.
func NewPublicKey(kid string, key *rsa.PublicKey) (*PublicKey, error) {
	if err := checkRSA(key); err != nil {
		return nil, err
	}
	if len(kid) > maxKeyID {
		return nil, fmt.Errorf("jose: kid is longer than %d bytes", maxKeyID)
	}
	sum, err := (&gojose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("jose: thumbprint: %w", err)
	}
	p := &PublicKey{kid: kid, thumbprint: base64.RawURLEncoding.EncodeToString(sum), key: key}
	if kid == "" {
		p.kid = p.thumbprint
	}
	return p, nil
}

// PublicKeyFromCertificate is NewPublicKey with the key of a certificate, whose
// x5t#S256 (RFC 8705 section 3.1) counts as a kid of it too. Validity, usage
// and revocation of the certificate are for the caller to check.
func PublicKeyFromCertificate(kid string, cert *x509.Certificate) (*PublicKey, error) {
	if cert == nil {
		return nil, errors.New("jose: no certificate")
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("jose: the certificate's key is not RSA")
	}
	p, err := NewPublicKey(kid, key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(cert.Raw)
	p.x5tS256 = base64.RawURLEncoding.EncodeToString(sum[:])
	return p, nil
}

func checkRSA(key *rsa.PublicKey) error {
	if key == nil || key.N == nil {
		return errors.New("jose: no key")
	}
	if bits := key.N.BitLen(); bits < MinRSABits || bits > MaxRSABits {
		return fmt.Errorf("jose: an RSA key of %d bits; %d to %d are accepted", bits, MinRSABits, MaxRSABits)
	}
	if key.E < 65537 || key.E&1 == 0 || key.E > 1<<31-1 || key.N.Bit(0) == 0 {
		return errors.New("jose: an RSA key with an exponent or modulus that is not accepted")
	}
	if isROCA(key.N) {
		return errors.New("jose: an RSA key of a generator whose keys can be factored (CVE-2017-15361)")
	}
	return nil
}

// KeyID returns the kid.
func (k *PublicKey) KeyID() string { return k.kid }

// Thumbprint returns the RFC 7638 SHA-256 thumbprint, base64url.
func (k *PublicKey) Thumbprint() string { return k.thumbprint }

// Use returns what the key may be used for.
func (k *PublicKey) Use() Use { return k.use }

// RSA returns the key itself; it must not be changed.
func (k *PublicKey) RSA() *rsa.PublicKey { return k.key }

// WithUse returns a copy of the key that is restricted to one use.
func (k *PublicKey) WithUse(use Use) *PublicKey {
	c := *k
	c.use = use
	return &c
}

// Equal reports whether both are the same RSA key, whatever their kid.
func (k *PublicKey) Equal(other *PublicKey) bool {
	return k != nil && other != nil && k.key.Equal(other.key)
}

// named reports whether kid means this key: its kid, or one of its thumbprints.
func (k *PublicKey) named(kid string) bool {
	return kid != "" && (kid == k.kid || kid == k.thumbprint || kid == k.x5tS256)
}

// PrivateKey is a key of one's own. It signs, decrypts, or both; the private
// half may live in an HSM. Immutable and safe for concurrent use if the
// crypto.Signer it was made from is. It prints as its kid.
type PrivateKey struct {
	public *PublicKey
	signer crypto.Signer
	opener crypto.Decrypter // nil: cannot decrypt
}

// NewPrivateKey checks and wraps an *[rsa.PrivateKey], or a crypto.Signer with
// an RSA public key. A signer that is a [crypto.Decrypter] as well (an
// *rsa.PrivateKey is) can decrypt too. An empty kid means the RFC 7638
// thumbprint. The same size rules as for [NewPublicKey] hold.
func NewPrivateKey(kid string, key crypto.Signer) (*PrivateKey, error) {
	if key == nil {
		return nil, errors.New("jose: no key")
	}
	if own, ok := key.(*rsa.PrivateKey); ok {
		if own == nil {
			return nil, errors.New("jose: no key")
		}
		if len(own.Primes) != 2 {
			return nil, errors.New("jose: an RSA key of other than two primes")
		}
		if err := own.Validate(); err != nil {
			return nil, errors.New("jose: the RSA private key is not consistent")
		}
		own.Precompute()
	}
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("jose: the key is not RSA")
	}
	p, err := NewPublicKey(kid, public)
	if err != nil {
		return nil, err
	}
	k := &PrivateKey{public: p, signer: key}
	k.opener, _ = key.(crypto.Decrypter)
	return k, nil
}

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// KeyID returns the kid.
func (k *PrivateKey) KeyID() string { return k.public.kid }

// WithUse returns a copy of the key that is restricted to one use.
func (k *PrivateKey) WithUse(use Use) *PrivateKey {
	c := *k
	c.public = k.public.WithUse(use)
	return &c
}

// String names the key without showing it.
func (k *PrivateKey) String() string { return "jose.PrivateKey(" + k.public.kid + ")" }

// Format keeps every verb, %+v and %#v included, from printing the key.
func (k *PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue keeps the key out of structured logs.
func (k *PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// pick returns the keys that a message with this kid may mean: all that have
// the use if it names none, else those that it names.
func pick[K interface {
	candidate(kid string, use Use) bool
}](keys []K, kid string, use Use) []K {
	var out []K
	for _, k := range keys {
		if k.candidate(kid, use) {
			out = append(out, k)
		}
	}
	return out
}

func (k *PublicKey) candidate(kid string, use Use) bool {
	return k != nil && (k.use == UseAny || k.use == use) && (kid == "" || k.named(kid))
}

func (k *PrivateKey) candidate(kid string, use Use) bool {
	return k != nil && k.public.candidate(kid, use)
}
