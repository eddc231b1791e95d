package mtls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"time"
)

// Rules are what a client certificate must be, whoever it belongs to. The zero
// Rules are strict and ready to use; they are a value and safe for concurrent
// use.
type Rules struct {
	// RSAOnly refuses ECDSA keys: the same key signs and decrypts messages, and
	// those are RSA.
	RSAOnly bool
	// Roots, if not nil, demands a chain to one of them on top of the
	// registration.
	Roots *x509.CertPool
	// Now is the clock; by default time.Now.
	Now func() time.Time
}

const (
	minRSABits     = 2048
	maxRSABits     = 8192 // crypto/tls verifies no larger one
	minRSAExponent = 65537
)

// Check returns nil if cert may be used now, with intermediates to build a chain
// from where roots are demanded. Otherwise it returns one of [ErrKey],
// [ErrUsage], [ErrExtension], [ErrNotYetValid], [ErrExpired] and [ErrIssuer].
func (r Rules) Check(cert *x509.Certificate, intermediates []*x509.Certificate) error {
	if err := r.checkKey(cert); err != nil {
		return err
	}
	// An absent list, or one that says "any", would permit clientAuth by the
	// rules of X.509; here it has to be said.
	if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return ErrUsage
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return ErrUsage
	}
	if len(cert.UnhandledCriticalExtensions) > 0 {
		return ErrExtension
	}
	now := r.now()
	if now.Before(cert.NotBefore) {
		return ErrNotYetValid
	}
	if now.After(cert.NotAfter) {
		return ErrExpired
	}
	if r.Roots == nil {
		return nil
	}
	return verifyChain(cert, intermediates, r.Roots, now)
}

func (r Rules) checkKey(cert *x509.Certificate) error {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSABits || n > maxRSABits || key.E < minRSAExponent || key.E%2 == 0 {
			return ErrKey
		}
		return nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			if !r.RSAOnly {
				return nil
			}
		}
	}
	return ErrKey
}

func (r Rules) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

// verifyChain demands a chain from cert to one of roots, which must not be nil:
// crypto/x509 would take that for the roots of the system.
func verifyChain(cert *x509.Certificate, intermediates []*x509.Certificate, roots *x509.CertPool, now time.Time) error {
	if roots == nil {
		return ErrIssuer
	}
	pool := x509.NewCertPool()
	for _, c := range intermediates {
		pool.AddCert(c)
	}
	_, err := cert.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: pool,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return ErrIssuer
	}
	return nil
}
