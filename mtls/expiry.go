package mtls

import (
	"crypto/x509"
	"slices"
	"time"
)

// Expiry is one line of an [ExpiryReport].
type Expiry struct {
	// Client is whom the certificate is registered to.
	Client string
	// Thumbprint and CommonName say which certificate it is.
	Thumbprint Thumbprint
	CommonName string
	// NotAfter is when it expires, in UTC.
	NotAfter time.Time
	// Left is the time until then; negative if it has passed.
	Left time.Duration
	// Sole tells that no other certificate of this client is good beyond the
	// report's horizon: without a new one the client will be locked out.
	Sole bool
}

// Expired tells whether the time has passed.
func (e Expiry) Expired() bool { return e.Left < 0 }

// ExpiryReport returns those certificates of the clients that have expired, or
// will within the horizon, the most urgent first.
func ExpiryReport(clients map[string][]*x509.Certificate, now time.Time, horizon time.Duration) []Expiry {
	var out []Expiry
	for client, certs := range clients {
		sole := !slices.ContainsFunc(certs, func(c *x509.Certificate) bool { return c.NotAfter.Sub(now) > horizon })
		for _, cert := range certs {
			left := cert.NotAfter.Sub(now)
			if left > horizon {
				continue
			}
			out = append(out, Expiry{
				Client:     client,
				Thumbprint: ThumbprintOf(cert),
				CommonName: cert.Subject.CommonName,
				NotAfter:   cert.NotAfter.UTC(),
				Left:       left,
				Sole:       sole,
			})
		}
	}
	slices.SortFunc(out, func(a, b Expiry) int {
		if c := a.NotAfter.Compare(b.NotAfter); c != 0 {
			return c
		}
		return slices.Compare(a.Thumbprint[:], b.Thumbprint[:])
	})
	return out
}
