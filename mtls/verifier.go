package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
)

// Presented is a certificate whose holder has proven that it has the key, to
// this process or to a trusted proxy.
type Presented struct {
	Certificate   *x509.Certificate
	Intermediates []*x509.Certificate // as presented, unverified
	Thumbprint    Thumbprint
	// Proxied tells that the proof was given to a trusted proxy.
	Proxied bool
}

func present(chain []*x509.Certificate, proxied bool) Presented {
	return Presented{
		Certificate:   chain[0],
		Intermediates: chain[1:],
		Thumbprint:    ThumbprintOf(chain[0]),
		Proxied:       proxied,
	}
}

// A Registry returns the client that a presented certificate is registered to,
// now. It returns [ErrNotRegistered], [ErrRevoked] or another error with a method
// Refusal() where there is none; an empty client counts as not registered. Any
// other error is a failure of the registry and refuses with 503. It is called
// concurrently, in every handshake and for every request, so it should answer
// from memory.
type Registry func(ctx context.Context, presented Presented) (client string, err error)

// Pins is a fixed registry: the client of each thumbprint. Use its method Lookup
// as the [Registry]. It must not be changed while it is in use.
type Pins map[Thumbprint]string

// Lookup is a [Registry].
func (p Pins) Lookup(_ context.Context, presented Presented) (client string, err error) {
	client, ok := p[presented.Thumbprint]
	if !ok {
		return "", ErrNotRegistered
	}
	return client, nil
}

// Config holds what a [Verifier] may be given beside its registry.
type Config struct {
	// Rules are what certificates must be; the zero value is strict.
	Rules Rules
	// Proxy says which proxies may pass certificates on in a header; without one
	// only the certificate of the TLS connection counts, and headers are not
	// looked at.
	Proxy *Proxy
}

// A Verifier tells which client a request's certificate belongs to. It is
// immutable and safe for concurrent use; nil and zero refuse everything.
type Verifier struct {
	registry Registry
	rules    Rules
	proxy    *Proxy
}

// New makes a verifier over registry. The error names the field that is wrong.
func New(registry Registry, config Config) (*Verifier, error) {
	if registry == nil {
		return nil, errors.New("mtls: registry: no function")
	}
	v := &Verifier{registry: registry, rules: config.Rules}
	if config.Proxy != nil {
		proxy, err := config.Proxy.checked()
		if err != nil {
			return nil, err
		}
		v.proxy = proxy
	}
	return v, nil
}

// Identity is whose certificate a request came with.
type Identity struct {
	// Client is what the registry said.
	Client string
	Presented
}

// CheckClient returns nil if the certificate belongs to client, which is the one
// that the request names elsewhere; else [ErrOtherClient].
func (i *Identity) CheckClient(client string) error {
	if i == nil || client == "" || i.Client != client {
		return ErrOtherClient
	}
	return nil
}

// Check returns whose certificate r came with, asking the registry anew, or why
// it is refused. Call it for each request: the connection may be older than a
// revocation.
func (v *Verifier) Check(r *http.Request) (*Identity, error) {
	if v == nil || v.registry == nil {
		return nil, ErrMisconfigured
	}
	presented, err := v.presented(r)
	if err != nil {
		return nil, err
	}
	return v.identify(r.Context(), presented)
}

// presented finds the certificate of r without judging it.
func (v *Verifier) presented(r *http.Request) (Presented, error) {
	if v.proxy != nil {
		if v.proxy.trusts(r) {
			// Never the certificate of the connection: it is the proxy's own.
			chain, err := v.proxy.Header.read(r.Header)
			if err != nil {
				return Presented{}, err
			}
			return present(chain, true), nil
		}
		if v.proxy.Header.sentIn(r.Header) {
			return Presented{}, ErrUntrustedPeer
		}
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return Presented{}, ErrNoCertificate
	}
	return present(r.TLS.PeerCertificates, false), nil
}

// FromProxy tells whether r came from a trusted proxy, so that other headers
// which that proxy sets may be believed too. It is false where no [Proxy] is
// configured.
func (v *Verifier) FromProxy(r *http.Request) bool {
	return v != nil && v.proxy != nil && v.proxy.trusts(r)
}

func (v *Verifier) identify(ctx context.Context, presented Presented) (*Identity, error) {
	if err := v.rules.Check(presented.Certificate, presented.Intermediates); err != nil {
		return nil, err
	}
	client, err := v.registry(ctx, presented)
	var decided interface{ Refusal() (int, string) }
	switch {
	case errors.As(err, &decided):
		return nil, err
	case err != nil:
		return nil, &RegistryError{err}
	case client == "":
		return nil, ErrNotRegistered
	}
	return &Identity{Client: client, Presented: presented}, nil
}

// verifyConnection judges a handshake, a resumed one too.
func (v *Verifier) verifyConnection(ctx context.Context, state tls.ConnectionState, optional bool) error {
	if len(state.PeerCertificates) == 0 {
		if optional {
			return nil
		}
		return ErrNoCertificate
	}
	presented := present(state.PeerCertificates, false)
	if v.proxy != nil && slices.Contains(v.proxy.Pinned, presented.Thumbprint) {
		return v.rules.checkProxy(presented.Certificate)
	}
	_, err := v.identify(ctx, presented)
	return err
}

// checkProxy is what a pinned proxy's own certificate must be: a good one, but
// the rules of the clients' profile do not concern it.
func (r Rules) checkProxy(cert *x509.Certificate) error {
	return Rules{Now: r.Now}.Check(cert, nil)
}

// Handler calls next for requests that pass [Verifier.Check], with the identity
// in the context (see [FromContext]), and answers the others as
// application/problem+json.
func (v *Verifier) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		identity, err := v.Check(r)
		if err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, identity)))
	})
}

type contextKey struct{}

// FromContext returns the identity that [Verifier.Handler] found.
func FromContext(ctx context.Context) (identity *Identity, ok bool) {
	identity, ok = ctx.Value(contextKey{}).(*Identity)
	return identity, ok
}
