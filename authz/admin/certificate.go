package admin

import (
	"context"
	"crypto/x509"
	"net/http"
	"slices"
	"time"

	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/storage"
)

// Import is a certificate that a client sent to be registered.
type Import struct {
	// Data is the certificate, PEM or DER.
	Data []byte
	// FileName is the name of the file it came in, {CN}_PublicKey_{ExpiryDDMMYY}.cer;
	// where it is given it must be true.
	FileName string
	// Rules are what the certificate must be; the zero value is strict. Set
	// RSAOnly where messages are sealed with the same key.
	Rules mtls.Rules
}

// ImportCertificate registers one more certificate of a key. It may connect with
// it from the next handshake on; other certificates stay. One that is there
// changes nothing, and one whose public key is another key's is [ErrExists].
func (s *Service) ImportCertificate(ctx context.Context, a Actor, clientID string, i Import) (Key, error) {
	if i.Rules.Now == nil {
		i.Rules.Now = s.now
	}
	certificate, err := mtls.Import(i.Data, i.Rules)
	if err == nil && i.FileName != "" {
		err = mtls.CheckFileName(i.FileName, certificate)
	}
	if err != nil {
		return Key{}, &Refused{Err: ErrInvalid, Status: http.StatusBadRequest, Code: "certificate_refused", Reason: err.Error(), Detail: "The certificate cannot be registered: " + err.Error() + "."}
	}
	record := CertificateRecord(certificate)
	return s.changeKey(ctx, a, clientID, "certificate_imported", 0, func(k *keyRecord, _ time.Time) error {
		if slices.ContainsFunc(k.Certificates, func(c storage.Certificate) bool { return c.Thumbprint == record.Thumbprint }) {
			return nil
		}
		k.Certificates = append(slices.Clone(k.Certificates), record)
		return nil
	})
}

// CertificateRecord is a certificate as the store keeps it.
func CertificateRecord(c *x509.Certificate) storage.Certificate {
	return storage.Certificate{DER: c.Raw, Thumbprint: mtls.ThumbprintOf(c), KeyThumbprint: mtls.PublicKeyHash(c), NotBefore: c.NotBefore, NotAfter: c.NotAfter}
}

// RevokeCertificate ends the registration of a certificate. Connections that
// were made with it get no further request through.
func (s *Service) RevokeCertificate(ctx context.Context, a Actor, clientID string, thumbprint mtls.Thumbprint) (Key, error) {
	return s.changeKey(ctx, a, clientID, "certificate_revoked", 0, func(k *keyRecord, now time.Time) error {
		i := slices.IndexFunc(k.Certificates, func(c storage.Certificate) bool { return c.Thumbprint == thumbprint })
		if i < 0 {
			return &Refused{Err: ErrNotFound, Status: http.StatusNotFound, Code: "certificate_not_found", Reason: "certificate_not_found", Detail: "The key has no such certificate."}
		}
		k.Certificates = slices.Clone(k.Certificates)
		if k.Certificates[i].RevokedAt.IsZero() {
			k.Certificates[i].RevokedAt = now
		}
		return nil
	})
}
