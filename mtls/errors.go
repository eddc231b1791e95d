package mtls

import (
	"errors"
	"fmt"
	"net/http"
)

// Errors of a check. To the caller those about a presented certificate are all
// the same refusal, 403 client_certificate_refused; which one it is, is for the
// audit trail. Test with [errors.Is].
var (
	// ErrNoCertificate: no certificate was presented.
	ErrNoCertificate error = refused("no client certificate was presented")
	// ErrMalformed: a trusted proxy sent a certificate header that cannot be
	// read, or sent it more than once.
	ErrMalformed error = refused("the client certificate header cannot be read")
	// ErrUntrustedPeer: a peer that is no trusted proxy sent a certificate
	// header. Nobody does that by accident.
	ErrUntrustedPeer error = refused("a client certificate header from a peer that is no trusted proxy")
	// ErrNotVerified: the proxy says that its own check of the certificate failed.
	ErrNotVerified error = refused("the proxy did not verify the client certificate")
	// ErrKey: the key is not RSA of 2048 bits or more, nor ECDSA on P-256, P-384
	// or P-521; or it is not RSA where only that may be used.
	ErrKey error = refused("the key of the client certificate is too weak or of a wrong kind")
	// ErrUsage: the certificate does not name clientAuth among its extended key
	// usages, or is not meant for signatures.
	ErrUsage error = refused("the client certificate is not meant for client authentication")
	// ErrExtension: the certificate has a critical extension that is not
	// understood.
	ErrExtension error = refused("the client certificate has an unknown critical extension")
	// ErrExpired: the certificate's time is over.
	ErrExpired error = refused("the client certificate has expired")
	// ErrNotYetValid: the certificate's time has not come.
	ErrNotYetValid error = refused("the client certificate is not valid yet")
	// ErrIssuer: no chain leads to one of the roots that were demanded.
	ErrIssuer error = refused("the client certificate is not from a trusted issuer")
	// ErrSubject: the certificate is not the one that the client registered by
	// its subject.
	ErrSubject error = refused("the client certificate has another subject")
	// ErrNotRegistered: the certificate belongs to no client.
	ErrNotRegistered error = refused("the client certificate is not registered")
	// ErrRevoked: the registration of the certificate has ended. Registries
	// return it; to the caller it is like ErrNotRegistered.
	ErrRevoked error = refused("the client certificate is revoked")
	// ErrOtherClient: the certificate is registered, but to another client than
	// the one that the request names.
	ErrOtherClient error = refused("the client certificate is another client's")

	// ErrNotBound: the token is bound to another certificate (RFC 8705, section
	// 3). It is refused with 401 invalid_token.
	ErrNotBound error = &refusal{http.StatusUnauthorized, "invalid_token", "mtls: the token is bound to another certificate"}
	// ErrMisconfigured: the [Verifier] is nil or zero. It is refused with 500.
	ErrMisconfigured error = &refusal{http.StatusInternalServerError, "server_misconfigured", "mtls: the verifier is not configured"}
)

// Errors of reading what a client sent to be registered; 400
// invalid_certificate.
var (
	// ErrNotCertificate: the data is not exactly one certificate, PEM or DER.
	ErrNotCertificate error = invalid("the data is not one certificate in PEM or DER")
	// ErrPrivateKey: the data holds a private key. Whoever sent it must make a
	// new one: this one has been seen.
	ErrPrivateKey error = invalid("the data holds a private key; it is compromised and must be replaced")
	// ErrNoName: the certificate's subject has no common name, or several, or one
	// that cannot be part of a file name.
	ErrNoName error = invalid("the certificate has no single common name of letters, digits, dots and hyphens")
	// ErrNoDate: the certificate expires outside the years that a file name can
	// tell, 2000 to 2099.
	ErrNoDate error = invalid("the certificate does not expire between 2000 and 2099")
	// ErrJWKS: the data is not a JSON Web Key Set whose keys carry their
	// certificates.
	ErrJWKS error = invalid("the data is not a key set with certificates")
)

// refusal is an error that knows its answer.
type refusal struct {
	status int
	code   string
	text   string
}

func refused(text string) *refusal {
	return &refusal{http.StatusForbidden, "client_certificate_refused", "mtls: " + text}
}

func invalid(text string) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_certificate", "mtls: " + text}
}

func (e *refusal) Error() string { return e.text }

// Refusal is the HTTP status and the stable code of the answer.
func (e *refusal) Refusal() (status int, code string) { return e.status, e.code }

// RegistryError is a failure of the caller's registry: nothing is known about
// the certificate, so the request is refused with 503.
type RegistryError struct{ Err error }

func (e *RegistryError) Error() string { return "mtls: the registry failed: " + e.Err.Error() }

// Unwrap returns what the registry returned.
func (e *RegistryError) Unwrap() error { return e.Err }

// Refusal is the HTTP status and the stable code of the answer.
func (e *RegistryError) Refusal() (status int, code string) {
	return http.StatusServiceUnavailable, "temporarily_unavailable"
}

// refuse answers with the status and code of err, and with no more than that.
func refuse(w http.ResponseWriter, err error) {
	status, code := http.StatusInternalServerError, "internal"
	var e interface{ Refusal() (int, string) }
	if errors.As(err, &e) {
		status, code = e.Refusal()
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"about:blank","title":%q,"status":%d,"code":%q}`+"\n", http.StatusText(status), status, code)
}
