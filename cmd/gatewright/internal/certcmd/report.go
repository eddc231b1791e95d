package certcmd

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatewright/gatewright/mtls"
)

// report is what is told of a certificate.
type report struct {
	File      string    `json:"file"`
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	DaysLeft  int       `json:"days_left"`
	Key       string    `json:"key"`
	// Sealing tells whether the key can seal messages: RSA of 2048 bits or more.
	Sealing    bool     `json:"sealing"`
	SelfSigned bool     `json:"self_signed"`
	Thumbprint string   `json:"x5t#S256"`
	SHA256     string   `json:"sha256"`
	KeySHA256  string   `json:"public_key_sha256"`
	FileName   string   `json:"file_name,omitempty"`
	Problems   []string `json:"problems"`
	Names      []string `json:"names,omitempty"`
}

func reportOf(file string, cert *x509.Certificate) report {
	sum, key := sha256.Sum256(cert.Raw), mtls.PublicKeyHash(cert)
	r := report{
		File: file, Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), Serial: cert.SerialNumber.Text(16),
		NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(), DaysLeft: int(time.Until(cert.NotAfter).Hours() / 24),
		Key: keyOf(cert), SelfSigned: cert.CheckSignatureFrom(cert) == nil || cert.Subject.String() == cert.Issuer.String(),
		Thumbprint: mtls.ThumbprintOf(cert).String(), SHA256: hex.EncodeToString(sum[:]), KeySHA256: hex.EncodeToString(key[:]),
		Problems: []string{}, Names: namesOf(cert),
	}
	rsaKey, isRSA := cert.PublicKey.(*rsa.PublicKey)
	r.Sealing = isRSA && rsaKey.N.BitLen() >= 2048
	if err := (mtls.Rules{}).Check(cert, nil); err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
	if name, err := mtls.NameOf(cert); err != nil {
		r.Problems = append(r.Problems, err.Error())
	} else {
		r.FileName = name.String()
	}
	// A name of another form is no claim; one of the form must be true.
	if err := mtls.CheckFileName(filepath.Base(file), cert); err != nil && !errors.Is(err, mtls.ErrFileName) && r.FileName != "" {
		r.Problems = append(r.Problems, err.Error())
	}
	return r
}

func keyOf(cert *x509.Certificate) string {
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return cert.PublicKeyAlgorithm.String()
}

func namesOf(cert *x509.Certificate) []string {
	var names []string
	names = append(append(names, cert.DNSNames...), cert.EmailAddresses...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	return names
}

func (r report) text(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s "+format+"\n", append([]any{name}, args...)...)
	}
	line("file", "%s", r.File)
	line("subject", "%s", r.Subject)
	if len(r.Names) > 0 {
		line("names", "%s", strings.Join(r.Names, ", "))
	}
	issuer := r.Issuer
	if r.SelfSigned {
		issuer += " (self-signed)"
	}
	line("issuer", "%s", issuer)
	line("serial", "%s", r.Serial)
	line("valid", "%s to %s (%d days left)", r.NotBefore.Format(time.RFC3339), r.NotAfter.Format(time.RFC3339), r.DaysLeft)
	sealing := "can seal messages"
	if !r.Sealing {
		sealing = "cannot seal messages"
	}
	line("key", "%s, %s", r.Key, sealing)
	line("x5t#S256", "%s", r.Thumbprint)
	line("sha256", "%s", r.SHA256)
	line("key sha256", "%s", r.KeySHA256)
	if r.FileName != "" {
		line("file name", "%s", r.FileName)
	}
	for _, p := range r.Problems {
		line("problem", "%s", p)
	}
}

func pemOf(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}
