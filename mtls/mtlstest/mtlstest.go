// Package mtlstest makes certificates in memory, good ones and every kind of bad
// one, for tests and for demonstrations. It writes no file and needs no network.
package mtlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// Key is a kind of key pair.
type Key int

// Kinds of keys. The zero Key is P-256, which is the quickest to make.
const (
	P256 Key = iota
	P384
	P521
	P224    // too weak
	RSA1024 // too weak
	RSA2048
	RSA3072
	Ed25519
)

// Generate makes a key pair.
func (k Key) Generate() (crypto.Signer, error) {
	switch k {
	case P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case P521:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case P224:
		return ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case RSA1024:
		return rsa.GenerateKey(rand.Reader, 1024)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case Ed25519:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("mtlstest: unknown kind of key %d", k)
}

// Usage is what a certificate says it is for.
type Usage int

// Usages. The zero Usage is client authentication.
const (
	ClientAuth Usage = iota
	ServerAuth
	BothAuth
	NoUsage  // the extension is absent
	AnyUsage // anyExtendedKeyUsage
)

func (u Usage) extended() []x509.ExtKeyUsage {
	switch u {
	case ClientAuth:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case ServerAuth:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	case BothAuth:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	case AnyUsage:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	return nil
}

// Leaf says what a certificate is to be like. The zero Leaf is a good client
// certificate without a name.
type Leaf struct {
	// Subject is the whole subject; if it is empty, CommonName alone is.
	Subject    pkix.Name
	CommonName string
	Key        Key
	// PrivateKey is used instead of a new key of the kind Key.
	PrivateKey crypto.Signer
	Usage      Usage
	// KeyUsage is digitalSignature if it is zero.
	KeyUsage x509.KeyUsage
	// NotBefore and NotAfter are an hour ago and in a year if they are zero.
	NotBefore, NotAfter time.Time
	// SelfSigned makes a certificate that no authority has issued.
	SelfSigned bool
	// Alternative names.
	DNSNames []string
	URIs     []*url.URL
	IPs      []net.IP
	Emails   []string
	// ExtraExtensions are added as they are.
	ExtraExtensions []pkix.Extension
}

// A CA issues certificates. It is safe for concurrent use.
type CA struct {
	Certificate *x509.Certificate
	key         crypto.Signer
}

// NewCA makes a certification authority.
func NewCA(commonName string) (*CA, error) {
	key, err := P256.Generate()
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &CA{Certificate: cert, key: key}, nil
}

// OpenCA is the authority whose [CA.Pair] was kept, for demonstrations that are
// started again.
func OpenCA(pair *Pair) *CA { return &CA{Certificate: pair.Certificate, key: pair.Key} }

// Pair is the authority's own certificate and key.
func (ca *CA) Pair() *Pair { return &Pair{Certificate: ca.Certificate, Key: ca.key} }

// Pool holds the CA alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	return pool
}

// PEM is the CA's certificate.
func (ca *CA) PEM() []byte { return certificatePEM(ca.Certificate.Raw) }

// Issue makes a certificate.
func (ca *CA) Issue(leaf Leaf) (*Pair, error) {
	key := leaf.PrivateKey
	if key == nil {
		var err error
		if key, err = leaf.Key.Generate(); err != nil {
			return nil, err
		}
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:    serial,
		Subject:         leaf.Subject,
		NotBefore:       leaf.NotBefore,
		NotAfter:        leaf.NotAfter,
		KeyUsage:        leaf.KeyUsage,
		ExtKeyUsage:     leaf.Usage.extended(),
		DNSNames:        leaf.DNSNames,
		URIs:            leaf.URIs,
		IPAddresses:     leaf.IPs,
		EmailAddresses:  leaf.Emails,
		ExtraExtensions: leaf.ExtraExtensions,
	}
	if leaf.Subject.String() == "" {
		template.Subject = pkix.Name{CommonName: leaf.CommonName}
	}
	if template.KeyUsage == 0 {
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().AddDate(1, 0, 0)
	}
	parent, signer := ca.Certificate, ca.key
	if leaf.SelfSigned {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Pair{Certificate: cert, Key: key}, nil
}

// IssueServer makes a server certificate for host names and IP addresses.
func (ca *CA) IssueServer(hosts ...string) (*Pair, error) {
	leaf := Leaf{Usage: ServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPs = append(leaf.IPs, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	if len(hosts) > 0 {
		leaf.CommonName = hosts[0]
	}
	return ca.Issue(leaf)
}

// A Pair is a certificate with its private key.
type Pair struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// TLS is the pair for tls.Config.
func (p *Pair) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Certificate.Raw}, PrivateKey: p.Key, Leaf: p.Certificate}
}

// PEM is the certificate.
func (p *Pair) PEM() []byte { return certificatePEM(p.Certificate.Raw) }

// KeyPEM is the private key, in PKCS #8.
func (p *Pair) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func serialNumber() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}
